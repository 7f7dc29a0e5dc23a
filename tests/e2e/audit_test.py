#!/usr/bin/env python3
"""No secret leaves without its audit record, and the record outlives whatever happens to the node next."""

import concurrent.futures
import ctypes
import json
import os
import pathlib
import shutil
import signal
import subprocess
import tempfile
import unittest
import urllib.request
import uuid

from cluster import Cluster, ClusterTest, wait_for
from load import Connection, ReadLoad

ATTEMPTS = 40
READERS = 8
RESERVE = 8000  # records that a full disk still takes: docs/limits.md
CLONE_NEWNS = 0x20000


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

    def all_records(self, k, asked=None):
        """All records of the node's journal, as it knows them itself or `asked` does, page by page."""
        asked = asked or k
        found, page = {}, self.records(asked, k)
        while page:
            found.update({r['number']: r for r in page})
            if min(found) == 1:
                break
            page = self.page_below(asked, k, min(found))
        return list(found.values())

    def page_below(self, asked, k, number):
        begin = max(number - 500, 1)
        path = f'/audit?node={self.cluster.node(k, "ID")}&after={begin - 1}&limit=1000'
        return [r for r in self.cluster.admin(asked, 'GET', path)['records'] if r['number'] < number]

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

    def test_a_write_that_the_role_refuses_is_there_with_its_user(self):
        before = self.attempts(self.refusals(2, 'resources.add', 'NOT_PRIMARY'))
        status, _, _ = self.cluster.rest(2, 'POST', '/v1/resources', {'name': 'never', 'type': 'Linux'},
                                         token=self.cluster.env['HOLDFAST_TOKEN'])
        self.assertEqual(status, 421)
        self.cluster.stop(2)
        self.cluster.start(2)
        found = self.refusals(2, 'resources.add', 'NOT_PRIMARY')
        self.assertEqual(self.attempts(found) - before, 1)
        self.assertEqual((found[0]['user_name'], found[0]['source'], found[0]['via']), ('admin', '127.0.0.1', 'REST'))

    # ---- journals both ways

    def gaps(self, k):
        return {j['node_id']: j for j in self.cluster.admin(k, 'GET', '/audit/gaps')['journals']}

    def journals_exchanged(self):
        """Everybody has all of both journals, and no gap."""
        heads = {k: self.gaps(k)[self.cluster.node(k, 'ID')]['head'] for k in (1, 2)}
        for asked in (1, 2):
            for of, head in heads.items():
                journal = self.gaps(asked)[self.cluster.node(of, 'ID')]
                if journal['contiguous'] < head or journal['gaps'] or journal['begins'] != 1:
                    return False
        return True

    def test_journals_reach_both_nodes_without_a_gap_through_kills(self):
        for k in (2, 1, 2, 1):
            with ReadLoad(self.cluster, 3 - k, self.secret) as load:
                wait_for('reads', lambda: sum(load.reads.values()) > 30)
                self.cluster.kill(k)
                before = sum(load.reads.values())
                wait_for('reads meanwhile', lambda: sum(load.reads.values()) > before + 30)
            self.assertEqual(load.failures, [])
            self.cluster.start(k)
        self.silence_each_in_turn()
        wait_for('both journals on both nodes', self.journals_exchanged)
        for k in (1, 2):
            self.assertEqual(self.cluster.hf('audit', 'gaps', only=k).returncode, 0)
            for of in (1, 2):
                numbers = sorted(r['number'] for r in self.all_records(of, asked=k))
                self.assertEqual(numbers, list(range(1, len(numbers) + 1)))

    def silence_each_in_turn(self):
        """Nothing comes from a stopped process, nor goes to it: a cut link, as far as the other can tell."""
        for k in (1, 2):
            os.kill(self.cluster.pid(k), signal.SIGSTOP)
            try:
                with ReadLoad(self.cluster, 3 - k, self.secret) as load:
                    wait_for('reads', lambda: sum(load.reads.values()) > 60)
            finally:
                os.kill(self.cluster.pid(k), signal.SIGCONT)
            self.assertEqual(load.failures, [])

    # ---- verify

    def verify(self, k):
        got = self.cluster.hf('audit', 'verify', '--data', self.cluster.data(k), '--output', 'json')
        return got.returncode, json.loads(got.stdout)['audit_verify']

    def test_verify_passes_on_a_node_at_work_and_names_what_was_changed(self):
        with ReadLoad(self.cluster, 2, self.secret) as load:
            wait_for('reads', lambda: load.count('rest') > 20)
            code, found = self.verify(2)
        self.assertEqual((code, found['whole'], found['first']), (0, True, 1), found)
        self.cluster.stop(2)
        segment = min((self.cluster.data(2) / 'journal').glob('*.segment'))
        good = segment.read_bytes()
        at = good.index(b'account.retrieve')
        segment.write_bytes(good[:at] + b'A' + good[at + 1:])
        code, found = self.verify(2)
        self.assertEqual((code, found['whole']), (2, False))
        self.assertEqual(found['first_bad'], found['last'] + 1)
        segment.write_bytes(good)
        self.assertEqual(self.verify(2)[0], 0)
        self.cluster.start(2)

    # ---- sinks

    def test_the_file_has_every_record_through_kills_and_a_rename(self):
        config = self.config(2)
        file, old = config.parent / 'audit.jsonl', config.read_text()
        self.addCleanup(config.write_text, old)
        config.write_text(f'{old}\n[audit]\nfile = "{file}"\n')
        self.cluster.stop(2)
        for _ in range(2):
            self.cluster.start(2)
            with ReadLoad(self.cluster, 2, self.secret) as load:
                wait_for('reads', lambda: load.count('rest') > 30)
                self.kill_now(2)
            self.cluster.must('kill-node', 2)
        self.cluster.start(2)
        moved = file.with_suffix('.1')
        file.rename(moved)
        os.kill(self.cluster.pid(2), signal.SIGHUP)
        self.cluster.rest_retrieve(2)
        wait_for('the file anew', file.exists)
        want = {r['number'] for r in self.all_records(2)}
        wait_for('every record', lambda: want <= self.numbers_in(moved, file))
        self.cluster.stop(2)

    def config(self, k):
        return next(f for f in self.cluster.dir.glob(f'node{k}*/**/*.toml'))

    def numbers_in(self, *files):
        lines = [line for f in files for line in f.read_text().splitlines()]
        return {json.loads(line)['number'] for line in lines if line.endswith('}')}

    def test_no_record_holds_a_secret(self):
        for k in (1, 2):
            text = repr(self.all_records(k))
            for name, secret in self.cluster.secrets.items():
                self.assertNotIn(secret if isinstance(secret, str) else secret.hex(), text, name)


class FullDiskTest(unittest.TestCase):
    """Both nodes on one small file system of their own, in a mount namespace of this test: node 1 refuses when
    its journal is full, node 2 serves and marks."""

    def setUp(self):
        self.disk = pathlib.Path(tempfile.mkdtemp(prefix='holdfast-full-'))
        self.addCleanup(shutil.rmtree, self.disk, ignore_errors=True)
        self.mount()
        self.addCleanup(setattr, tempfile, 'tempdir', tempfile.tempdir)
        tempfile.tempdir = str(self.disk)
        self.cluster = Cluster()
        self.addCleanup(self.cluster.close)
        config = next(self.cluster.dir.glob('node2*/**/*.toml'))
        config.write_text(config.read_text() + '\n[audit]\nwhen_full = "serve-and-mark"\n')
        self.cluster.stop(2)
        self.cluster.start(2)
        self.cluster.wait_caught_up(2)

    def mount(self):
        if os.geteuid() != 0 or ctypes.CDLL(None, use_errno=True).unshare(CLONE_NEWNS) != 0:
            self.skipTest('needs a mount namespace of its own')
        for words in (['mount', '--make-rprivate', '/'],
                      ['mount', '-t', 'tmpfs', '-o', 'size=300m', 'holdfast-test', str(self.disk)]):
            if subprocess.run(words, check=False).returncode != 0:
                self.skipTest('needs the right to mount')
        self.addCleanup(subprocess.run, ['umount', '-l', str(self.disk)], check=False)

    def fill(self):
        with open(self.disk / 'filler', 'wb', buffering=0) as filler:
            try:
                while filler.write(b'f' * 65536):
                    pass
            except OSError:
                pass

    def reads(self, k, count):
        """(how many were answered, an answer that was none or None), over READERS connections at once."""
        with concurrent.futures.ThreadPoolExecutor(READERS) as pool:
            ended = list(pool.map(lambda _: self.reads_of_one(k, count // READERS), range(READERS)))
        return sum(done for done, _ in ended), next((answer for _, answer in ended if answer), None)

    def reads_of_one(self, k, count):
        connection = Connection(self.cluster, k)
        path = '/v1/secret?resource={HOLDFAST_RESOURCE}&account={HOLDFAST_ACCOUNT}'.format(**self.cluster.env)
        try:
            for done in range(count):
                status, answer = connection.call('GET', f'{path}&reason={"r" * 200}')
                if status != 200:
                    return done, (status, answer)
            return count, None
        finally:
            connection.close()

    def test_reads_go_on_for_the_reserve_and_then_each_node_does_as_it_was_told(self):
        self.fill()
        done, refused = self.reads(1, RESERVE)
        self.assertEqual((done, refused), (RESERVE, None))
        done, refused = self.reads(1, 10 * RESERVE)
        self.assertEqual((refused[0], refused[1]['error']['code']), (507, 'AUDIT_UNAVAILABLE'))
        print(f'\n{RESERVE + done} reads on a full disk')
        wait_for('not ready', lambda: self.cluster.health(1) == 503)
        self.assertEqual(self.reads(2, 4 * RESERVE), (4 * RESERVE, None))
        wait_for('degraded', lambda: self.health_word(2) == 'degraded')
        os.kill(self.cluster.pid(2), signal.SIGKILL)  # The count outlives it.
        (self.disk / 'filler').unlink()
        self.cluster.must('kill-node', 2)
        self.cluster.start(2)
        wait_for('reads', lambda: self.reads(1, READERS) == (READERS, None))
        marks = wait_for('the mark on both nodes', lambda: self.marks(2) and self.marks(1))
        self.assertEqual(len(marks), 1)
        self.assertGreater(marks[0]['repeated'], RESERVE // 2)
        self.assertIn('were served without a record', marks[0]['reason'])

    def health_word(self, k):
        with urllib.request.urlopen(self.cluster.node(k, 'HEALTH_URL') + '/readyz', timeout=5) as answer:
            return json.load(answer)['status']

    def marks(self, asked):
        path = f'/audit?node={self.cluster.node(2, "ID")}&limit=1000'
        return [r for r in self.cluster.admin(asked, 'GET', path)['records'] if r['operation'] == 'audit.unrecorded']


if __name__ == '__main__':
    unittest.main()
