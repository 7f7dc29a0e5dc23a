#!/usr/bin/env python3
"""A primary acknowledged alone and was killed; the other node was promoted without those writes. The old primary puts
them aside, follows, and an operator has them done again one by one."""

import json
import unittest

from cluster import ClusterTest, id_of, wait_for
from crashes import Armed


class LostWrites(ClusterTest):
    def account(self, k, resource, account):
        resource = id_of(self.cluster.admin(k, 'GET', '/resources?limit=1000')['resources'], resource)
        return id_of(self.cluster.admin(k, 'GET', f'/resources/{resource}/accounts?limit=1000')['accounts'], account)

    def set_secret(self, k, resource, account):
        secret = self.cluster.new_secret(f'{resource}/{account} again')
        self.cluster.admin(k, 'PUT', f'/accounts/{self.account(k, resource, account)}/secret', {'secret': secret})
        return secret

    def retrieve(self, k, resource, account):
        return self.cluster.rest_retrieve(k, resource, account, token=self.cluster.env['HOLDFAST_TOKEN'])

    def lost(self):
        got = self.cluster.must_hf('lost-writes', 'list', '--output', 'json')
        return json.loads(got)['lost_writes']

    def held(self):
        return {(' '.join(w['names']), w['operation']): w['id'] for w in self.lost() if w['state'] == 'held'}

    def order(self, verb, write, *words):
        return self.cluster.hf('lost-writes', verb, '--node', self.cluster.node(1, 'ID'), '--id', write, *words)

    def dies_when_it_was_done_again(self, write):
        """Node 1, before it has marked the write: it is held still, and done."""
        self.cluster.stop(1)
        with Armed(self.cluster, 1, 'quarantine.mark.before_write:1') as armed:
            wait_for('node 1 follows', lambda: self.cluster.row(1, 2)['state'] == 'streaming')
            self.assertNotEqual(self.order('apply', write, '--yes').returncode, 0)
            armed.wait_for_death()
        self.cluster.start(1)
        wait_for('node 1 follows', lambda: self.cluster.row(1, 2)['state'] == 'streaming')
        self.assertIn(write, self.held().values())

    def test_what_was_acknowledged_alone_is_done_again_by_order(self):
        cluster = self.cluster
        old = {name: cluster.new_account('db', name) for name in ('root', 'oracle')}
        cluster.wait_caught_up(2)
        cluster.stop(2)
        new = {name: self.set_secret(1, 'db', name) for name in old}
        lone = cluster.new_account('alone', 'admin')
        cluster.kill(1)

        cluster.start(2)
        promoted = cluster.hf('promote', '--node', cluster.node(2, 'ID'), '--old-primary-is-down', '--accept-loss', 'unknown',
                              '--yes', only=2)
        self.assertEqual(promoted.returncode, 0, promoted.stderr.decode())
        wait_for('node 2 is primary', lambda: cluster.primary() == 2)
        self.assertEqual(self.retrieve(2, 'db', 'root'), old['root'])
        since = self.set_secret(2, 'db', 'oracle')

        for point in ('quarantine.keep.before_write', 'quarantine.keep.after_write'):
            with Armed(cluster, 1, f'{point}:1') as armed:
                armed.wait_for_death()
        cluster.start(1)
        wait_for('the old primary follows', lambda: cluster.row(1, 2)['state'] == 'streaming')
        cluster.wait_caught_up(1)
        self.assertEqual(self.retrieve(1, 'db', 'root'), old['root'])
        self.assertIsNone(self.retrieve(1, 'alone', 'admin'))
        held = self.held()
        root = held['account root of resource db', 'account.set_secret']
        oracle = held['account oracle of resource db', 'account.set_secret']
        alone = held['resource alone', 'resource.add']
        account = held['account admin of resource alone', 'account.add']

        self.assertNotEqual(self.order('apply', root).returncode, 0)  # without --yes
        self.dies_when_it_was_done_again(root)
        self.assertEqual(self.retrieve(2, 'db', 'root'), new['root'])
        done = cluster.row(2)['committed_seq']
        again = self.order('apply', root, '--yes')
        self.assertEqual(again.returncode, 0, again.stderr.decode())
        self.assertEqual(cluster.row(2)['committed_seq'], done)  # one write for both orders
        self.assertNotEqual(self.order('apply', root, '--yes').returncode, 0)  # once

        refused = self.order('apply', oracle, '--yes')
        self.assertNotEqual(refused.returncode, 0)
        self.assertIn('it was changed after the fork', refused.stderr.decode())
        self.assertEqual(self.retrieve(2, 'db', 'oracle'), since)
        self.assertEqual(self.order('drop', oracle, '--yes').returncode, 0)

        refused = self.order('apply', account, '--yes')  # Its resource must come first.
        self.assertIn('resource alone is not there', refused.stderr.decode())
        for write in (alone, account):
            applied = self.order('apply', write, '--yes')
            self.assertEqual(applied.returncode, 0, applied.stderr.decode())
        self.assertEqual(self.retrieve(2, 'alone', 'admin'), lone)
        self.assertEqual(self.held(), {})
        self.assertEqual(sorted(w['state'] for w in self.lost()), ['applied'] * 3 + ['dropped'])
        cluster.wait_caught_up(1)
        self.assertEqual(self.retrieve(1, 'alone', 'admin'), lone)
        records = cluster.must_hf('audit', 'list', '--output', 'json').decode()
        self.assertIn('lost_write.apply', records)
        self.assertIn('lost_write.drop', records)


class LostWritesTest(LostWrites):
    pass


class PostgresLostWritesTest(LostWrites):
    store = 'postgres'


if __name__ == '__main__':
    del LostWrites
    unittest.main()
