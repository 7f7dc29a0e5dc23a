#!/usr/bin/env python3
"""No secret leaves without its audit record, and the record outlives whatever happens to the node next."""

import os
import signal
import subprocess
import unittest
import uuid

from cluster import ClusterTest, wait_for
from load import Connection, ReadLoad

ATTEMPTS = 40


class AuditTest(ClusterTest):
    def setUp(self):
        super().setUp()
        self.secret = self.cluster.secrets['demo secret']
        self.demo = self.cluster.env['HOLDFAST_RESOURCE'], self.cluster.env['HOLDFAST_ACCOUNT']
        self.cluster.wait_caught_up(2)
        self.marker = f'because-{uuid.uuid4().hex}'

    def records(self, asked, of, limit=1000):
        """The records of node `of` as node `asked` knows them, newest first."""
        path = f'/audit?node={self.cluster.node(of, "ID")}&limit={limit}'
        return self.cluster.admin(asked, 'GET', path)['records']

    def marked(self, asked, of):
        return [r for r in self.records(asked, of) if r['reason'] == self.marker]

    def in_journal(self, k):
        """Whether the journal's files of the node have the marker: what a dead node has left."""
        return any(self.marker.encode() in f.read_bytes() for f in (self.cluster.data(k) / 'journal').glob('*.segment'))

    def kill_now(self, k):
        os.kill(self.cluster.pid(k), signal.SIGKILL)

    def assert_retrieval(self, record, k, via):
        self.assertEqual(
            {name: record[name] for name in ('node_id', 'operation', 'result', 'user_name', 'via', 'resource_name',
                                             'account_name', 'source')},
            {'node_id': self.cluster.node(k, 'ID'), 'operation': 'account.retrieve', 'result': 'ok',
             'user_name': self.cluster.env['HOLDFAST_SSH_USER'], 'via': via, 'resource_name': self.demo[0],
             'account_name': self.demo[1], 'source': '127.0.0.1'})

    # ---- the node dies with the secret's last byte

    def read_over_rest_and_kill(self, k):
        connection = Connection(self.cluster, k)
        path = '/v1/secret?resource={}&account={}&reason={}'.format(*self.demo, self.marker)
        status, answer = connection.call('GET', path)
        self.kill_now(k)
        connection.close()
        self.assertEqual((status, answer['secret']), (200, self.secret))

    def read_over_ssh_and_kill(self, k):
        words = [*self.cluster.ssh_words(k), *self.cluster.retrieve_words(), f'--reason={self.marker}']
        with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as client:
            first = client.stdout.read(1)
            self.kill_now(k)
            rest = client.stdout.read()
        self.assertEqual((first + rest).decode()[:len(self.secret)], self.secret)

    def killed_after_a_secret(self, k, read, via):
        other = 3 - k
        read(k)
        self.assertTrue(self.in_journal(k), 'the dead node has no record of the secret that it gave')
        self.assertFalse(self.in_journal(other))
        self.cluster.must('kill-node', k)
        self.cluster.start(k)
        own = self.marked(k, k)
        self.assertEqual(len(own), 1)
        self.assert_retrieval(own[0], k, via)
        there = wait_for('the record on the other node', lambda: self.marked(other, k))
        self.assertEqual(len(there), 1)
        self.assertEqual({**there[0], 'age_ms': 0}, {**own[0], 'age_ms': 0})

    def test_the_secondary_dies_after_an_answer_over_rest(self):
        self.killed_after_a_secret(2, self.read_over_rest_and_kill, 'REST')

    def test_the_secondary_dies_after_an_answer_over_ssh(self):
        self.killed_after_a_secret(2, self.read_over_ssh_and_kill, 'SSH')

    def test_the_primary_dies_after_an_answer_over_rest(self):
        self.killed_after_a_secret(1, self.read_over_rest_and_kill, 'REST')

    def test_the_primary_dies_after_an_answer_over_ssh(self):
        self.killed_after_a_secret(1, self.read_over_ssh_and_kill, 'SSH')

    def test_under_load_every_secret_that_came_has_its_record(self):
        before = self.retrievals(2)
        with ReadLoad(self.cluster, 2, self.secret) as load:
            wait_for('reads', lambda: load.count('rest') > 60 and load.count('ssh') > 5)
            self.kill_now(2)
        good = sum(load.reads.values()) - len(load.failures)
        self.cluster.must('kill-node', 2)
        self.cluster.start(2)
        records = self.retrievals(2) - before
        print(f'\n{good} secrets received before the kill, {records} records')
        self.assertGreaterEqual(records, good)
        self.assertLessEqual(records, good + 4)  # One a thread may have had its record and not its answer.

    def retrievals(self, k):
        return sum((r['operation'], r['result']) == ('account.retrieve', 'ok') for r in self.all_records(k))

    def all_records(self, k):
        """All records of the node's own journal, page by page."""
        found, page = {}, self.records(k, k)
        while page:
            found.update({r['number']: r for r in page})
            if min(found) == 1:
                break
            page = self.page_below(k, min(found))
        return list(found.values())

    def page_below(self, k, number):
        begin = max(number - 500, 1)
        path = f'/audit?node={self.cluster.node(k, "ID")}&after={begin - 1}&limit=1000'
        return [r for r in self.cluster.admin(k, 'GET', path)['records'] if r['number'] < number]

    # ---- collected

    def test_what_the_secondary_gave_alone_is_listed_on_the_primary(self):
        self.cluster.kill(1)
        got = self.cluster.ssh(2, *self.cluster.retrieve_words(), f'--reason={self.marker}')
        self.assertEqual(got.stdout[:-2].decode(), self.secret)
        self.assertEqual(len(self.marked(2, 2)), 1)
        self.cluster.start(1)
        record = wait_for('the record on the primary', lambda: self.marked(1, 2))[0]
        self.assert_retrieval(record, 2, 'SSH')
        listed = self.cluster.must_hf('audit', 'list', '--node', 'node2', '--limit', '50', only=1).decode()
        self.assertIn(self.marker, listed)

    def test_numbers_are_without_a_gap(self):
        for k in (1, 2):
            numbers = sorted(r['number'] for r in self.all_records(k))
            self.assertEqual(numbers, list(range(1, len(numbers) + 1)))

    # ---- refused

    def refusals(self, k, operation, refusal):
        return [r for r in self.all_records(k)
                if r['result'] == 'refused' and (r['operation'], r['refusal']) == (operation, refusal)]

    def attempts(self, records):
        return sum(r['repeated'] or 1 for r in records)

    def test_refused_attempts_are_there_and_counted_together(self):
        kind = 'account.retrieve', 'NO_SUCH_RESOURCE'
        before = self.refusals(2, *kind)
        connection = Connection(self.cluster, 2)
        self.addCleanup(connection.close)
        for i in range(ATTEMPTS):
            self.assertIsNone(connection.secret(f'not-there-{i}', 'app'))
        self.cluster.stop(2)  # What is counted gets its record at the end of its minute, or of the process.
        self.cluster.start(2)
        after = self.refusals(2, *kind)
        self.assertEqual(self.attempts(after) - self.attempts(before), ATTEMPTS)
        self.assertLess(len(after) - len(before), ATTEMPTS // 2)
        self.assertEqual({r['source'] for r in after}, {'127.0.0.1'})
        self.assertEqual({r['user_name'] for r in after}, {self.cluster.env['HOLDFAST_SSH_USER']})
        wait_for('them on the primary', lambda: self.attempts(
            [r for r in self.records(1, 2) if (r['operation'], r['refusal']) == kind]) >= ATTEMPTS)

    def test_a_login_with_a_wrong_token_or_key_is_there(self):
        before = {k: r for k in (1, 2) for r in [len(self.login_refusals(k))]}
        stranger = self.cluster.new_key(f'stranger-{self.marker}')
        for k in (1, 2):
            self.assertEqual(self.cluster.rest(k, 'GET', '/v1/me', token='00000000-0000-4000-8000-000000000000')[0], 401)
            self.assertEqual(self.cluster.ssh(k, *self.cluster.retrieve_words(), key=stranger).returncode, 255)
            vias = wait_for('both records', lambda n=k: self.new_vias(n, before[n]))
            self.assertEqual(vias, {'REST', 'SSH'})

    def login_refusals(self, k):
        return [r for r in self.records(k, k) if r['operation'] == 'login' and r['result'] == 'refused']

    def new_vias(self, k, before):
        found = self.login_refusals(k)
        vias = {r['via'] for r in found[:len(found) - before]}
        return vias if len(vias) == 2 else None

    def test_no_record_holds_a_secret(self):
        for k in (1, 2):
            text = repr(self.all_records(k))
            for name, secret in self.cluster.secrets.items():
                self.assertNotIn(secret if isinstance(secret, str) else secret.hex(), text, name)


if __name__ == '__main__':
    unittest.main()
