#!/usr/bin/env python3
"""Each node on a database of its own: the server of those restarts under load, and nothing acknowledged is lost."""

import pathlib
import re
import threading
import unittest

from cluster import CHECKOUT, ClusterTest, id_of, run, wait_for
from load import Connection

WRITERS = 8
RESTARTS = 3


class PostgresTest(ClusterTest):
    store = 'postgres'
    sync = 'durable:1'
    demo = True

    def setUp(self):
        super().setUp()
        self.cluster.wait_caught_up(2)
        self.resource = id_of(self.cluster.admin(1, 'GET', '/resources')['resources'],
                              self.cluster.env['HOLDFAST_RESOURCE'])

    def server(self, verb):
        return run([CHECKOUT / 'deploy/dev/private-postgres', verb, self.cluster.dir / 'postgres'])

    def path(self):
        return f'/v1/resources/{self.resource}/accounts'

    def names(self, k):
        answer = self.cluster.admin(k, 'GET', f'/resources/{self.resource}/accounts?limit=1000')
        return [account['name'] for account in answer['accounts']]

    def test_the_demo_ran_and_the_rows_are_in_the_databases(self):
        self.assertIn('the secret, as it was stored', self.cluster.made_output)
        for k in (1, 2):
            self.assertEqual(self.cluster.ssh_retrieve(k), self.cluster.secrets['demo secret'])
            self.assertEqual(self.cluster.sql(k, 'SELECT count(*) FROM holdfast.members'), '2')
            self.assertFalse(list(self.cluster.data(k).glob('*.db')))

    def test_the_primary_dies_and_comes_back(self):
        secret = self.cluster.new_account('postgres-kill', 'app')
        self.cluster.share(self.cluster.env['HOLDFAST_SSH_USER'], 'postgres-kill')
        self.cluster.wait_caught_up(2)
        self.cluster.kill(1)
        self.assertEqual(self.cluster.ssh_retrieve(2, 'postgres-kill', 'app'), secret)
        self.cluster.start(1)
        self.cluster.wait_primary()
        self.read_everywhere('postgres-kill', 'app', secret)

    def test_the_server_restarts_under_write_load(self):
        acknowledged, lock, end = {}, threading.Lock(), threading.Event()

        def write(writer):
            connection = None
            for i in range(100000):
                if end.is_set():
                    break
                name = f'load-{writer}-{i}'
                secret = self.cluster.new_secret(name)
                try:
                    connection = connection or Connection(self.cluster, 1, self.cluster.env['HOLDFAST_TOKEN'])
                    status, _ = connection.call('POST', self.path(), {'name': name, 'secret': secret})
                except OSError:
                    connection = None
                    continue
                if status == 201:
                    with lock:
                        acknowledged[name] = secret
            if connection:
                connection.close()

        pids = [self.cluster.pid(k) for k in (1, 2)]
        threads = [threading.Thread(target=write, args=(n,)) for n in range(WRITERS)]
        for thread in threads:
            thread.start()
        try:
            for _ in range(RESTARTS):
                before = len(acknowledged)
                wait_for('writes', lambda b=before: len(acknowledged) > b + 20, seconds=60)
                self.assertEqual(self.server('restart').returncode, 0)
                for k in (1, 2):  # Reads do not need the server.
                    self.assertEqual(self.cluster.rest_retrieve(k), self.cluster.secrets['demo secret'])
            before = len(acknowledged)
            wait_for('writes after the last restart', lambda: len(acknowledged) > before + 20, seconds=60)
        finally:
            end.set()
            for thread in threads:
                thread.join()
        self.assertEqual([self.cluster.pid(k) for k in (1, 2)], pids)
        self.cluster.wait_caught_up(2)
        for k in (1, 2):
            self.assertEqual(set(acknowledged) - set(self.names(k)), set())
            for name in list(acknowledged)[-WRITERS:]:
                self.assertEqual(self.cluster.rest_retrieve(k, account=name), acknowledged[name])
        print(f'\n{len(acknowledged)} writes acknowledged over {RESTARTS} crashes of the server, all on both nodes')

    def test_a_second_node_on_a_database_is_refused(self):
        config = pathlib.Path(self.cluster.dir / 'node2/holdfastd.toml')
        text = config.read_text()
        self.cluster.stop(2)
        self.addCleanup(config.write_text, text)
        own = f'{self.cluster.dir}/node2/pgpass'.replace("'", "\\\\'")
        other = f'{self.cluster.dir}/node1/pgpass'.replace("'", "\\\\'")
        config.write_text(text.replace('dbname=node2', 'dbname=node1').replace('user=node2', 'user=node1')
                          .replace(own, other))
        started = self.cluster.quickstart('start-node', '2')
        self.assertNotEqual(started.returncode, 0)
        self.assertIn(b'another process has it open', started.stderr)
        self.cluster.stop(1)
        self.assertIn(b"is node node1's, this is node node2", self.cluster.quickstart('start-node', '2').stderr)
        config.write_text(text)
        self.cluster.start(1)
        self.cluster.start(2)

    def test_stop_ends_the_server_and_start_node_starts_it(self):
        self.cluster.must('stop')
        self.assertNotEqual(self.server('status').returncode, 0)
        for k in (1, 2):
            self.cluster.start(k)
        self.assertEqual(self.server('status').returncode, 0)
        self.assertIn(b'PostgreSQL: runs', self.cluster.must('status').stdout)

    def test_the_queries_of_the_page_run_as_the_role_of_the_node(self):
        page = (CHECKOUT / 'docs/postgres.md').read_text()
        queries = re.findall(r'^```sql\n(.*?)^```', page, re.MULTILINE | re.DOTALL)
        self.assertGreater(len(queries), 5)
        for query in queries:
            with self.subTest(query=query):
                self.cluster.sql(1, query, role='node1')
        self.assertIn('demo', self.cluster.sql(1, queries[0], role='node1'))


if __name__ == '__main__':
    unittest.main()
