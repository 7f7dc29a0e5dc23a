#!/usr/bin/env python3
"""The server of the databases is away: reads go on, writes wait for it, a node that is told to stop does not."""

import contextlib
import os
import pathlib
import signal
import threading
import time
import unittest

from cluster import CHECKOUT, ClusterTest, alive, id_of, run, wait_for

WAIT_SECONDS = 2
STOP_SECONDS = 12  # 5 of them: what is under way may end


class PostgresAwayTest(ClusterTest):
    store = 'postgres'
    demo = True

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        for k in (1, 2):
            config = pathlib.Path(cls.cluster.dir / f'node{k}/holdfastd.toml')
            config.write_text(config.read_text().replace('[store]\n', f'[store]\nwait_seconds = {WAIT_SECONDS}\n'))
            assert f'wait_seconds = {WAIT_SECONDS}' in config.read_text()
            cls.cluster.stop(k)
        for k in (1, 2):
            cls.cluster.start(k)

    def setUp(self):
        super().setUp()
        self.cluster.wait_caught_up(2)
        self.resource = id_of(self.cluster.admin(1, 'GET', '/resources')['resources'],
                              self.cluster.env['HOLDFAST_RESOURCE'])
        self.number = 0

    def server(self, verb):
        done = run([CHECKOUT / 'deploy/dev/private-postgres', verb, self.cluster.dir / 'postgres'])
        self.assertEqual(done.returncode, 0, done.stderr)

    def write(self):
        self.number += 1
        name = f'{self._testMethodName}-{self.number}'
        status, _, _ = self.cluster.rest(1, 'POST', f'/v1/resources/{self.resource}/accounts',
                                         {'name': name, 'secret': self.cluster.new_secret(name)})
        return status

    def test_writes_go_on_by_themselves_once_it_is_back(self):
        self.assertEqual(self.write(), 201)
        pids = [self.cluster.pid(k) for k in (1, 2)]
        self.server('stop')
        try:
            wait_for('a write that is refused', lambda: self.write() == 503, seconds=60)
            for k in (1, 2):
                self.assertEqual(self.cluster.rest_retrieve(k), self.cluster.secrets['demo secret'])
            status = self.cluster.hf('status')
            self.assertEqual(status.returncode, 3, status.stdout)
            self.assertIn(b'nothing is written until it is back', status.stdout)
        finally:
            self.server('start')
        wait_for('a write', lambda: self.write() == 201, seconds=60)
        wait_for('a whole cluster', lambda: self.cluster.hf('status').returncode == 0)
        self.cluster.wait_caught_up(2)
        self.assertEqual([self.cluster.pid(k) for k in (1, 2)], pids)
        self.assertNotIn('the change log is closed', self.cluster.logs())

    def test_what_was_under_way_is_answered_in_its_time_and_found_out(self):
        self.assertEqual(self.write(), 201)
        pids = [self.cluster.pid(k) for k in (1, 2)]
        self.cluster.must_hf('settings', 'set', '--sync', 'local', '--wait-ms', '1000')
        self.addCleanup(self.cluster.must_hf, 'settings', 'set', '--sync', 'local', '--wait-ms', '0')
        self.server('stop')
        try:
            began = time.monotonic()
            self.assertEqual(self.write(), 504)
            self.assertLess(time.monotonic() - began, 2 * WAIT_SECONDS, 'its wait_ms, not what the store waits')
            lost = f'{self._testMethodName}-{self.number}'
            wait_for('a fault that status names',
                     lambda: b'database of this node is away' in self.cluster.hf('status').stdout, seconds=60)
            self.assertIn(b'OVERLOADED', self.cluster.hf('audit', 'list').stderr)
        finally:
            self.server('start')
        wait_for('a write', lambda: self.write() == 201, seconds=60)
        self.cluster.wait_caught_up(2)
        for k in (1, 2):
            self.assertEqual(self.cluster.rest_retrieve(k, account=lost), self.cluster.secrets[lost])
        self.assertEqual([self.cluster.pid(k) for k in (1, 2)], pids)
        self.assertNotIn('the change log is closed', self.cluster.logs())
        self.assertLess(self.cluster.logs().count('own audit records cannot be listed'), 6, 'said once, not each time')

    def test_a_node_that_is_told_to_stop_does_not_wait_for_it(self):
        self.server('stop')
        try:
            def write():
                with contextlib.suppress(ConnectionError):  # It is cut off.
                    self.write()

            writer = threading.Thread(target=write)
            writer.start()
            pids = {k: self.cluster.pid(k) for k in (1, 2)}
            for k in (1, 2):
                began = time.monotonic()
                os.kill(pids[k], signal.SIGTERM)
                wait_for(f'the end of node {k}', lambda pid=pids[k]: not alive(pid), seconds=60)
                self.assertLess(time.monotonic() - began, STOP_SECONDS)
            writer.join()
        finally:
            self.server('start')


if __name__ == '__main__':
    unittest.main()
