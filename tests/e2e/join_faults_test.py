#!/usr/bin/env python3
"""Whoever may not join is told why, and leaves nothing behind; a stranger's certificate ends at the handshake."""

import base64
import hashlib
import pathlib
import shutil
import socket
import ssl
import struct
import tempfile
import time
import unittest

from cluster import Cluster, ClusterTest, alive, reserve_ports, run, wait_for
import cluster as processes

PREFIX = 'HFJ1-'


def fields_of(invitation):
    """The texts in an invitation, the addresses as one list (server/setup/invite_token.cc)."""
    text = invitation.strip()[len(PREFIX):]
    data = base64.urlsafe_b64decode(text + '=' * (-len(text) % 4))[:-4]
    at = 0

    def number():
        nonlocal at
        at += 4
        return struct.unpack('>I', data[at - 4:at])[0]

    def take():
        nonlocal at
        size = number()
        at += size
        return data[at - size:at].decode()

    found = {name: take() for name in ('cluster', 'node', 'fingerprint')}
    found['urls'] = [take() for _ in range(number())]
    return {**found, 'secret': take()}


def invitation_of(fields):
    """The same back, with a checksum that is right: what an attacker would send."""
    def text(value):
        return struct.pack('>I', len(value)) + value.encode()

    data = text(fields['cluster']) + text(fields['node']) + text(fields['fingerprint'])
    data += struct.pack('>I', len(fields['urls'])) + b''.join(map(text, fields['urls'])) + text(fields['secret'])
    data += hashlib.sha256(PREFIX.encode() + data).digest()[:4]
    return PREFIX + base64.urlsafe_b64encode(data).decode().rstrip('=')


class JoinFaultsTest(ClusterTest):
    nodes = 1

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.other = Cluster(nodes=1)
        cls.addClassCleanup(cls.other.close)
        cls.ports, cls.base = reserve_ports(nodes=1)
        cls.folder = pathlib.Path(tempfile.mkdtemp(prefix='holdfast-join-'))
        cls.short = cls.invite(cls.cluster, 'short', minutes=1)
        cls.short_until = time.monotonic() + 60

    @classmethod
    def tearDownClass(cls):
        cls.ports.close()
        shutil.rmtree(cls.folder, ignore_errors=True)
        super().tearDownClass()

    @staticmethod
    def invite(cluster, name, minutes=60):
        file = cluster.dir / f'invite-{name}-{time.monotonic_ns()}'
        cluster.must_hf('node', 'invite', name, '--token-file', file, '--valid-minutes', minutes)
        text = file.read_text().strip()
        cluster.secrets[file.name] = fields_of(text)['secret']
        return text

    def setUp(self):
        super().setUp()
        self.data = self.folder / 'data'
        self.config = self.folder / 'holdfastd.toml'
        self.addCleanup(shutil.rmtree, self.data, ignore_errors=True)
        self.members = self.cluster.admin(1, 'GET', '/nodes')

    def configure(self, node_id):
        listen = ''.join(f'[{name}]\nlisten = "127.0.0.1:{self.base + offset}"\n'
                         for offset, name in enumerate(('rest', 'ssh', 'peer', 'health'), 1))
        self.config.write_text(f'[node]\nid = "{node_id}"\ndata = "{self.data}"\n{listen}')

    def join(self, invitation, node_id='node2'):
        """(exit code, standard error)"""
        self.configure(node_id)
        token = self.folder / 'token'
        token.write_text(invitation)
        got = run([processes.PROGRAMS / 'holdfast', 'join', '--data', self.data, '--config', self.config,
                   '--token-file', token])
        if invitation:
            self.assertNotIn(invitation, got.stderr.decode() + got.stdout.decode())
        return got.returncode, got.stderr.decode()

    def assert_refused(self, invitation, code, *texts, node_id='node2'):
        status, error = self.join(invitation, node_id)
        self.assertEqual(status, code, error)
        last = error.splitlines()[-1]
        self.assertTrue(last.startswith('holdfast: '), error)
        for text in texts:
            self.assertIn(text, last)
        self.assertFalse(self.data.exists())
        self.assertEqual(self.cluster.admin(1, 'GET', '/nodes'), self.members)
        self.assertEqual(self.cluster.ssh_retrieve(1), self.cluster.secrets['demo secret'])

    # ---- what the joining node sees by itself

    def test_a_mistyped_invitation(self):
        good = self.invite(self.cluster, 'node2')
        half = len(good) // 2
        other = 'A' if good[half] != 'A' else 'B'
        cases = {'mistyped': good[:half] + other + good[half + 1:], 'cut': good[:-3], 'longer': good + 'AAAA'}
        for name, text in cases.items():
            with self.subTest(name):
                self.assert_refused(text, 1, str(self.folder / 'token'),
                                    'not an invitation: it was mistyped or cut short; `holdfast node invite` on the '
                                    'cluster makes one')
        self.assert_refused('hello', 1, 'not an invitation: expected text that begins with HFJ1-')
        self.assert_refused('', 1, 'not an invitation: the text is empty')

    def test_an_invitation_for_another_node(self):
        good = self.invite(self.cluster, 'node2')
        self.assert_refused(good, 1, 'the invitation is for node "node2", but this is "node3"; set node.id in '
                            f'{self.config}, or ask for another one with `holdfast node invite node3`', node_id='node3')
        forged = invitation_of({**fields_of(good), 'node': 'node3'})
        self.assert_refused(forged, 77, "INVITE_UNKNOWN", node_id='node3')

    # ---- what the cluster says

    def test_a_used_invitation(self):
        good = self.invite(self.cluster, 'used')
        status, error = self.join(good, 'used')
        self.assertEqual(status, 0, error)
        shutil.rmtree(self.data)
        self.members = self.cluster.admin(1, 'GET', '/nodes')
        self.assert_refused(good, 77, "INVITE_USED: the invite for node 'used' is used: make a new one",
                            '`holdfast node invite` on the cluster makes a new invitation', node_id='used')

    def test_zz_an_expired_invitation(self):
        wait_for('the invitation is old enough', lambda: time.monotonic() > self.short_until, seconds=70)
        self.assert_refused(self.short, 77, 'INVITE_EXPIRED', '`holdfast node invite` on the cluster makes a new invitation',
                            node_id='short')

    def test_an_invitation_of_another_cluster(self):
        ours, foreign = (fields_of(self.invite(c, 'node2')) for c in (self.cluster, self.other))
        misled = {**foreign, 'urls': ours['urls']}
        self.assert_refused(invitation_of(misled), 75, 'nothing was done', f'{ours["urls"][0]}: its certificate is not accepted: ')
        misled['fingerprint'] = ours['fingerprint']
        self.assert_refused(invitation_of(misled), 77, f'INVITE_UNKNOWN: the invitation is of cluster "{foreign["cluster"]}", '
                            f'this is "{ours["cluster"]}"')
        misled['cluster'] = ours['cluster']
        self.assert_refused(invitation_of(misled), 77, 'INVITE_UNKNOWN: this cluster knows no such invitation; make one with '
                            '`holdfast node invite`')

    def test_a_cluster_that_does_not_answer(self):
        fields = fields_of(self.invite(self.cluster, 'node2'))
        fields['urls'] = [f'https://127.0.0.1:{self.base + 1}']
        self.assert_refused(invitation_of(fields), 75, fields['urls'][0])

    def test_a_folder_that_holds_a_node(self):
        data = self.cluster.data(1)
        before = sorted((f.name, f.stat().st_size) for f in data.iterdir() if f.suffix in ('.key', '.sealed', '.pem', '.crt'))
        self.config = self.folder / 'taken.toml'
        self.data, free = data, self.data
        status, error = self.join(self.invite(self.cluster, 'node2'))
        self.data = free
        self.assertEqual(status, 1, error)
        self.assertIn(f'{data}: a node is there already; start it with holdfastd, or name another folder with --data', error)
        after = sorted((f.name, f.stat().st_size) for f in data.iterdir() if f.suffix in ('.key', '.sealed', '.pem', '.crt'))
        self.assertEqual(after, before)

    # ---- the peer port

    def knock(self, certificate_of):
        """A TLS client with that cluster's member certificate at the peer port; returns what became of it."""
        context = ssl.create_default_context(cafile=self.cluster.data(1) / 'ca.pem')
        context.check_hostname = False
        context.set_alpn_protocols(['h2'])
        if certificate_of:
            folder = certificate_of.data(1)
            context.load_cert_chain(folder / 'node.crt', folder / 'node.key')
        port = int(self.cluster.node(1, 'SSH').rsplit(':', 1)[1]) + 1
        try:
            with socket.create_connection(('127.0.0.1', port), timeout=10) as raw:
                with context.wrap_socket(raw, server_hostname='peer') as stream:
                    stream.sendall(b'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n' + bytes([0, 0, 0, 4, 0, 0, 0, 0, 0]))
                    return 'answered' if stream.recv(9) else 'closed'
        except (ssl.SSLError, ConnectionError) as error:
            return f'refused: {error}'

    def test_a_certificate_of_another_cluster_at_the_peer_port(self):
        self.assertEqual(self.knock(self.cluster), 'answered')  # A member's own comes through.
        for stranger, why in ((self.other, 'certificate verify failed'), (None, 'peer did not return a certificate')):
            with self.subTest(why):
                before = len(self.cluster.log(1))
                self.assertNotEqual(self.knock(stranger), 'answered')
                line = wait_for('a line in the log', lambda b=before, w=why: next(
                    (line for line in self.cluster.log(1)[b:].splitlines() if w in line), None))
                self.assertIn(' warning peer port: ', line)
        self.assertTrue(alive(self.cluster.pid(1)))
        self.assertEqual(self.cluster.ssh_retrieve(1), self.cluster.secrets['demo secret'])


if __name__ == '__main__':
    unittest.main()
