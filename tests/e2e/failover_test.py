#!/usr/bin/env python3
"""The primary dies by -9: the secondary goes on reading and refuses to write, and the primary comes back."""

import time
import unittest

from cluster import ClusterTest, wait_for
from load import Connection, ReadLoad

KILLS = 10


class FailoverTest(ClusterTest):
    def setUp(self):
        super().setUp()
        self.secret = self.cluster.secrets['demo secret']
        self.demo = self.cluster.env['HOLDFAST_RESOURCE'], self.cluster.env['HOLDFAST_ACCOUNT']
        self.assertEqual(self.cluster.primary(), 1)
        self.cluster.wait_caught_up(2)

    def wait_down(self):
        """The secondary takes some seconds to be sure that its primary is gone."""
        wait_for('node 1 known as down', lambda: self.cluster.row(1, seen_by=2)['state'] == 'down', seconds=15)

    def pam360(self, k, method, path, body=None):
        return self.cluster.rest(k, method, '/restapi/json/v1' + path, body)

    def read_all_ways(self, k):
        self.assertEqual(self.cluster.ssh_retrieve(k), self.secret)
        self.assertEqual(self.cluster.rest_retrieve(k), self.secret)
        status, _, found = self.pam360(k, 'GET', '/resources/resourcename/{}/accounts/accountname/{}'.format(*self.demo))
        self.assertEqual(status, 200)
        ids = found['operation']['Details']
        _, _, answer = self.pam360(k, 'GET', f'/resources/{ids["RESOURCEID"]}/accounts/{ids["ACCOUNTID"]}/password')
        self.assertEqual(answer['operation']['Details']['PASSWORD'], self.secret)

    def test_reads_go_on_with_the_same_key_token_and_known_hosts(self):
        kept = Connection(self.cluster, 2)
        self.addCleanup(kept.close)
        self.assertEqual(kept.secret(*self.demo), self.secret)
        self.cluster.kill(1)
        self.read_all_ways(2)  # At once, before anybody can know that it is dead,
        self.assertEqual(kept.secret(*self.demo), self.secret)
        self.assertEqual(self.cluster.health(2), 200)
        self.wait_down()
        self.read_all_ways(2)  # and when it is known.
        self.assertEqual(self.cluster.health(2), 200)
        self.assertEqual(self.cluster.health(2, '/primary'), 503)
        before = self.cluster.row(2)['head_seq']
        for _ in range(40):  # However long it lasts, a node that answers is not down in its own eyes.
            row = self.cluster.row(2)
            self.assertEqual((row['role'], row['state'], row['serving'], row['head_seq']),
                             ('secondary', 'connecting', True, before))
            self.assertIsNotNone(row['epoch'])
            time.sleep(0.1)

    def test_the_secondary_started_alone_serves(self):
        self.cluster.kill(1)
        for end in (self.cluster.kill, self.cluster.stop):
            end(2)
            self.assertIsNone(self.cluster.health(2))
            self.cluster.start(2)
            self.read_all_ways(2)
            row = self.cluster.row(2)
            self.assertEqual((row['role'], row['serving']), ('secondary', True))
            self.assertIsNotNone(row['epoch'])  # Its log knows it.
            self.assertEqual(self.cluster.ssh(2, *self.reset_words()).returncode, 75)

    def reset_words(self):
        resource, account = self.demo
        return ['RESET_LOCAL', f'--resource={resource}', f'--account={account}', '--newpassword=Never-Stored-1']

    def test_a_write_is_refused_while_the_primary_is_up(self):
        status, headers, answer = self.cluster.rest(2, 'POST', '/v1/resources', {'name': 'never', 'type': 'Linux'})
        self.assertEqual((status, answer['error']['code']), (421, 'NOT_PRIMARY'))
        self.assertEqual(headers['location'], self.cluster.node(1, 'URL') + '/v1/resources')
        self.assertEqual(headers['x-holdfast-primary'], self.cluster.node(1, 'URL'))
        self.assertEqual(answer['error']['primary'], self.cluster.node(1, 'URL'))
        self.assertEqual((headers['x-holdfast-node'], headers['x-holdfast-role']), ('node2', 'secondary'))
        self.assert_pam360_refuses()
        address = self.cluster.node(1, 'SSH').replace('.', r'\.')
        self.assert_ssh_refuses(rf'^ERROR: READONLY primary={address} epoch=[1-9]\d*: ')
        self.assert_nothing_written()

    def test_a_write_is_refused_while_the_primary_is_down(self):
        self.cluster.kill(1)
        wait_for('no primary known', lambda: self.write(2)[0] == 503, seconds=15)
        status, headers, answer = self.write(2)
        self.assertEqual((status, answer['error']['code']), (503, 'NOT_PRIMARY'))
        self.assertGreaterEqual(int(headers['retry-after']), 1)
        self.assertEqual(headers['x-holdfast-primary'], 'unknown')
        self.assertNotIn('location', headers)
        self.assertIsNone(answer['error']['primary'])
        self.assertIn('does not answer', answer['error']['message'])
        self.assert_pam360_refuses()
        self.assert_ssh_refuses(r'^ERROR: READONLY primary=unknown epoch=[1-9]\d*: ')
        self.cluster.start(1)
        self.assert_nothing_written()

    def write(self, k):
        return self.cluster.rest(k, 'POST', '/v1/resources', {'name': 'never', 'type': 'Linux'})

    def assert_pam360_refuses(self):
        body = {'operation': {'Details': {'RESOURCENAME': 'never', 'ACCOUNTNAME': 'never', 'RESOURCETYPE': 'Linux',
                                          'PASSWORD': 'Never-Stored-1'}}}
        status, _, answer = self.pam360(2, 'POST', '/resources', body)
        self.assertEqual(status, 200)
        self.assertEqual(answer['operation']['result']['status'], 'Failed')
        self.assertEqual(answer['operation']['result']['statusCode'], 40300)

    def assert_ssh_refuses(self, pattern):
        create = ['CREATE', '--resource=never', '--account=never', '--newpassword=Never-Stored-1']
        for words in (self.reset_words(), create, ['RESET_REMOTE', *self.reset_words()[1:]]):
            got = self.cluster.ssh(2, *words)
            self.assertEqual((got.returncode, got.stdout), (75, b''))
            self.assertRegex(got.stderr.decode(), pattern)

    def assert_nothing_written(self):
        for k in (1, 2):
            self.cluster.wait_caught_up(k)
            names = [r['name'] for r in self.cluster.admin(k, 'GET', '/resources')['resources']]
            self.assertNotIn('never', names)
            self.assertEqual(self.cluster.ssh_retrieve(k), self.secret)

    def test_the_primary_comes_back_and_both_are_the_same(self):
        self.cluster.kill(1)
        before = self.cluster.row(2)
        self.cluster.start(1)
        self.assertEqual(self.cluster.primary(), 1)
        written = self.cluster.new_account(f'after-{time.monotonic_ns()}', 'app')
        resource = list(self.cluster.secrets)[-1].split('/')[0]
        self.cluster.share(self.cluster.env['HOLDFAST_SSH_USER'], resource)
        self.cluster.wait_caught_up(2)
        self.assertEqual(self.cluster.ssh_retrieve(2, resource, 'app'), written)
        self.assertEqual(self.cluster.rest_retrieve(2, resource, 'app'), written)
        one, two = wait_for('equal positions', self.equal_rows)
        self.assertGreater(one['epoch'], before['epoch'] or 0)
        self.assertEqual((two['state'], two['lag_records']), ('streaming', 0))
        for k in (1, 2):
            self.read_all_ways(k)
        self.stop_and_compare_stores()

    def equal_rows(self):
        one, two = self.cluster.row(1), self.cluster.row(2)
        same = all(one[name] == two[name] for name in ('epoch', 'head_seq', 'durable_seq', 'committed_seq', 'applied_seq'))
        return (one, two) if same and two['state'] == 'streaming' else None

    def test_ten_kills_under_read_load(self):
        with ReadLoad(self.cluster, 2, self.secret) as load:
            wait_for('reads', lambda: load.count('ssh') > 2)
            for _ in range(KILLS):
                self.cluster.kill(1)
                seen = load.count('ssh')
                wait_for('reads without a primary', lambda s=seen: load.count('ssh') > s + 4)
                self.cluster.start(1)
                seen = load.count('ssh')
                wait_for('reads with the primary back', lambda s=seen: load.count('ssh') > s + 4)
        total = sum(load.reads.values())
        print(f'\n{KILLS} kills, {total} reads on the secondary {load.reads}, {len(load.failures)} failed, '
              f'slowest {load.slowest * 1000:.0f} ms')
        self.assertEqual(load.failures, [])
        self.assertEqual(wait_for('a primary', self.cluster.primary), 1)


if __name__ == '__main__':
    unittest.main()
