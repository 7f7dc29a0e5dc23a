#!/usr/bin/env python3
"""With durable:1 an acknowledged write is on the secondary, whatever happens to the primary right after."""

import os
import signal
import threading
import unittest

from cluster import ClusterTest, id_of, wait_for
from load import Connection

WRITERS = 8


class DurableTest(ClusterTest):
    sync = 'durable:1'

    def setUp(self):
        super().setUp()
        self.cluster.wait_caught_up(2)
        self.resource = id_of(self.cluster.admin(2, 'GET', '/resources')['resources'],
                              self.cluster.env['HOLDFAST_RESOURCE'])

    def kill_now(self):
        os.kill(self.cluster.pid(1), signal.SIGKILL)

    def path(self):
        return f'/v1/resources/{self.resource}/accounts'

    def administrator(self, k):
        connection = Connection(self.cluster, k, self.cluster.env['HOLDFAST_TOKEN'])
        self.addCleanup(connection.close)
        return connection

    def add(self, connection, name):
        secret = self.cluster.new_secret(name)
        return connection.call('POST', self.path(), {'name': name, 'secret': secret})

    def names(self, k):
        answer = self.cluster.admin(k, 'GET', f'/resources/{self.resource}/accounts?limit=1000')
        return [account['name'] for account in answer['accounts']]

    def test_the_level_is_what_was_asked_for(self):
        settings = self.cluster.admin(1, 'GET', '/settings')
        self.assertEqual((settings['level'], settings['k']), ('durable', 1))

    def assert_durable_on_secondary(self, seq):
        """Its log has it on disk. The word that it is committed may have died with the primary, but hardly ever."""
        row = self.cluster.row(2)
        self.assertGreaterEqual(row['durable_seq'], seq)
        return row['committed_seq'] >= seq

    def test_what_was_acknowledged_is_on_the_secondary(self):
        shown = 0
        for i in range(4):
            connection = self.administrator(1)
            status, _ = self.add(connection, f'one-{i}')
            self.kill_now()
            self.assertEqual(status, 201)
            secret = self.cluster.secrets[f'one-{i}']
            if self.assert_durable_on_secondary(connection.position[1]):
                shown += 1
                self.assertEqual(self.cluster.rest_retrieve(2, account=f'one-{i}'), secret)
                self.assertEqual(self.cluster.ssh_retrieve(2, account=f'one-{i}'), secret)
            self.cluster.must('kill-node', 1)
            self.cluster.start(1)
            self.cluster.wait_primary()
            self.read_everywhere(self.cluster.env['HOLDFAST_RESOURCE'], f'one-{i}', secret)
        self.assertGreater(shown, 0)

    def test_under_write_load_no_acknowledged_write_is_lost(self):
        acknowledged, lock = {}, threading.Lock()

        def write(connection, writer):
            try:
                for i in range(10000):
                    name = f'load-{writer}-{i}'
                    status, _ = self.add(connection, name)
                    if status != 201:
                        return
                    with lock:
                        acknowledged[name] = connection.position[1]
            except OSError:
                pass  # The primary has died; what it had not answered may or may not be there.

        threads = [threading.Thread(target=write, args=(self.administrator(1), n)) for n in range(WRITERS)]
        for thread in threads:
            thread.start()
        wait_for('writes', lambda: len(acknowledged) > 100)
        self.kill_now()
        for thread in threads:
            thread.join()
        self.assert_durable_on_secondary(max(acknowledged.values()))
        shown = set(acknowledged) & set(self.names(2))
        self.assertGreaterEqual(len(shown), len(acknowledged) - WRITERS)
        print(f'\n{len(acknowledged)} writes acknowledged before the kill: all durable on the secondary, '
              f'{len(shown)} shown there at once')
        self.cluster.must('kill-node', 1)
        self.cluster.start(1)
        self.cluster.wait_caught_up(2)
        for k in (1, 2):
            self.assertEqual(set(acknowledged) - set(self.names(k)), set())
            for name in list(acknowledged)[-WRITERS:]:
                self.assertEqual(self.cluster.rest_retrieve(k, account=name), self.cluster.secrets[name])
        self.assertEqual(sorted(self.names(1)), sorted(self.names(2)))

    def test_without_the_secondary_a_write_is_refused_and_nothing_is_written(self):
        before = self.names(1)
        self.cluster.stop(2)
        for name in ('refused-1', 'refused-2'):
            status, headers, answer = self.cluster.rest(1, 'POST', self.path(), {'name': name, 'secret': 'Never-1'},
                                                        token=self.cluster.env['HOLDFAST_TOKEN'])
            self.assertEqual((status, answer['error']['code']), (503, 'NOT_ENOUGH_SECONDARIES'))
            self.assertIn('retry-after', headers)
        got = self.cluster.ssh(1, 'RESET_LOCAL', f'--resource={self.cluster.env["HOLDFAST_RESOURCE"]}',
                               f'--account={self.cluster.env["HOLDFAST_ACCOUNT"]}', '--newpassword=Never-Stored-1')
        self.assertEqual((got.returncode, got.stdout), (75, b''))
        self.assertIn(b'NOT_ENOUGH_SECONDARIES', got.stderr)
        self.assertEqual(self.cluster.rest_retrieve(1), self.cluster.secrets['demo secret'])
        self.cluster.start(2)
        self.cluster.wait_caught_up(2)
        for k in (1, 2):
            self.assertEqual(self.names(k), before)
            self.assertEqual(self.cluster.ssh_retrieve(k), self.cluster.secrets['demo secret'])
        status, _ = self.add(self.administrator(1), 'accepted-again')
        self.assertEqual(status, 201)

    def test_a_restarted_primary_waits_for_its_peer(self):
        self.cluster.stop(2)
        self.cluster.kill(1)
        self.cluster.start(1)
        self.assertEqual(self.cluster.rest_retrieve(1), self.cluster.secrets['demo secret'])
        self.assertEqual(self.cluster.health(1, '/primary'), 503)
        status, _, answer = self.cluster.rest(1, 'POST', self.path(), {'name': 'too-early', 'secret': 'Never-1'},
                                              token=self.cluster.env['HOLDFAST_TOKEN'])
        self.assertEqual(status, 503, answer)
        self.cluster.start(2)
        self.assertEqual(self.cluster.wait_primary(), 1)
        status, _ = self.add(self.administrator(1), 'in-time')
        self.assertEqual(status, 201)
        self.assertEqual(self.cluster.rest_retrieve(2, account='in-time'), self.cluster.secrets['in-time'])
        self.assertNotIn('too-early', self.names(2))

    def pam360_reset(self, secret):
        account = id_of(self.cluster.admin(1, 'GET', f'/resources/{self.resource}/accounts')['accounts'],
                        self.cluster.env['HOLDFAST_ACCOUNT'])
        body = {'operation': {'Details': {'NEWPASSWORD': secret, 'RESETTYPE': 'LOCAL', 'REASON': 'test'}}}
        return self.cluster.rest(1, 'PUT', f'/restapi/json/v1/resources/{self.resource}/accounts/{account}/password',
                                 body, token=self.cluster.env['HOLDFAST_TOKEN'])

    def test_a_frozen_secondary_makes_outcomes_unknown_and_each_dialect_says_so(self):
        self.cluster.must_hf('settings', 'set', '--sync', 'durable:1', '--wait-ms', '1000')
        frozen = self.cluster.pid(2)
        os.kill(frozen, signal.SIGSTOP)
        try:
            body = {'name': 'unknown-1', 'secret': self.cluster.new_secret('unknown-1')}
            key = ('Idempotency-Key: unknown-1',)
            status, headers, answer = self.cluster.rest(1, 'POST', self.path(), body, headers=key,
                                                        token=self.cluster.env['HOLDFAST_TOKEN'])
            self.assertEqual((status, answer.get('error', {}).get('code')), (504, 'OUTCOME_UNKNOWN'))
            epoch, seq = headers['x-holdfast-position'].split('.')
            self.assertIn(f'{epoch}.{seq}', answer['error']['message'])
            status, headers, answer = self.pam360_reset(self.cluster.new_secret('unknown-2'))
            result = answer['operation']['result']
            self.assertEqual((status, result['status'], result['statusCode']), (200, 'Failed', 50400))
            self.assertEqual(headers['x-holdfast-position'], f'{epoch}.{int(seq) + 1}')
            got = self.cluster.ssh(1, 'RESET_LOCAL', f'--resource={self.cluster.env["HOLDFAST_RESOURCE"]}',
                                   f'--account={self.cluster.env["HOLDFAST_ACCOUNT"]}',
                                   f'--newpassword={self.cluster.new_secret("unknown-3")}')
            self.assertEqual((got.returncode, got.stdout), (75, b''))
            self.assertIn(b'OUTCOME_UNKNOWN', got.stderr)
            self.assertIn(f'{epoch}.{int(seq) + 2}'.encode(), got.stderr)
            self.assertEqual(self.cluster.rest_retrieve(1), self.cluster.secrets['demo secret'])  # not shown
        finally:
            os.kill(frozen, signal.SIGCONT)
        self.cluster.wait_caught_up(2)
        # All three stay, and who asks again under the same key hears so, and does not write twice.
        status, headers, answer = self.cluster.rest(1, 'POST', self.path(), body, headers=key,
                                                    token=self.cluster.env['HOLDFAST_TOKEN'])
        self.assertEqual(status, 201, answer)
        self.assertEqual(headers['x-holdfast-sync'], 'durable:1')
        self.assertEqual(self.names(1).count('unknown-1'), 1)
        self.cluster.secrets['demo secret'] = self.cluster.secrets['unknown-3']
        self.assertEqual(self.cluster.rest_retrieve(1), self.cluster.secrets['unknown-3'])
        self.cluster.must_hf('settings', 'set', '--sync', 'durable:1', '--wait-ms', '0')

    def test_degrade_acknowledges_alone_and_says_so(self):
        self.cluster.must_hf('settings', 'set', '--sync', 'durable:1', '--policy', 'degrade', '--wait-ms', '500')
        self.cluster.stop(2)
        try:
            for name in ('alone-1', 'alone-2'):
                body = {'name': name, 'secret': self.cluster.new_secret(name)}
                status, headers, answer = self.cluster.rest(1, 'POST', self.path(), body,
                                                            token=self.cluster.env['HOLDFAST_TOKEN'])
                self.assertEqual((status, headers['x-holdfast-sync']), (201, 'local; degraded'), answer)
            self.assertEqual(self.cluster.rest_retrieve(1, account='alone-1'), self.cluster.secrets['alone-1'])
        finally:
            self.cluster.start(2)
        self.cluster.wait_caught_up(2)
        self.cluster.must_hf('settings', 'set', '--sync', 'durable:1', '--policy', 'block', '--wait-ms', '0')
        self.assertEqual(self.cluster.rest_retrieve(2, account='alone-2'), self.cluster.secrets['alone-2'])

    def test_the_stores_agree_in_the_end(self):
        self.add(self.administrator(1), 'last')
        self.cluster.wait_caught_up(2)
        self.stop_and_compare_stores()


if __name__ == '__main__':
    unittest.main()
