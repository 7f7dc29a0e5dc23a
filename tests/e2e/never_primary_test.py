#!/usr/bin/env python3
"""A third member that was invited with --never-primary: it serves reads, and that is all. Its acknowledgement, its vote and an
order to it count for nothing."""

import os
import pathlib
import signal
import subprocess
import unittest

import cluster as processes
from cluster import ClusterTest, reserve_ports, run, wait_for

EXIT_REFUSED = 2
READER = 3


class NeverPrimaryTest(ClusterTest):
    """Node 1 is primary at the start of each test."""

    nodes, sync = 2, 'durable:1'

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        holder, base = reserve_ports(nodes=1)
        cls.addClassCleanup(holder.close)
        folder = cls.cluster.dir / f'node{READER}'
        folder.mkdir()
        cls.join(folder, {name: f'127.0.0.1:{base + offset}'
                          for offset, name in enumerate(('rest', 'ssh', 'peer', 'health'), 1)})

    @classmethod
    def join(cls, folder, ports):
        made, name = cls.cluster, f'node{READER}'
        config, token = folder / 'holdfastd.toml', folder / 'join.token'
        config.write_text(f'[node]\nid = "{name}"\ndata = "{folder}/data"\n[log]\nfile = "{folder}/holdfastd.log"\n' +
                          ''.join(f'[{part}]\nlisten = "{listen}"\n' for part, listen in ports.items()))
        made.must_hf('node', 'invite', name, '--never-primary', '--token-file', token)
        joined = run([processes.PROGRAMS / 'holdfast', 'join', '--data', folder / 'data', '--config', config,
                      '--token-file', token])
        if joined.returncode != 0:
            raise AssertionError(joined.stderr.decode())
        process = subprocess.Popen([processes.PROGRAMS / 'holdfastd', '--config', config], stdin=subprocess.DEVNULL,
                                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        cls.addClassCleanup(process.wait)
        cls.addClassCleanup(process.kill)
        made.env.update({f'HOLDFAST_NODE{READER}_{key}': value for key, value in {
            'ID': name, 'URL': f'https://{ports["rest"]}', 'SSH': ports['ssh'], 'HEALTH_URL': f'http://{ports["health"]}',
        }.items()})
        wait_for('the third member reads', lambda: made.health(READER) == 200)
        pathlib.Path(made.env['HOLDFAST_KNOWN_HOSTS']).write_bytes(made.must_hf('sshd', 'known-hosts'))

    def setUp(self):
        super().setUp()
        if self.cluster.primary() != 1:
            wait_for('node 1 takes over', lambda: self.order('switchover', '--to', 'node1').returncode == 0)
            wait_for('node 1 is primary', lambda: self.cluster.primary() == 1)
        for k in (2, READER):
            self.cluster.wait_caught_up(k)

    def order(self, *words):
        return self.cluster.hf(*words, '--yes', '--output', 'json')

    def write(self, k, name):
        status, _, answer = self.cluster.rest(k, 'POST', '/v1/resources', {'name': name, 'type': 'Linux'},
                                              token=self.cluster.env['HOLDFAST_TOKEN'])
        return status, answer

    def assert_refused(self, got, says):
        self.assertEqual(got.returncode, EXIT_REFUSED, got.stderr.decode())
        self.assertIn(says, got.stderr.decode())

    def test_settings_do_not_count_it(self):
        self.assert_refused(self.cluster.hf('settings', 'set', '--sync', 'durable:2'), '1')
        self.assertRegex(self.cluster.must_hf('settings', 'show').decode(), r'\(K\) +1\n')

    def test_its_acknowledgement_does_not_count(self):
        self.cluster.kill(2)
        wait_for('a write is refused', lambda: self.write(1, 'by-one')[0] != 201)
        status, answer = self.write(1, 'refused')
        self.assertEqual(status, 503, answer)
        wait_for('the primary has heard that the third streams',
                 lambda: self.cluster.row(READER, 1)['state'] == 'streaming')
        status, answer = self.write(1, 'refused still')
        self.assertEqual(status, 503, answer)

    def test_it_does_not_show_what_is_pending(self):
        self.cluster.must_hf('settings', 'set', '--sync', 'durable:1', '--wait-ms', '1000')
        self.addCleanup(self.cluster.must_hf, 'settings', 'set', '--sync', 'durable:1', '--wait-ms', '0')
        self.cluster.wait_caught_up(READER)
        frozen = self.cluster.pid(2)
        os.kill(frozen, signal.SIGSTOP)
        try:
            self.assertEqual(self.write(1, 'pending')[0], 504)
            head = self.cluster.row(1)['head_seq']
            wait_for('it is on the third', lambda: self.cluster.row(READER)['durable_seq'] == head)
            self.assertNotIn('pending', self.names(READER), 'pending records are not shown')
        finally:
            os.kill(frozen, signal.SIGCONT)
        wait_for('it is shown', lambda: 'pending' in self.names(READER))

    def test_no_order_makes_it_primary(self):
        self.assert_refused(self.order('promote', '--node', f'node{READER}', '--old-primary-is-down', '--accept-loss',
                                       'unknown'), 'never becomes primary')
        self.assertNotEqual(self.order('switchover', '--to', f'node{READER}').returncode, 0)
        self.assertEqual(self.cluster.primary(), 1)
        self.cluster.kill(1)
        self.assert_refused(self.order('promote', '--node', f'node{READER}', '--old-primary-is-down', '--accept-loss',
                                       'unknown'), 'never becomes primary')

    def test_it_reads_through_the_loss_of_the_primary_and_gives_no_vote(self):
        secret = self.cluster.new_account('reader', 'app')
        self.cluster.share(self.cluster.env['HOLDFAST_SSH_USER'], 'reader')
        self.cluster.wait_caught_up(READER)
        self.assertEqual(self.write(READER, 'elsewhere')[0], 421)
        self.cluster.kill(1)
        self.assert_reads(secret)
        # Of the two that vote one is left: without the word it is as with two nodes.
        self.assertNotEqual(self.order('promote', '--node', 'node2').returncode, 0)
        done = self.order('promote', '--node', 'node2', '--old-primary-is-down', '--sync', 'local:0')
        self.assertEqual(done.returncode, 0, done.stderr.decode())
        self.assert_reads(secret)
        self.cluster.start(1)
        self.addCleanup(self.cluster.must_hf, 'settings', 'set', '--sync', 'durable:1')
        wait_for('a write', lambda: self.write(2, 'after')[0] == 201)
        self.cluster.wait_caught_up(READER)
        self.assertIn('after', self.names(READER))
        self.assert_reads(secret)

    def names(self, k):
        return {resource['name'] for resource in self.cluster.admin(k, 'GET', '/resources?limit=1000')['resources']}

    def assert_reads(self, secret):
        self.assertEqual(self.cluster.rest_retrieve(READER, 'reader', 'app'), secret)
        self.assertEqual(self.cluster.ssh_retrieve(READER, 'reader', 'app'), secret)


if __name__ == '__main__':
    unittest.main()
