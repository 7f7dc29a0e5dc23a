#!/usr/bin/env python3
"""deploy/quickstart as a stranger meets it: DESIGN section 10 is the contract."""

import json
import os
import pathlib
import stat
import unittest

from cluster import Cluster, ClusterTest, QUICKSTART, alive, id_of, run, wait_for

OF_A_NODE = {'ID', 'URL', 'HEALTH_URL', 'SSH', 'PID_FILE', 'DATA', 'LOG'}
OF_THE_CLUSTER = {'BIN', 'ADDR', 'CACERT', 'TOKEN', 'SSH_USER', 'SSH_KEY', 'KNOWN_HOSTS', 'API_TOKEN', 'RESOURCE',
                  'ACCOUNT'}
STATUS_NODE = ['id', 'role', 'state', 'serving', 'epoch', 'head_seq', 'durable_seq', 'committed_seq', 'applied_seq',
               'lag_records', 'lag_seconds', 'link_age_seconds', 'snapshot', 'lost_writes', 'url', 'version', 'waiting',
               'degraded', 'split']


class QuickstartTest(ClusterTest):
    demo = True  # The tour is part of what is tested here.

    def test_the_tour_shows_the_main_job(self):
        text = self.cluster.made_output
        for line in ('node 1, SSH: the secret', 'node 2, REST: the secret', 'is killed (-9)', 'refused, exit status 75',
                     'ERROR: READONLY primary=unknown epoch=', 'The cluster runs. Node 1 is the primary', 'What now:'):
            self.assertIn(line, text)
        after_kill = text.partition('is killed (-9)')[2]
        self.assertIn('node 2, SSH: the secret', after_kill.partition('starts again')[0])
        self.assertNotIn('quickstart: ', text)  # Nothing went wrong on the way.
        self.assertNotIn('next:', text)  # Hints of init and join are for those who type them by hand.
        for name, secret in self.cluster.secrets.items():
            if isinstance(secret, str):
                self.assertNotIn(secret, text, name)

    def test_cluster_env_holds_the_names_of_the_contract_and_is_private(self):
        cluster = self.cluster
        file = cluster.dir / 'cluster.env'
        self.assertEqual(stat.S_IMODE(file.stat().st_mode), 0o600)
        wanted = OF_THE_CLUSTER | {f'NODE{k}_{name}' for k in (1, 2) for name in OF_A_NODE}
        self.assertEqual(set(cluster.env), {f'HOLDFAST_{name}' for name in wanted})
        for line in file.read_text().splitlines():
            self.assertRegex(line, r"^export HOLDFAST_[A-Z0-9_]+='")
        for k in (1, 2):
            port = cluster.base + 10 * (k - 1)
            self.assertEqual(cluster.node(k, 'URL'), f'https://127.0.0.1:{port + 1}')
            self.assertEqual(cluster.node(k, 'SSH'), f'127.0.0.1:{port + 2}')
            self.assertEqual(cluster.node(k, 'HEALTH_URL'), f'http://127.0.0.1:{port + 4}')
            self.assertTrue(pathlib.Path(cluster.node(k, 'LOG')).is_file())
        self.assertEqual(cluster.env['HOLDFAST_ADDR'], f'{cluster.node(1, "URL")},{cluster.node(2, "URL")}')
        self.assertEqual(stat.S_IMODE(pathlib.Path(cluster.env['HOLDFAST_SSH_KEY']).stat().st_mode), 0o600)

    def test_everything_binds_loopback_only(self):
        ports = {self.cluster.base + 10 * (k - 1) + n for k in (1, 2) for n in (1, 2, 3, 4)}
        bound = {}
        for table in ('/proc/net/tcp', '/proc/net/tcp6'):
            for line in pathlib.Path(table).read_text().splitlines()[1:]:
                address, number = line.split()[1].split(':')
                if line.split()[3] == '0A' and int(number, 16) in ports:
                    bound[int(number, 16)] = address
        self.assertEqual(set(bound), ports)
        self.assertLessEqual(set(bound.values()), {'0100007F', '0000000000000000FFFF00000100007F'})

    def test_a_second_call_says_that_it_runs(self):
        before = [self.cluster.pid(k) for k in (1, 2)]
        again = self.cluster.quickstart('--no-install', '--no-build')
        self.assertEqual(again.returncode, 0, again.stderr)
        self.assertIn(b'runs', again.stdout)
        self.assertEqual([self.cluster.pid(k) for k in (1, 2)], before)

    def test_the_server_certificate_names_localhost_too(self):
        url = f'https://localhost:{self.cluster.base + 1}/v1/me'
        got = run(['curl', '-sS', '--cacert', self.cluster.env['HOLDFAST_CACERT'], '-o', '/dev/null', '-w',
                   '%{http_code}', url])
        self.assertEqual(got.stdout, b'401', got.stderr)

    def test_the_demo_user_is_the_one_of_the_contract(self):
        users = self.cluster.admin(1, 'GET', '/users')['users']
        user = next(u for u in users if u['name'] == self.cluster.env['HOLDFAST_SSH_USER'])
        self.assertEqual((user['role'], user['host_check']), ('password_administrator', False))
        resource = id_of(self.cluster.admin(1, 'GET', '/resources')['resources'], self.cluster.env['HOLDFAST_RESOURCE'])
        shares = self.cluster.admin(1, 'GET', f'/shares?resource_id={resource}')['shares']
        self.assertEqual([(s['user_id'], s['level'], s['account_id']) for s in shares], [(user['id'], 'full_access', 0)])

    def test_status_has_exactly_the_keys_of_the_contract_from_every_node(self):
        answers = [self.cluster.status(k) for k in (1, 2)]
        for answer in answers:
            self.assertEqual(list(answer), ['schema', 'cluster_id', 'nodes'])
            self.assertEqual(answer['schema'], 'holdfast.status/1')
            self.assertEqual([list(n) for n in answer['nodes']], [STATUS_NODE, STATUS_NODE])
            self.assertEqual([n['id'] for n in answer['nodes']], ['node1', 'node2'])
            self.assertEqual([n['role'] for n in answer['nodes']], ['primary', 'secondary'])
            self.assertEqual([n['serving'] for n in answer['nodes']], [True, True])
        self.assertEqual(answers[0]['cluster_id'], answers[1]['cluster_id'])

    def test_a_dead_node_keeps_its_row(self):
        for dead, alive in ((1, 2), (2, 1)):
            self.cluster.kill(dead)
            row = wait_for('the row of a dead node', lambda d=dead, a=alive: self._down_row(d, a), seconds=15)
            self.assertEqual(list(row), STATUS_NODE)
            self.assertIs(row['serving'], False)
            for name in ('role', 'epoch', 'head_seq', 'committed_seq', 'applied_seq', 'lag_records'):
                self.assertIsNone(row[name], name)
            got = self.cluster.hf('status', only=alive)
            self.assertEqual(got.returncode, 3)
            self.assertIn(b'down', got.stdout)
            self.cluster.start(dead)

    def _down_row(self, dead, alive):
        row = self.cluster.row(dead, seen_by=alive)
        return row if row['state'] == 'down' else None

    def test_retrieve_gives_the_exact_bytes(self):
        cluster = self.cluster
        for name, secret in {'text': 'tab\there, "quotes" and ünïcode'.encode(), 'lines': b'a line\nand another\n',
                             'bytes': bytes(range(256)), 'one': b'!'}.items():
            cluster.must_hf('account', 'add', '--resource', cluster.env['HOLDFAST_RESOURCE'], '--account', name,
                            stdin=secret)
            for k in (1, 2):
                cluster.wait_caught_up(k)
                got = cluster.hf('retrieve', '--resource', cluster.env['HOLDFAST_RESOURCE'], '--account', name, only=k)
                self.assertEqual((got.returncode, got.stdout), (0, secret), f'{name} from node {k}')

    def test_the_environment_of_the_file_is_enough(self):
        script = f". '{str(self.cluster.dir).replace(chr(39), chr(39) + chr(92) + chr(39) * 2)}/cluster.env' && " \
                 '"$HOLDFAST_BIN/holdfast" status --output json && ' \
                 '"$HOLDFAST_BIN/holdfast" retrieve --resource "$HOLDFAST_RESOURCE" --account "$HOLDFAST_ACCOUNT"'
        got = run(['env', '-i', f'PATH={os.environ["PATH"]}', '/bin/sh', '-c', script])
        self.assertEqual(got.returncode, 0, got.stdout + got.stderr)
        first, _, rest = got.stdout.partition(b'\n')
        self.assertEqual(json.loads(first)['schema'], 'holdfast.status/1')
        self.assertEqual(rest.decode(), self.cluster.secrets['demo secret'])

    def expect_whole(self):
        """Asked at once: whoever gets the prompt back has a cluster that is as it should be, to whichever node."""
        for k in (1, 2):
            self.cluster.must_hf('status', only=k)

    def test_status_of_a_whole_and_of_a_broken_cluster(self):
        whole = self.cluster.must('status').stdout.decode()
        for text in ('node 1: runs', 'node 2: runs', 'primary', 'secondary'):
            self.assertIn(text, whole)
        self.cluster.must('kill-node', 2)
        broken = self.cluster.must('status').stdout.decode()
        self.assertIn('node 2: stopped', broken)
        self.cluster.must('start-node', 2)
        self.assertEqual(self.cluster.health(2), 200)
        self.cluster.must('stop-node', 2)
        self.assertIsNone(self.cluster.health(2))
        again = self.cluster.must('start-node', 2)
        self.assertIn(b'answers reads', again.stdout)
        self.expect_whole()
        self.assertIn(b'runs already', self.cluster.must('start-node', 2).stdout)

    def test_stop_ends_all_and_a_new_call_goes_on_with_the_same_vault(self):
        pids = [self.cluster.pid(k) for k in (1, 2)]
        self.cluster.must('stop')
        self.assertEqual([k for k in (1, 2) if self.cluster.health(k)], [])
        self.assertEqual([p for p in pids if alive(p)], [])
        self.cluster.must('stop')  # again: nothing to do
        self.cluster.must('--no-install', '--no-build')
        self.expect_whole()
        for k in (1, 2):
            self.assertEqual(self.cluster.ssh_retrieve(k), self.cluster.secrets['demo secret'])

    def test_a_wrong_node_is_refused(self):
        for words in (['start-node', '3'], ['kill-node', '0'], ['stop-node', 'x']):
            got = self.cluster.quickstart(*words)
            self.assertEqual(got.returncode, 1)
            self.assertIn(b'expected 1 to 2', got.stderr)

    def test_ports_in_use_are_named_before_anything_is_made(self):
        other = self.cluster.dir.parent / 'other'
        got = run([QUICKSTART, '--dir', other, '--port-base', str(self.cluster.base), '--no-install', '--no-build'],
                  env={**os.environ, 'HOLDFAST_QUICKSTART_BIN': self.cluster.env['HOLDFAST_BIN']})
        self.assertEqual(got.returncode, 1)
        self.assertIn(f'port {self.cluster.base + 1} (rest of node 1) is in use by holdfastd (pid'.encode(), got.stderr)
        self.assertNotIn(b'exit status', got.stderr)
        self.assertFalse(other.exists())


class CleanTest(unittest.TestCase):
    def test_clean_removes_everything(self):
        cluster = Cluster(nodes=1)
        self.addCleanup(cluster.close)
        pid = cluster.pid(1)
        cluster.must('clean')
        self.assertFalse(cluster.dir.exists())
        self.assertFalse(alive(pid))
        cluster.must('clean')


if __name__ == '__main__':
    unittest.main()
