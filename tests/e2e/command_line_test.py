#!/usr/bin/env python3
"""`holdfast` against a real cluster: fail-over, exit status, exact bytes, JSON, join."""

import base64
import contextlib
import hashlib
import json
import pathlib
import socket
import ssl
import threading
import time
import unittest

import cluster


class SilentServer:
    """Accepts connections and never says a word."""

    def __init__(self):
        self._socket = socket.create_server(('127.0.0.1', 0))
        self._held = []
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                self._held.append(self._socket.accept()[0])

    @property
    def address(self):
        return f'https://127.0.0.1:{self._socket.getsockname()[1]}'

    def close(self):
        self._socket.close()
        for held in self._held:
            held.close()


class StrangerServer(SilentServer):
    """Speaks TLS with a certificate that nobody vouches for."""

    def __init__(self, folder):
        certificate, key = folder / 'stranger.pem', folder / 'stranger.pem.key'
        made = cluster.run(['openssl', 'req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '1', '-subj',
                            '/CN=127.0.0.1', '-addext', 'subjectAltName=IP:127.0.0.1', '-keyout', key, '-out',
                            certificate])
        assert made.returncode == 0, made.stderr
        self._tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        self._tls.load_cert_chain(certificate, key)
        self.requests = []
        super().__init__()

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                raw = self._socket.accept()[0]
                with contextlib.suppress(OSError), self._tls.wrap_socket(raw, server_side=True) as connection:
                    self.requests.append(connection.recv(4096))


class CommandLineTest(cluster.ClusterTest):
    def hf(self, *words, code=0, **options):
        """Runs it, checks the exit status, gives (stdout, stderr)."""
        got = self.cluster.hf(*words, **options)
        self.assertEqual(got.returncode, code, f'{words}: {got.stderr.decode()}')
        return got.stdout, got.stderr.decode()

    def retrieve_with(self, *addresses):
        env = self.cluster.env
        began = time.monotonic()
        out, _ = self.hf('retrieve', '--addr', ','.join(addresses), '--resource', env['HOLDFAST_RESOURCE'],
                         '--account', env['HOLDFAST_ACCOUNT'])
        self.assertLess(time.monotonic() - began, 5)
        self.assertEqual(out.decode(), self.cluster.secrets['demo secret'])

    def test_a_read_passes_by_dead_silent_and_strange_addresses(self):
        self.cluster.wait_caught_up(2)
        node2 = self.cluster.node(2, 'URL')
        with socket.socket() as unused:
            unused.bind(('127.0.0.1', 0))
            self.retrieve_with(f'https://127.0.0.1:{unused.getsockname()[1]}', node2)
        silent = SilentServer()
        self.addCleanup(silent.close)
        self.retrieve_with(silent.address, node2)
        stranger = StrangerServer(self.cluster.dir)
        self.addCleanup(stranger.close)
        self.retrieve_with(stranger.address, node2)
        self.assertEqual([r for r in stranger.requests if r], [])

    def test_reads_go_on_without_the_primary_and_writes_say_so(self):
        self.cluster.wait_caught_up(2)
        self.cluster.kill(1)
        self.addCleanup(self.cluster.start, 1)
        self.retrieve_with(self.cluster.node(1, 'URL'), self.cluster.node(2, 'URL'))
        _, error = self.hf('resource', 'add', 'never', code=75)
        self.assertIn('holdfast status', error)
        # The secondary takes some seconds to be sure that its primary is gone.
        cluster.wait_for('node 1 down', lambda: self.cluster.row(1, seen_by=2)['state'] == 'down')
        self.hf('status', code=3)

    def test_nobody_answers(self):
        with socket.socket() as unused:
            unused.bind(('127.0.0.1', 0))
            address = f'https://127.0.0.1:{unused.getsockname()[1]}'
            self.hf('user', 'list', '--addr', address, code=75)
            self.hf('status', '--addr', address, code=1)

    def test_every_byte_of_a_secret_comes_back(self):
        self.hf('resource', 'add', 'bytes')
        for i, secret in enumerate((b'line\n', b'a\0b', b'\xff\xfe', 'ä " \\ '.encode(), b'x' * 65536)):
            account = f'account {i}'
            self.hf('account', 'add', '--resource', 'bytes', '--account', account, stdin=secret)
            out, _ = self.hf('retrieve', '--resource', 'bytes', '--account', account, only=1)
            self.assertEqual(out, secret)
        self.hf('account', 'add', '--resource', 'bytes', '--account', 'long', stdin=b'x' * 65537, code=1)
        self.hf('account', 'add', '--resource', 'bytes', '--account', 'none', code=1)

    def test_exit_status_tells_who_said_no(self):
        self.hf('resource', 'show', 'no such thing', code=2)
        self.hf('user', 'list', token='NO-SUCH-TOKEN', code=77)
        _, key_token = self.cluster.new_user('clerk')
        _, error = self.hf('node', 'invite', 'node9', '--output', 'json', token=key_token, code=77)
        self.assertEqual(json.loads(error)['error']['code'], 'NOT_PERMITTED')
        self.hf('user', 'add', 'clerk', '--role', 'password-user', code=2)

    def test_what_is_made_is_listed_and_what_is_deleted_is_gone(self):
        key, _ = self.cluster.new_user('carol')
        self.cluster.new_account('ledger', 'root')
        self.hf('share', 'grant', '--user', 'carol', '--resource', 'ledger', '--account', 'root', '--level', 'view')
        shares = json.loads(self.hf('share', 'list', '--user', 'carol', '--output', 'json')[0])
        self.assertEqual(shares['schema'], 'holdfast.shares/1')
        self.assertEqual([(s['resource'], s['account'], s['level']) for s in shares['shares']],
                         [('ledger', 'root', 'view')])
        self.hf('share', 'revoke', '--user', 'carol', '--resource', 'ledger', '--account', 'root')
        shown = json.loads(self.hf('user', 'show', 'carol', '--output', 'json')[0])
        fingerprint = shown['keys'][0]['fingerprint']
        self.assertIn(fingerprint, cluster.run(['ssh-keygen', '-lf', f'{key}.pub']).stdout.decode())
        self.hf('user', 'key-remove', 'carol', fingerprint)
        self.hf('account', 'delete', '--resource', 'ledger', '--account', 'root')
        self.hf('resource', 'delete', 'ledger')
        self.hf('user', 'delete', 'carol')
        self.hf('user', 'show', 'carol', code=2)

    # ---- join

    def invite(self, name):
        file = self.cluster.dir / f'{name}.token'
        self.hf('node', 'invite', name, '--token-file', file)
        self.assertEqual(file.stat().st_mode & 0o777, 0o600)
        return file

    def join(self, name, token, code):
        """Nothing may be left of a join that was refused."""
        data = self.cluster.dir / f'joined-{name}'
        _, error = self.hf('join', '--data', data, '--config', f'{data}.toml', '--token-file', token, code=code)
        if code:
            self.assertFalse(data.exists())
            self.assertFalse(pathlib.Path(f'{data}.toml').exists())
        return error

    def forged(self, file, old, new):
        """The invitation with some bytes replaced by as many others, and a good checksum."""
        text = file.read_text().strip()[5:]
        body = base64.urlsafe_b64decode(text + '=' * (-len(text) % 4))[:-4]
        self.assertIn(old, body)
        body = body.replace(old, new)
        body += hashlib.sha256(b'HFJ1-' + body).digest()[:4]
        forged = file.with_suffix('.forged')
        forged.write_text('HFJ1-' + base64.urlsafe_b64encode(body).decode().rstrip('='))
        return forged

    def test_an_invitation_of_another_cluster_or_authority_is_refused(self):
        file = self.invite('guest')
        cluster_id = self.cluster.status(1)['cluster_id'].encode()
        self.assertIn('INVITE_UNKNOWN', self.join('guest', self.forged(file, cluster_id, b'x' * len(cluster_id)), 77))
        ca = ssl.PEM_cert_to_DER_cert((self.cluster.data(1) / 'ca.pem').read_text())
        self.join('guest', self.forged(file, hashlib.sha256(ca).hexdigest().encode(), b'0' * 64), 75)
        file.write_text(file.read_text()[:40])
        self.assertIn('mistyped or cut short', self.join('guest', file, 1))
        self.assertNotIn('guest', [n['id'] for n in self.cluster.admin(1, 'GET', '/nodes')['nodes']])


if __name__ == '__main__':
    unittest.main()
