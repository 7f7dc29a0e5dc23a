#!/usr/bin/env python3
"""A split, as a false word makes it: the network is cut, the old primary runs, and somebody says that it is down. Started
again while it is cut off, it goes on in an epoch of the same number. Once the two hear of each other, both stop
acknowledging and say so; an order ends it, and what one of them had acknowledged alone is held, not lost."""

import json
import unittest

import separate_nodes
from cluster import wait_for
from separate_nodes import Nodes

EXIT_WOULD_LOSE = 4


class SplitTest(unittest.TestCase):
    def setUp(self):
        self.nodes = Nodes(2, 'local:0')
        self.addCleanup(self.nodes.close)

    def row(self, k):
        """What node `k` says of itself; exit status 3 tells that not all is well."""
        done = self.nodes.hf('status', '--output', 'json', endpoint=k)
        self.assertIn(done.returncode, (0, 3), done.stderr)
        return next(row for row in json.loads(done.stdout)['nodes'] if row['id'] == self.nodes.id(k))

    def write(self, k, name):
        """The exit code of a write through node `k` alone."""
        return self.nodes.hf('resource', 'add', name, '--type', 'Linux', endpoint=k).returncode

    def names(self, k):
        listed = json.loads(self.nodes.must_hf('resource', 'list', '--output', 'json', endpoint=k))
        return {resource['name'] for resource in listed['resources']}

    def promote(self, k, *options):
        return self.nodes.hf('promote', '--node', self.nodes.id(k), '--yes', *options, endpoint=k)

    def make_split(self):
        self.assertEqual(self.write(1, 'both'), 0)
        wait_for('both have it', lambda: 'both' in self.names(2))
        self.nodes.cut(1, 2)
        false_word = ('--old-primary-is-down', '--accept-loss', 'unknown')
        wait_for('node 2 is promoted', lambda: self.promote(2, *false_word).returncode == 0)
        self.nodes.kill(1)
        self.nodes.start(1)
        for k in (1, 2):
            wait_for(f'node {k} is primary', lambda: self.nodes.health(k, '/primary') == 200)
            self.assertEqual(self.write(k, f'only on {k}'), 0)
        self.assertEqual(self.row(1)['epoch'], self.row(2)['epoch'])

    def assert_split(self):
        for k in (1, 2):
            self.assertNotEqual(self.nodes.health(k, '/primary'), 200)
            self.assertNotEqual(self.write(k, 'refused'), 0)
            self.assertEqual(self.nodes.health(k), 200)
            self.assertEqual(self.names(k), {'both', f'only on {k}'})

    def test_both_stop_and_say_so_until_an_order_ends_it(self):
        self.make_split()
        self.nodes.heal(1, 2)
        for k in (1, 2):
            wait_for(f'node {k} says that it is split', lambda: self.row(k)['split'])
        self.assert_split()
        shown = self.nodes.hf('status')
        self.assertEqual(shown.returncode, 3, shown.stdout)
        self.assertIn('SPLIT', shown.stdout)
        self.assertIn('holdfast_split 1', self.nodes.metrics(1))

        self.nodes.kill(1)  # A restart is no way out of it.
        self.nodes.start(1)
        wait_for('node 1 reads', lambda: self.nodes.health(1) == 200)
        wait_for('node 1 says what it waits for', lambda: 'a split' in (self.row(1)['waiting'] or ''))
        self.assert_split()

        refused = self.promote(2)
        self.assertEqual(refused.returncode, EXIT_WOULD_LOSE, refused.stderr + self.nodes.logs())
        self.assertIn('--accept-loss unknown', refused.stderr)
        self.assert_split()
        done = self.promote(2, '--accept-loss', 'unknown')
        self.assertEqual(done.returncode, 0, done.stderr)
        wait_for('node 2 is primary', lambda: self.nodes.health(2, '/primary') == 200)
        wait_for('node 1 follows', lambda: self.row(1)['state'] == 'streaming')
        self.assertEqual(self.write(2, 'after'), 0)
        wait_for('node 1 has it', lambda: self.names(1) == {'both', 'only on 2', 'after'})
        self.assertEqual([self.row(k)['split'] for k in (1, 2)], [False, False])
        held = json.loads(self.nodes.must_hf('lost-writes', 'list', '--output', 'json'))['lost_writes']
        self.assertIn('resource only on 1', [' '.join(write['names']) for write in held])


if __name__ == '__main__':
    separate_nodes.enter()
    unittest.main()
