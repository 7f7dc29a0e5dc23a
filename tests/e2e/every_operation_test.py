#!/usr/bin/env python3
"""Every route and every SSH command on a secondary, with the primary up and down: nothing writes there.

The lists are read from where they are kept: the page of the native API, the tables of the PAM360 dialect and of
the SSH commands. Each is called as somebody who may do everything, with a body that the primary would take."""

import re
import unittest

from cluster import CHECKOUT, ClusterTest, id_of, wait_for
from load import Connection

WRITES = 'POST', 'PUT', 'DELETE'
PAM360 = '/restapi/json/v1'
LEGACY = '/api/json'  # Older clients ask there; nothing is served.
PASSWORD = 'Never-Stored-1'


def native_routes():
    """[(method, pattern, class)] of the table in the page."""
    found = []
    for line in (CHECKOUT / 'docs/reference/native-api.md').read_text().splitlines():
        row = re.match(r'\| (GET|POST|PUT|DELETE) (/v1/\S+?)((?:, /\w+)*) \| (retrieve|primary|node) \|', line)
        if row:
            method, path, others, op_class = row.groups()
            base = path.rpartition('/')[0]
            found += [(method, p, op_class) for p in [path, *(base + o for o in re.findall(r'/\w+', others))]]
    return found


def pam360_routes():
    text = (CHECKOUT / 'api/pam360/routes.cc').read_text()
    table = text[text.index('kEndpoints[]'):text.index('};', text.index('kEndpoints[]'))]
    rows = re.findall(r'\{Method::k(\w+), "([^"]+)",\s*(kRetrieve|kPrimaryOnly),', table)
    return [(method.upper(), path, 'primary' if op_class == 'kPrimaryOnly' else 'retrieve')
            for method, path, op_class in rows]


def ssh_commands():
    text = (CHECKOUT / 'api/ssh/commands.cc').read_text()
    return re.findall(r'\.word = "(\w+)", \.op_class = OperationClass::(\w+)', text)


class EveryOperationTest(ClusterTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cluster, env = cls.cluster, cls.cluster.env
        resource = id_of(cluster.admin(1, 'GET', '/resources')['resources'], env['HOLDFAST_RESOURCE'])
        account = id_of(cluster.admin(1, 'GET', f'/resources/{resource}/accounts')['accounts'], env['HOLDFAST_ACCOUNT'])
        user = id_of(cluster.admin(1, 'GET', '/users')['users'], env['HOLDFAST_SSH_USER'])
        cls.ids = {
            'resource': resource, 'account': account, 'user': user,
            'key': cluster.admin(1, 'GET', f'/users/{user}/keys')['keys'][0]['id'],
            'token': cluster.admin(1, 'GET', f'/users/{user}/tokens')['tokens'][0]['id'],
            'share': cluster.admin(1, 'GET', f'/shares?resource_id={resource}')['shares'][0]['id']}
        cls.public_key = cluster.dir.joinpath('demo/id_ed25519.pub').read_text().strip()

    def setUp(self):
        super().setUp()
        self.cluster.wait_caught_up(2)
        self.secondary = Connection(self.cluster, 2, self.cluster.env['HOLDFAST_TOKEN'])
        self.addCleanup(self.secondary.close)

    def test_the_lists_were_understood(self):
        native, pam360 = native_routes(), pam360_routes()
        self.assertEqual(len(native), 46)
        self.assertEqual(len(pam360), 17)
        self.assertEqual([word for word, _ in ssh_commands()], ['RETRIEVE', 'RESET_LOCAL', 'RESET_REMOTE', 'CREATE'])
        for method, path, op_class in native:
            if op_class != 'node':  # Orders to a node are POST too.
                self.assertEqual(op_class == 'primary', method != 'GET', path)
            self.assertNotIn('{', self.fill_native(path))

    # ---- what is sent

    def fill_native(self, pattern):
        noun = pattern.split('/')[2]
        own = {'users': 'user', 'resources': 'resource', 'accounts': 'account', 'shares': 'share'}.get(noun)
        path = pattern.replace('{id}', str(self.ids[own]) if own else 'node1')
        path = path.replace('{key}', str(self.ids['key'])).replace('{token}', str(self.ids['token']))
        env = self.cluster.env
        query = f'?resource={env["HOLDFAST_RESOURCE"]}&account={env["HOLDFAST_ACCOUNT"]}'
        return path + query if pattern == '/v1/secret' else path

    def native_body(self, method, pattern):
        bodies = {
            ('POST', '/v1/users'): {'name': 'never', 'role': 'password_user', 'issue_token': True},
            ('POST', '/v1/users/{id}/keys'): {'public_key': self.public_key},
            ('POST', '/v1/users/{id}/tokens'): {'valid_days': 1},
            ('POST', '/v1/resources'): {'name': 'never', 'type': 'Linux'},
            ('POST', '/v1/resources/{id}/accounts'): {'name': 'never', 'secret': PASSWORD},
            ('PUT', '/v1/accounts/{id}/secret'): {'secret': PASSWORD},
            ('POST', '/v1/shares'): {'user_id': self.ids['user'], 'account_id': self.ids['account'], 'level': 'modify'},
            ('POST', '/v1/nodes/invites'): {'node_id': 'never'},
            ('POST', '/v1/promote'): {'node': 'node2', 'dry_run': True},
            ('POST', '/v1/switchover'): {'to': 'node2'},
            ('POST', '/v1/deny'): {'user': 'nobody of that name'},
            ('POST', '/v1/lost-writes/apply'): {'id': '9.9'},
            ('POST', '/v1/lost-writes/drop'): {'id': '9.9'},
            ('PUT', '/v1/sshd'): {'node_id': '', 'port': 0, 'enabled': False},
            ('PUT', '/v1/settings'): {'level': 'local', 'policy': 'block', 'k': 0}}
        return bodies.get((method, pattern)) if method in WRITES else None

    def fill_pam360(self, pattern):
        env = self.cluster.env
        for name, value in (('{name}', env['HOLDFAST_RESOURCE']), ('{account}', env['HOLDFAST_ACCOUNT']),
                            ('{rid}', self.ids['resource']), ('{aid}', self.ids['account'])):
            pattern = pattern.replace(name, str(value))
        return pattern

    def pam360_body(self):
        """Everything that any operation asks for."""
        return {'operation': {'Details': {
            'RESOURCENAME': 'never', 'ACCOUNTNAME': 'never', 'RESOURCETYPE': 'Linux', 'PASSWORD': PASSWORD,
            'NEWPASSWORD': PASSWORD, 'RESETTYPE': 'LOCAL', 'REASON': 'never', 'ACCESSTYPE': 'view',
            'USERID': str(self.ids['user']), 'ACCOUNTLIST': [{'ACCOUNTNAME': 'never', 'PASSWORD': PASSWORD}],
            'NAME': 'never', 'FULLNAME': 'never', 'EMAIL': 'never@example.test', 'ROLE': 'Password User'}}}

    def ssh_line(self, word):
        env = self.cluster.env
        where = [f'--resource={env["HOLDFAST_RESOURCE"]}', f'--account={env["HOLDFAST_ACCOUNT"]}']
        return [word, *where] if word == 'RETRIEVE' else [word, *where, f'--newpassword={PASSWORD}']

    # ---- what comes

    def walk_native(self, up):
        for method, pattern, op_class in native_routes():
            with self.subTest(api='native', method=method, path=pattern, up=up):
                status, answer = self.secondary.call(method, self.fill_native(pattern), self.native_body(method, pattern))
                if op_class == 'primary':
                    self.assertEqual((status, answer['error']['code']), (421 if up else 503, 'NOT_PRIMARY'))
                elif op_class == 'node' and method != 'GET':  # Taken, and refused by its own rules.
                    self.assertIn(answer.get('error', {}).get('code', 'OK'),
                                  ('OK', 'NOT_PRIMARY', 'NO_SUCH_USER', 'INVALID_INPUT'))
                else:
                    self.assertEqual(status, 200, answer)

    def walk_pam360(self, up):
        for method, pattern, op_class in pam360_routes():
            with self.subTest(api='pam360', method=method, path=pattern, up=up):
                body = self.pam360_body() if method in WRITES else None
                status, answer = self.secondary.call(method, PAM360 + self.fill_pam360(pattern), body)
                self.assertEqual(status, 200)
                result = answer['operation']['result']
                if op_class == 'primary':
                    self.assertEqual((result['status'], result['statusCode']), ('Failed', 40300))
                else:
                    self.assertNotEqual(result.get('statusCode'), 40300)

    def walk_wrong_methods(self):
        """What is no route writes neither, whatever the method."""
        known = {(m, self.fill_native(p)) for m, p, _ in native_routes()}
        known |= {(m, PAM360 + self.fill_pam360(p)) for m, p, _ in pam360_routes()}
        paths = {path for _, path in known} | {LEGACY + self.fill_pam360(p) for _, p, _ in pam360_routes()}
        for path in sorted(paths):
            for method in ('POST', 'PUT', 'DELETE', 'PATCH'):
                if (method, path) not in known:
                    with self.subTest(method=method, path=path):
                        self.assert_no_route(method, path)

    def assert_no_route(self, method, path):
        connection = Connection(self.cluster, 2, self.cluster.env['HOLDFAST_TOKEN'])
        try:
            status, answer = connection.call(method, path, {'name': 'never'})
        finally:
            connection.close()
        if status == 200 and path.startswith((PAM360, LEGACY)):
            self.assertEqual(answer['operation']['result']['status'], 'Failed', answer)
        else:
            self.assertIn(status, (404, 405, 501), answer)

    def walk_ssh(self, up):
        address = re.escape(self.cluster.node(1, 'SSH')) if up else 'unknown'
        for word, op_class in ssh_commands():
            for spelling in (word, word.lower()):
                with self.subTest(command=spelling, up=up):
                    got = self.cluster.ssh(2, spelling, *self.ssh_line(word)[1:])
                    if op_class == 'kPrimaryOnly':
                        self.assertEqual((got.returncode, got.stdout), (75, b''))
                        self.assertRegex(got.stderr.decode(), rf'^ERROR: READONLY primary={address} epoch=\d+: ')
                    else:
                        self.assertEqual(got.stdout[:-2].decode(), self.cluster.secrets['demo secret'])

    def test_no_operation_writes_on_a_secondary(self):
        head = self.cluster.row(2)['head_seq']
        self.walk_native(up=True)
        self.walk_pam360(up=True)
        self.walk_ssh(up=True)
        self.walk_wrong_methods()
        self.assertEqual([self.cluster.row(k)['head_seq'] for k in (1, 2)], [head, head])
        self.cluster.kill(1)
        wait_for('no primary known', lambda: self.secondary.call('POST', '/v1/resources', {'name': 'never'})[0] == 503)
        self.walk_native(up=False)
        self.walk_pam360(up=False)
        self.walk_ssh(up=False)
        self.walk_wrong_methods()
        row = self.cluster.row(2)
        self.assertEqual(row['head_seq'], head, row)
        self.cluster.must('stop')
        left = self.cluster.stored(2)
        self.assertEqual((left['applied'][1], left['last'][0]), (head, head))


if __name__ == '__main__':
    unittest.main()
