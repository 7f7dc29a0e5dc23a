#!/usr/bin/env python3
"""`holdfast status --wait` and `holdfast join --wait`: they say what they wait for, and end when it is there."""

import os
import pathlib
import subprocess
import unittest

import cluster as processes
from cluster import ClusterTest, reserve_ports, wait_for

NEW = 3


class Waiting:
    """A `holdfast` that waits; what it says can be read while it does."""

    def __init__(self, cluster, folder, *words):
        self._said = folder / 'said'
        with open(self._said, 'wb') as said, open(folder / 'shown', 'wb') as shown:
            self.process = subprocess.Popen([processes.PROGRAMS / 'holdfast', *map(str, words)], stdin=subprocess.DEVNULL,
                                            stdout=shown, stderr=said, env={**os.environ, **cluster.env})
        self._shown = folder / 'shown'

    def said(self):
        return self._said.read_text()

    def shown(self):
        return self._shown.read_text()

    def end(self, seconds=30):
        return self.process.wait(seconds)

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()


class WaitingTest(ClusterTest):
    def wait_with(self, *words):
        folder = self.cluster.dir / f'waiting-{self.id()}'
        folder.mkdir()
        waiting = Waiting(self.cluster, folder, *words)
        self.addCleanup(waiting.close)
        return waiting

    def test_status_waits_for_a_secondary(self):
        self.cluster.kill(2)
        wait_for('it is down', lambda: self.cluster.row(2, seen_by=1)['state'] == 'down')
        waiting = self.wait_with('status', '--wait')
        wait_for('it says for whom', lambda: 'node2 down' in waiting.said())
        self.assertIsNone(waiting.process.poll())
        self.cluster.start(2)
        self.assertEqual(waiting.end(), 0, waiting.said())
        self.assertIn('node2', waiting.shown())

    def test_status_waits_for_a_primary(self):
        self.cluster.kill(1)
        wait_for('it is down', lambda: self.cluster.row(1, seen_by=2)['state'] == 'down')
        waiting = self.wait_with('status', '--wait', '--output', 'json')
        wait_for('it says for whom', lambda: 'node1 down' in waiting.said())
        self.assertIsNone(waiting.process.poll())
        self.cluster.start(1)
        self.assertEqual(waiting.end(), 0, waiting.said())
        self.assertIn('"role": "primary"', waiting.shown().replace('":"', '": "'))

    def test_status_does_not_wait_where_all_serve(self):
        self.cluster.wait_caught_up(2)
        wait_for('all serve', lambda: self.cluster.hf('status').returncode == 0)
        self.assertEqual(self.wait_with('status', '--wait').end(), 0)

    def test_zz_join_waits_until_the_new_node_serves(self):
        holder, base = reserve_ports(nodes=1)
        self.addCleanup(holder.close)
        folder = pathlib.Path(self.cluster.dir / f'node{NEW}')
        folder.mkdir()
        config, token = folder / 'holdfastd.toml', folder / 'join.token'
        config.write_text(f'[node]\nid = "node{NEW}"\ndata = "{folder}/data"\n[log]\nfile = "{folder}/holdfastd.log"\n' +
                          ''.join(f'[{name}]\nlisten = "127.0.0.1:{base + offset}"\n'
                                  for offset, name in enumerate(('rest', 'ssh', 'peer', 'health'), 1)))
        self.cluster.must_hf('node', 'invite', f'node{NEW}', '--token-file', token)
        waiting = self.wait_with('join', '--data', folder / 'data', '--config', config, '--token-file', token, '--wait')
        wait_for('it has joined and waits', lambda: f'node{NEW} down' in waiting.said())
        self.assertIsNone(waiting.process.poll())
        node = subprocess.Popen([processes.PROGRAMS / 'holdfastd', '--config', config], stdin=subprocess.DEVNULL,
                                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.addCleanup(node.wait)
        self.addCleanup(node.kill)
        self.assertEqual(waiting.end(), 0, waiting.said())
        self.cluster.env[f'HOLDFAST_NODE{NEW}_URL'] = f'https://127.0.0.1:{base + 1}'
        self.assertEqual(self.cluster.rest_retrieve(NEW), self.cluster.secrets['demo secret'])


if __name__ == '__main__':
    unittest.main()
