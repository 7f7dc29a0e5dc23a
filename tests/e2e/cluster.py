"""A cluster of real processes, made by deploy/quickstart and spoken to with stock clients."""

import contextlib
import json
import os
import pathlib
import random
import secrets
import shlex
import shutil
import signal
import socket
import sqlite3
import subprocess
import tempfile
import time
import unittest
import urllib.request

import leaks

CHECKOUT = pathlib.Path(__file__).resolve().parents[2]
QUICKSTART = CHECKOUT / 'deploy/quickstart'
PROGRAMS = pathlib.Path(os.environ.get('HOLDFAST_QUICKSTART_BIN', CHECKOUT / 'build/release/bin'))
POLL_S = 0.02
STORED = {'applied': 'SELECT applied_epoch, applied_seq, applied_digest FROM meta',
          'state': 'SELECT state_digest FROM meta',
          'last': 'SELECT seq, epoch_number, digest FROM log ORDER BY seq DESC LIMIT 1'}


def reserve_ports(nodes=2):
    """(a socket to keep open, the port base): quickstart leaves the base itself free, so holding it keeps
    other tests out; the ports above were free just now."""
    for _ in range(200):
        base = random.randrange(15000, 30000, 100)
        holder = socket.socket()
        try:
            holder.bind(('127.0.0.1', base))
            for k in range(nodes):
                for offset in range(1, 5):
                    with socket.socket() as probe:
                        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                        probe.bind(('127.0.0.1', base + 10 * k + offset))
            return holder, base
        except OSError:
            holder.close()
    raise RuntimeError('no free ports')


def wait_for(what, condition, seconds=30):
    """Polls until `condition()` is truthy and returns that."""
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f'{what}: not within {seconds} s')
        time.sleep(POLL_S)


def alive(pid):
    """Whether the process runs; one that ended and that nobody has waited for does not."""
    try:
        return pathlib.Path(f'/proc/{pid}/stat').read_text().rpartition(')')[2].split()[0] != 'Z'
    except OSError:
        return False


def run(words, **options):
    options.setdefault('timeout', 120)
    return subprocess.run([str(w) for w in words], capture_output=True, check=False, **options)


class Cluster:
    """Owns its folder, its ports and its processes; `close` ends and removes them."""

    def __init__(self, nodes=2, sync=None, environment=None, demo=False, store=None):
        self._folder = tempfile.mkdtemp(prefix='holdfast-e2e-')
        self.dir = pathlib.Path(self._folder) / "it's a cluster"
        self.nodes = nodes
        self.store = store
        self.secrets = {}  # name -> what must be found nowhere afterwards
        words = [] if demo else ['--no-demo']
        if sync:
            words += ['--sync', sync]
        if store:
            words += ['--store', store]
            os.chmod(self._folder, 0o711)  # For root the server runs as another user, which must reach its folder.
        for _ in range(3):  # A port that was free can be somebody's by now.
            self._ports, self.base = reserve_ports(nodes)
            made = self.quickstart('--nodes', nodes, '--port-base', self.base, '--no-install', '--no-build', *words,
                                   environment=environment, timeout=300)
            if b'free the ports' not in made.stderr:
                break
            self._ports.close()
        if made.returncode != 0:
            text = made.stdout.decode() + made.stderr.decode() + self.logs()
            self.close()
            raise AssertionError(f'quickstart ended with {made.returncode}:\n{text}')
        self.made_output = made.stdout.decode() + made.stderr.decode()
        self.env = self.read_env()
        self._learn_secrets()

    def close(self):
        self.quickstart('clean')
        self._ports.close()
        shutil.rmtree(self._folder, ignore_errors=True)

    # ---- quickstart

    def quickstart(self, *words, environment=None, timeout=180):
        return run([QUICKSTART, '--dir', self.dir, *words], timeout=timeout,
                   env={**os.environ, 'HOLDFAST_QUICKSTART_BIN': str(PROGRAMS), **(environment or {})})

    def must(self, *words, **options):
        result = self.quickstart(*words, **options)
        if result.returncode != 0:
            raise AssertionError(f'{words}: exit {result.returncode}\n{result.stderr.decode()}\n{self.logs()}')
        return result

    def start(self, k, environment=None):
        self.must('start-node', k, environment=environment)

    def stop(self, k):
        self.must('stop-node', k)

    def kill(self, k):
        """-9, with nothing in between: quickstart's own steps would give the node time."""
        os.kill(self.pid(k), signal.SIGKILL)
        self.must('kill-node', k)

    def read_env(self):
        """cluster.env, read by a shell as a user would."""
        file = shlex.quote(str(self.dir / 'cluster.env'))
        out = run(['env', '-i', '/bin/sh', '-c', f'. {file} && env -0']).stdout.decode()
        pairs = (item.partition('=') for item in out.split('\0') if item.startswith('HOLDFAST_'))
        return {name: value for name, _, value in pairs}

    def node(self, k, name):
        return self.env[f'HOLDFAST_NODE{k}_{name}']

    def pid(self, k):
        return int(pathlib.Path(self.node(k, 'PID_FILE')).read_text())

    def data(self, k):
        return pathlib.Path(self.node(k, 'DATA'))

    def log(self, k):
        return pathlib.Path(self.node(k, 'LOG')).read_text(errors='replace')

    def logs(self):
        files = sorted(self.dir.glob('node*/*.log')) + sorted(self.dir.glob('*.log'))
        return ''.join(f'\n--- {f.name} of {f.parent.name}\n{f.read_text(errors="replace")[-3000:]}' for f in files)

    # ---- clients

    def hf(self, *words, stdin=b'', only=None, token=None, timeout=60):
        """`holdfast WORDS` with cluster.env sourced; `only`: the one node to talk to."""
        environment = {**os.environ, **self.env}
        if only:
            environment['HOLDFAST_ADDR'] = self.node(only, 'URL')
        if token:
            environment['HOLDFAST_TOKEN'] = token
        return run([pathlib.Path(self.env['HOLDFAST_BIN']) / 'holdfast', *words], input=stdin, env=environment,
                   timeout=timeout)

    def must_hf(self, *words, **options):
        result = self.hf(*words, **options)
        if result.returncode != 0:
            raise AssertionError(f'holdfast {words}: exit {result.returncode}: {result.stderr.decode()}')
        return result.stdout

    def ssh_words(self, k, key=None, user=None, options=()):
        host, port = self.node(k, 'SSH').rsplit(':', 1)
        return ['ssh', '-F', 'none', '-p', port, '-i', key or self.env['HOLDFAST_SSH_KEY'], '-o', 'BatchMode=yes',
                '-o', 'IdentitiesOnly=yes', '-o', 'StrictHostKeyChecking=yes', '-o', 'ConnectTimeout=10',
                '-o', f'UserKnownHostsFile="{self.env["HOLDFAST_KNOWN_HOSTS"]}"', '-o', 'GlobalKnownHostsFile=none',
                *options, f'{user or self.env["HOLDFAST_SSH_USER"]}@{host}']

    def ssh(self, k, *command, **who):
        return run([*self.ssh_words(k, **who), *command])

    def retrieve_words(self, resource=None, account=None):
        return ['RETRIEVE', f'--resource={resource or self.env["HOLDFAST_RESOURCE"]}',
                f'--account={account or self.env["HOLDFAST_ACCOUNT"]}']

    def ssh_retrieve(self, k, resource=None, account=None, **who):
        """The secret, or None when refused."""
        got = self.ssh(k, *self.retrieve_words(resource, account), **who)
        return got.stdout[:-2].decode() if got.returncode == 0 else None

    def rest(self, k, method, path, body=None, token=None, headers=()):
        """(status, headers, body) by stock curl; JSON is parsed."""
        with tempfile.NamedTemporaryFile('w', suffix='.headers') as header_file:
            header_file.write(f'AUTHTOKEN: {token or self.env["HOLDFAST_API_TOKEN"]}\n')
            header_file.writelines(f'{line}\n' for line in headers)
            header_file.flush()
            words = ['curl', '-sS', '-i', '--max-time', '15', '--cacert', self.env['HOLDFAST_CACERT'], '-X', method,
                     '-H', f'@{header_file.name}', self.node(k, 'URL') + path]
            if body is not None:
                words += ['-H', 'Content-Type: application/json', '--data-binary', '@-']
            got = run(words, input=json.dumps(body).encode() if body is not None else b'')
        if got.returncode != 0:
            raise ConnectionError(got.stderr.decode())
        head, _, text = got.stdout.partition(b'\r\n\r\n')
        lines = head.decode().split('\r\n')
        fields = dict(line.lower().split(': ', 1) for line in lines[1:] if ': ' in line)
        with contextlib.suppress(ValueError):
            text = json.loads(text)
        return int(lines[0].split()[1]), fields, text

    def admin(self, k, method, path, body=None, **options):
        """A /v1 call as the administrator that must succeed."""
        status, _, answer = self.rest(k, method, '/v1' + path, body, token=self.env['HOLDFAST_TOKEN'], **options)
        if not 200 <= status < 300:
            raise AssertionError(f'{method} {path}: {status} {answer}')
        return answer

    def rest_retrieve(self, k, resource=None, account=None, token=None):
        """The secret over /v1, or None when refused."""
        query = (f'?resource={resource or self.env["HOLDFAST_RESOURCE"]}'
                 f'&account={account or self.env["HOLDFAST_ACCOUNT"]}')
        status, _, answer = self.rest(k, 'GET', '/v1/secret' + query, token=token)
        return answer['secret'] if status == 200 else None

    # ---- state

    def health(self, k, path='/readyz'):
        try:
            with urllib.request.urlopen(self.node(k, 'HEALTH_URL') + path, timeout=5) as answer:
                return answer.status
        except urllib.error.HTTPError as error:
            return error.code
        except OSError:
            return None

    def status(self, k=None):
        got = self.hf('status', '--output', 'json', only=k)
        if got.returncode not in (0, 3):  # 3: shown, and not whole
            raise AssertionError(f'status: exit {got.returncode}: {got.stderr.decode()}')
        return json.loads(got.stdout)

    def row(self, k, seen_by=None):
        return next(n for n in self.status(seen_by or k)['nodes'] if n['id'] == self.node(k, 'ID'))

    def primary(self):
        live = [k for k in range(1, self.nodes + 1) if self.health(k, '/primary') == 200]
        return live[0] if len(live) == 1 else None

    def wait_primary(self):
        return wait_for('a primary', self.primary)

    def wait_caught_up(self, k):
        primary = self.wait_primary()
        target = self.row(primary)['committed_seq']
        wait_for(f'node {k} at {target}', lambda: (self.row(k)['applied_seq'] or 0) >= target)

    def stored(self, k):
        """What identifies the vault in the store of a stopped node: its position, and digests of log and rows."""
        if self.store == 'postgres':
            return {name: tuple(self.sql(k, query).split('|')) for name, query in STORED.items()}
        with tempfile.TemporaryDirectory() as copy:  # A reader would change the files' shared memory.
            for file in self.data(k).glob('vault.db*'):
                shutil.copy(file, copy)
            with contextlib.closing(sqlite3.connect(pathlib.Path(copy) / 'vault.db')) as store:
                return {name: store.execute(query).fetchone() for name, query in STORED.items()}

    def sql(self, k, text, role=None):
        """With a PostgreSQL store: by psql in the database of node k, as the superuser or another role."""
        passfile = self.dir / (f'node{k}/pgpass' if role else 'postgres/admin.pgpass')
        got = run(['psql', '-X', '-A', '-t', '-v', 'ON_ERROR_STOP=1', '-h', self.dir / 'postgres/socket',
                   '-U', role or 'admin', '-d', f'node{k}'], input=text.encode(),
                  env={'PATH': '/usr/bin:/bin', 'PGPASSFILE': str(passfile),
                       'PGOPTIONS': '-c search_path=holdfast'})
        if got.returncode != 0:
            raise AssertionError(f'{text}: {got.stderr.decode()}')
        return got.stdout.decode().strip()

    # ---- makers

    def new_secret(self, name):
        """Remembered for the leak search; with characters that encoders change."""
        self.secrets[name] = f'{secrets.token_urlsafe(12)} ä/+"&{secrets.token_hex(4)}'
        return self.secrets[name]

    def new_key(self, name):
        file = self.dir / f'key-{name}'
        run(['ssh-keygen', '-q', '-t', 'ed25519', '-N', '', '-C', name, '-f', file])
        self._learn_key(name, file)
        return file

    def new_user(self, name, role='password-user'):
        """(key file, token) of a fresh user that may use SSH and REST."""
        key, token_file = self.new_key(name), self.dir / f'token-{name}'
        self.must_hf('user', 'add', name, '--role', role, '--full-name', name, '--rest', '--ssh', '--token-file',
                     token_file, '--key-file', f'{key}.pub')
        self.secrets[f'token of {name}'] = token_file.read_text().strip()
        return key, token_file.read_text().strip()

    def new_account(self, resource, account):
        """The secret of a fresh account; the resource is made when it is not there."""
        secret = self.new_secret(f'{resource}/{account}')
        self.hf('resource', 'add', resource, '--type', 'Linux')
        self.must_hf('account', 'add', '--resource', resource, '--account', account, stdin=secret.encode())
        return secret

    def share(self, user, resource, level='view'):
        self.must_hf('share', 'grant', '--user', user, '--resource', resource, '--level', level)

    # ---- leaks

    def _learn_secrets(self):
        self.secrets['administrator token'] = self.env['HOLDFAST_TOKEN']
        self.secrets['demo token'] = self.env['HOLDFAST_API_TOKEN']
        self.secrets['demo secret'] = self.must_hf('retrieve', '--resource', self.env['HOLDFAST_RESOURCE'],
                                                   '--account', self.env['HOLDFAST_ACCOUNT']).decode()
        self.secrets['recovery key'] = (self.dir / 'recovery.key').read_text().strip()
        self._learn_key('demo', pathlib.Path(self.env['HOLDFAST_SSH_KEY']))

    def _learn_key(self, name, file):
        for i, part in enumerate(leaks.private_key_parts(file.read_text())):
            self.secrets[f'SSH key of {name}, part {i}'] = part

    def key_files(self):
        """What may hold a key by design: a node's own TLS key and seal, readable by the owner only."""
        return [f for k in range(1, self.nodes + 1) for f in self.data(k).rglob('*.key')]

    def leaked(self):
        """Every secret of this run that lies in a store, log, journal or core: must be empty."""
        wanted = dict(self.secrets)
        for file in self.key_files():
            text = file.read_text(errors='replace')
            if 'PRIVATE KEY' in text:
                for i, part in enumerate(leaks.private_key_parts(text)):
                    wanted[f'{file.parent.parent.name}/{file.name}, part {i}'] = part
        roots = [self.dir / f'node{k}' for k in range(1, self.nodes + 1)]
        roots += [f for f in (self.dir / 'postgres',) if f.exists()]
        roots += [f for f in self.dir.glob('*.log')] + [f for f in self.dir.rglob('core*')]
        return leaks.search(roots, wanted, skip=self.key_files())


class ClusterTest(unittest.TestCase):
    """One cluster for all tests of a class; after the last one, no secret of the run lies anywhere."""

    nodes = 2
    sync = None
    demo = False
    store = None

    @classmethod
    def setUpClass(cls):
        cls.cluster = Cluster(cls.nodes, cls.sync, demo=cls.demo, store=cls.store)
        cls.addClassCleanup(cls.cluster.close)  # Also when the rest of a setUpClass fails.

    @classmethod
    def tearDownClass(cls):
        leaked = cls.cluster.leaked()
        if leaked:
            raise AssertionError('secrets lie about:\n' + '\n'.join(map(str, leaked)))

    def setUp(self):
        for k in range(1, self.nodes + 1):  # A test that killed a node leaves it so.
            if self.cluster.health(k) != 200:
                self.cluster.start(k)
        self.cluster.wait_primary()

    def stop_and_compare_stores(self):
        """Stops all nodes, the primary first: the record of its clean stop reaches the others, but the word that it
        is committed may not. The logs must be the same, and so must what the rows are, which that record does not touch."""
        primary = self.cluster.wait_primary()
        others = [k for k in range(1, self.nodes + 1) if k != primary]
        for k in others:
            self.cluster.wait_caught_up(k)
        for k in (primary, *others):
            self.cluster.stop(k)
        mine = self.cluster.stored(primary)
        for k in others:
            theirs = self.cluster.stored(k)
            self.assertEqual(theirs['last'], mine['last'], f'the log of node {k}')
            self.assertEqual(theirs['state'], mine['state'], f'the rows of node {k}')
            behind = int(mine['applied'][1]) - int(theirs['applied'][1])
            self.assertIn(behind, (0, 1), f'what node {k} shows')
            if behind == 0:
                self.assertEqual(theirs['applied'], mine['applied'], f'what node {k} shows')

    def read_everywhere(self, resource, account, secret, **who):
        for k in range(1, self.nodes + 1):
            self.cluster.wait_caught_up(k)
            self.assertEqual(self.cluster.ssh_retrieve(k, resource, account, **who), secret)


def id_of(answer, name):
    return next(item['id'] for item in answer if item['name'] == name)


