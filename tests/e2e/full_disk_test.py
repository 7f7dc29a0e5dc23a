#!/usr/bin/env python3
"""A disk that is really full, on the primary and on its secondary: refused, waited out, nothing lost, nobody restarted."""

import json
import unittest

import separate_nodes
from cluster import wait_for
from separate_nodes import Nodes


class FullDiskTest(unittest.TestCase):
    def setUp(self):
        self.nodes = Nodes(2, 'durable:1', small_disk=[1, 2])
        self.addCleanup(self.nodes.close)
        self.nodes.must_hf('resource', 'add', 'disk', '--type', 'Linux')
        self.number = 0
        wait_for('a first write', lambda: self.add() == 0)

    def add(self):
        """A new account; the exit code."""
        self.number += 1
        done = self.nodes.hf('account', 'add', '--resource', 'disk', '--account', f'a{self.number}', stdin='Secret-1')
        self.said = done.stdout + done.stderr
        return done.returncode

    def names(self, k):
        listed = json.loads(self.nodes.must_hf('account', 'list', '--resource', 'disk', '--output', 'json', endpoint=k))
        return sorted(account['name'] for account in listed['accounts'])

    def assert_goes_on(self, k):
        self.nodes.free_disk(k)
        wait_for('a write', lambda: self.add() == 0, 60)
        self.assertTrue(self.nodes.runs(k), self.nodes.logs())
        wait_for('both alike', lambda: self.names(1) == self.names(2))

    def test_of_the_primary_then_of_the_secondary(self):
        """One after the other: the network of these nodes is made once in a process."""
        self.of_the_primary()
        self.of_the_secondary()

    def of_the_primary(self):
        before = self.names(1)
        self.nodes.fill_disk(1)
        self.assertEqual(self.add(), 75, self.said)  # sent, and not stored: unknown
        sent = f'a{self.number}'
        self.assertEqual(self.add(), 75, self.said)
        self.assertIn('full', self.said)
        self.assertEqual(self.names(1), before)
        self.assertEqual(self.names(2), before)
        refused = f'a{self.number}'
        self.assert_goes_on(1)
        self.assertIn(sent, self.names(2))  # stored in the end as it was sent
        self.assertNotIn(refused, self.names(2))

    def of_the_secondary(self):
        before = self.names(2)
        self.nodes.fill_disk(2)
        self.assertNotEqual(self.add(), 0)
        self.assertEqual(self.names(2), before)
        self.assert_goes_on(2)


if __name__ == '__main__':
    separate_nodes.enter()
    unittest.main()
