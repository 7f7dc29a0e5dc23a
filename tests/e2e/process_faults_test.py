#!/usr/bin/env python3
"""A disk that does not sync, a port that is taken, a key that is misspelt: said clearly, and nothing stored is lost."""

import json
import os
import pathlib
import shutil
import socket
import tempfile
import time
import unittest
import urllib.request

from cluster import ClusterTest, run, wait_for
from damaged import Copy
import cluster as processes

WRAPPER = os.environ.get('HOLDFAST_FSYNC_FAIL')
PORTS = {'rest': 1, 'ssh': 2, 'peer': 3, 'health': 4}


class FsyncTest(ClusterTest):
    """Node 1 is primary and runs on a disk whose syncs can be made to fail."""

    @classmethod
    def setUpClass(cls):
        if not WRAPPER:
            raise unittest.SkipTest('HOLDFAST_FSYNC_FAIL must name the built wrapper')
        super().setUpClass()
        cls.folder = pathlib.Path(tempfile.mkdtemp(prefix='holdfast-fsync-'))
        cls.control = cls.folder / 'control'

    @classmethod
    def tearDownClass(cls):
        super().tearDownClass()
        shutil.rmtree(cls.folder, ignore_errors=True)

    def setUp(self):
        self.control.unlink(missing_ok=True)
        self.cluster.stop(1)
        self.cluster.start(1, environment={'LD_PRELOAD': WRAPPER, 'FSYNC_FAIL_FILE': str(self.control)})
        super().setUp()
        wait_for('node 1 is primary', lambda: self.cluster.primary() == 1)
        self.cluster.wait_caught_up(2)
        self.secret = self.cluster.secrets['demo secret']

    def write(self, name):
        """(status, error code) of a resource stored on node 1."""
        status, _, answer = self.cluster.rest(1, 'POST', '/v1/resources', {'name': name, 'type': 'Linux'},
                                              token=self.cluster.env['HOLDFAST_TOKEN'])
        return status, None if status < 300 else answer['error']['code']

    def names(self, k):
        return {r['name'] for r in self.cluster.admin(k, 'GET', '/resources')['resources']}

    def check(self, k, path, name):
        """(status code, the body's status, the named check) of the health port."""
        try:
            with urllib.request.urlopen(self.cluster.node(k, 'HEALTH_URL') + path, timeout=5) as answer:
                code, body = answer.status, json.load(answer)
        except urllib.error.HTTPError as error:
            code, body = error.code, json.load(error)
        return code, body['status'], next(c for c in body['checks'] if c['name'] == name)

    def restart_whole(self, acknowledged):
        """Without the wrapper: everything that was acknowledged is there, on both nodes, and writes go on."""
        self.cluster.stop(1)
        self.cluster.start(1)
        wait_for('node 1 is primary', lambda: self.cluster.primary() == 1)
        after = f'after-{time.monotonic_ns()}'
        self.assertEqual(self.write(after), (201, None))
        for k in (1, 2):
            self.cluster.wait_caught_up(k)
            self.assertLessEqual({*acknowledged, after}, self.names(k))
            self.assertEqual(self.cluster.ssh_retrieve(k), self.secret)
        self.assertEqual(self.check(1, '/readyz', 'log')[:2], (200, 'ok'))
        self.assertEqual(wait_for('node 2 streams', lambda: self.cluster.row(2)['state'] == 'streaming'), True)
        self.assertEqual(self.names(1), self.names(2))

    def test_the_store_does_not_sync(self):
        acknowledged = [f'before-{k}-{time.monotonic_ns()}' for k in range(3)]
        for name in acknowledged:
            self.assertEqual(self.write(name), (201, None))
        self.cluster.wait_caught_up(2)
        self.control.write_text('vault.db\n')
        self.assertEqual(self.write('lost')[1], 'OUTCOME_UNKNOWN')  # Not yes, and not no.
        for _ in range(3):
            self.assertEqual(wait_for('the gate closes', lambda: self.write('lost'))[1], 'NOT_PRIMARY')
        self.assert_says('vault.db')
        self.control.unlink()  # A disk that works again does not open what was closed:
        self.assertEqual(self.write('lost')[1], 'NOT_PRIMARY')  # the kernel may have dropped the page.
        self.restart_whole(acknowledged)

    def assert_says(self, file):
        text = f'{file}: closed for writing after a failed write'
        line = wait_for('a line in the log', lambda: next(
            (li for li in self.cluster.log(1).splitlines() if ' error the change log is closed' in li), None))
        self.assertIn('until this node is started again; reads go on: ', line)
        self.assertIn(text, line)
        code, status, check = self.check(1, '/readyz', 'log')
        self.assertEqual((code, status, check['ok']), (200, 'degraded', False))
        self.assertIn(text, check['detail'])
        self.assertIn('start the node again', check['detail'])
        self.assertEqual(self.cluster.health(1, '/primary'), 503)
        row = self.cluster.row(1)
        self.assertEqual((row['state'], row['serving']), ('failed', True))
        for k in (1, 2):  # Both go on reading.
            self.assertEqual(self.cluster.ssh_retrieve(k), self.secret)
            self.assertEqual(self.cluster.rest_retrieve(k), self.secret)

    def test_the_journal_does_not_sync(self):
        """A secret is not given out when its record is not durable; the other node gives it out."""
        name = f'before-{time.monotonic_ns()}'
        self.assertEqual(self.write(name), (201, None))
        self.control.write_text('/journal\n')
        self.assertIsNone(self.cluster.ssh_retrieve(1))
        self.assertIsNone(self.cluster.rest_retrieve(1))
        self.assertEqual(self.write('lost')[1], 'AUDIT_UNAVAILABLE')
        code, status, check = self.check(1, '/readyz', 'journal')
        self.assertEqual((code, status, check['ok']), (503, 'fail', False))
        self.assertRegex(check['detail'], 'closed for good after a failed write .*journal.*; start the node again')
        self.assertEqual(self.check(1, '/livez', 'journal')[:2], (200, 'degraded'))
        self.assertEqual(self.cluster.ssh_retrieve(2), self.secret)
        self.restart_whole([name])
        self.assertNotIn('lost', self.names(1))


class StartFaultsTest(ClusterTest):
    """Node 2 is stopped; copies of its folder and configuration are given to holdfastd."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.cluster.stop(2)

    def setUp(self):
        self.copy = Copy(self.cluster, 2)
        self.addCleanup(self.copy.close)

    def tearDown(self):
        self.assertEqual(self.cluster.ssh_retrieve(1), self.cluster.secrets['demo secret'])

    def test_a_port_in_use(self):
        for name, offset in PORTS.items():
            with self.subTest(name), socket.socket() as taken:
                port = self.cluster.base + 10 + offset
                taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                taken.bind(('127.0.0.1', port))
                taken.listen()
                status, error = self.copy.serve()
                self.assertEqual(status, 1, error)
                line = error.splitlines()[-1]
                self.assertTrue(line.startswith('holdfastd: '), error)
                self.assertIn(str(port), line)
                self.assertIn(name, line.lower())
                self.assertIn('in use', line)
                self.assertIn('error does not start: ', self.copy.log_file.read_text())

    def test_a_second_process_of_the_same_folder(self):
        self.cluster.start(2)
        self.addCleanup(self.cluster.stop, 2)
        config = self.cluster.data(2).parent / 'holdfastd.toml'
        got = run([processes.PROGRAMS / 'holdfastd', '--config', config], timeout=20)
        self.assertEqual(got.returncode, 1)
        self.assertRegex(got.stderr.decode(), r'holdfastd: .*vault\.db.*(in use|another process)')
        self.assertEqual(self.cluster.ssh_retrieve(2), self.cluster.secrets['demo secret'])

    def test_a_configuration_that_is_wrong(self):
        good = self.copy.config.read_text()
        rest = f'listen = "127.0.0.1:{self.cluster.base + 11}"'
        cases = ((rest, rest.replace('listen', 'lisen'), 'rest.lisen: unknown key; the nearest known one is rest.listen'),
                 ('[peer]', '[pear]', 'pear.listen: unknown key; the nearest known one is peer.listen'),
                 ('level = ', 'levle = ', 'log.levle: unknown key; the nearest known one is log.level'),
                 ('kind = "sqlite"', 'kind = "sqlitee"', 'store.kind: expected one of sqlite, postgres, got "sqlitee"'),
                 (rest, 'listen = "nowhere"', 'rest.listen'),
                 ('[seal]', '[seal', ''))
        before = self.copy.contents()
        for old, new, text in cases:
            with self.subTest(new):
                self.assertIn(old, good)
                self.copy.config.write_text(good.replace(old, new))
                line = 1 + good[:good.index(old)].count('\n')
                status, error = self.copy.serve()
                self.assertEqual(status, 78, error)
                self.assertIn(f'holdfastd: {self.copy.config}:', error)
                self.assertIn(text, error)
                if 'nearest' in text and old != '[peer]':
                    self.assertIn(f'{self.copy.config}:{line}: ', error)
                got = run([processes.PROGRAMS / 'holdfastd', '--check-config', '--config', self.copy.config])
                self.assertEqual((got.returncode, got.stderr.decode()), (78, error))
        self.assertEqual(self.copy.contents(), before)

    def test_zz_the_node_itself_starts(self):
        self.cluster.start(2)
        self.read_everywhere(None, None, self.cluster.secrets['demo secret'])


if __name__ == '__main__':
    unittest.main()
