"""Nodes between which links can be cut and slowed, and with disks that can be full: in network namespaces of their own where
these are permitted, else on loopback with a proxy between them."""

import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time

from cluster import PROGRAMS, wait_for

SLOW = 250_000  # bytes a second
PLANTED = {name: os.environ[name] for name in ('PLANTED_FAULT', 'PLANTED_NODE') if name in os.environ}


def enter():
    """Starts this program again in namespaces of its own. Returns inside of them, or where there are none; then, and with
    HOLDFAST_BY_PROXY=1, nodes are on loopback."""
    if os.environ.get('HOLDFAST_SEPARATE') == '1':
        return
    why = why_not()
    if why:
        print(f'by proxy: {why}', flush=True)
        os.environ['HOLDFAST_BY_PROXY'] = '1'
        return
    os.environ['HOLDFAST_SEPARATE'] = '1'
    os.execvp('unshare', ['unshare', '-n', '-m', '--kill-child', '--fork', sys.executable, *sys.argv])


def why_not():
    """Why namespaces are not used."""
    if os.environ.get('HOLDFAST_BY_PROXY') == '1':
        return 'HOLDFAST_BY_PROXY=1'
    if os.geteuid() != 0 or not shutil.which('ip') or not shutil.which('nsenter'):
        return 'namespaces need root, iproute2 and util-linux'
    if subprocess.run(['unshare', '-n', '-m', 'true'], capture_output=True).returncode != 0:
        return 'network namespaces are not permitted here'
    return None


def make_ways(nodes):
    """Imported here only: each stands alone."""
    if os.environ.get('HOLDFAST_BY_PROXY') == '1':
        from proxied import Proxied
        return Proxied(nodes)
    from namespaces import Namespaces
    return Namespaces(nodes)


class Nodes:
    """A cluster of `count` nodes; node 1 is made first. `small_disk`: those with a disk that can be filled."""

    def __init__(self, count, sync, small_disk=()):
        self.count = count
        self._folder = pathlib.Path(tempfile.mkdtemp(prefix='holdfast-separate-'))
        self._processes, self._ways = {}, None
        try:
            self._ways = make_ways(self.all())
            for k in self.all():
                self._disk(k).mkdir(parents=True)
            for k in small_disk:
                self._ways.make_disk(k, self._disk(k))
            self._make_cluster(sync)
        except BaseException:
            self.close()
            raise

    # ---- links and disks

    def cut(self, a, b):
        """Between two nodes nothing arrives, in both directions, and nobody is told."""
        self._ways.cut(a, b)

    def heal(self, a, b):
        self._ways.heal(a, b)

    def can_break(self):
        return hasattr(self._ways, 'break_links')

    def break_links(self, a, b):
        """The connections between two nodes end at once."""
        self._ways.break_links(a, b)

    def slow(self, k):
        """What node `k` is sent comes slowly."""
        self._ways.slow(k, SLOW)

    def fast(self, k):
        self._ways.fast(k)

    def fill_disk(self, k):
        """Until nothing fits any more."""
        self._ways.fill_disk(k)

    def free_disk(self, k):
        self._ways.free_disk(k)

    # ---- the cluster

    def all(self):
        return range(1, self.count + 1)

    def id(self, k):
        return f'node{k}'

    def url(self, k):
        return f'https://{self._ways.address(k, "rest")}'

    def _disk(self, k):
        return self._folder / f'node{k}' / 'disk'

    def data(self, k):
        return self._disk(k) / 'data'

    def log(self, k):
        return self._folder / f'node{k}.log'

    @property
    def cacert(self):
        return self._folder / 'ca.pem'

    @property
    def token(self):
        return (self._folder / 'admin.token').read_text().strip()

    def _config(self, k):
        return self._folder / f'node{k}.toml'

    def _make_cluster(self, sync):
        for k in self.all():
            listens = ''.join(f'[{port}]\nlisten = "{self._ways.address(k, port)}"\n'
                              for port in ('rest', 'ssh', 'peer', 'health'))
            self._config(k).write_text(f'[node]\nid = "{self.id(k)}"\ndata = "{self.data(k)}"\n{listens}'
                                       f'[log]\nfile = "{self.log(k)}"\n[limits]\njournal_megabytes = 64\n')
        self._program('holdfast', 'init', '--data', self.data(1), '--config', self._config(1), '--cluster-name', 'separate',
                      '--admin-token-file', self._folder / 'admin.token', '--recovery-key-file', self._folder / 'recovery.key')
        shutil.copy(self.data(1) / 'ca.pem', self.cacert)
        self.start(1)
        wait_for('a primary', lambda: self.primary() == 1)
        for k in self.all():
            if k == 1:
                continue
            invite = self._folder / f'join{k}.token'
            self.must_hf('node', 'invite', self.id(k), '--token-file', invite)
            self._program('holdfast', 'join', '--data', self.data(k), '--config', self._config(k), '--token-file', invite)
            self.start(k)
        wait_for('all stream', self._all_stream)  # With durable:K a write before that is refused.
        self.must_hf('settings', 'set', '--sync', sync)

    def _all_stream(self):
        rows = json.loads(self.hf('status', '--output', 'json', endpoint=1).stdout or '{}').get('nodes', [])
        return [row['state'] for row in rows].count('streaming') == self.count - 1

    def _program(self, name, *words):
        done = subprocess.run([PROGRAMS / name, *map(str, words)], capture_output=True, text=True, timeout=120,
                              env={'PATH': os.environ['PATH']})
        if done.returncode != 0:
            raise AssertionError(f'{name} {words}: exit {done.returncode}: {done.stdout}{done.stderr}')

    def hf(self, *words, timeout=60, endpoint=None, stdin=''):
        """`holdfast WORDS` as the administrator, from the hub."""
        nodes = [endpoint] if endpoint else list(self.all())
        environment = {'PATH': os.environ['PATH'], 'HOLDFAST_ADDR': ','.join(self.url(k) for k in nodes),
                       'HOLDFAST_CACERT': str(self.cacert), 'HOLDFAST_TOKEN': self.token}
        return subprocess.run([PROGRAMS / 'holdfast', *map(str, words)], capture_output=True, text=True, input=stdin,
                              timeout=timeout, env=environment)

    def must_hf(self, *words, **options):
        done = self.hf(*words, **options)
        if done.returncode != 0:
            raise AssertionError(f'holdfast {words}: exit {done.returncode}: {done.stderr}')
        return done.stdout

    def new_writer(self, name, resource):
        """The token of a fresh user that may set the secrets of a resource."""
        file = self._folder / f'{name}.token'
        self.must_hf('user', 'add', name, '--role', 'password-user', '--full-name', name, '--rest', '--token-file', file)
        self.must_hf('share', 'grant', '--user', name, '--resource', resource, '--level', 'modify')
        return file.read_text().strip()

    # ---- processes

    def start(self, k, environment=None):
        """Returns at once."""
        self._processes[k] = subprocess.Popen(
            [*self._ways.words(k), PROGRAMS / 'holdfastd', '--config', self._config(k)], stderr=subprocess.DEVNULL,
            env={'PATH': os.environ['PATH'], **PLANTED, **self._ways.environment(k), **(environment or {})})

    def kill(self, k):
        self._processes[k].kill()
        self._processes[k].wait()

    def pause(self, k):
        self._processes[k].send_signal(signal.SIGSTOP)

    def go_on(self, k):
        self._processes[k].send_signal(signal.SIGCONT)

    def runs(self, k):
        return self._processes[k].poll() is None

    # ---- state

    def health(self, k, path='/readyz'):
        got = subprocess.run(['curl', '-s', '-o', '/dev/null', '-w', '%{http_code}', '--max-time', '2',
                              f'http://{self._ways.address(k, "health")}{path}'], capture_output=True, text=True)
        return int(got.stdout or 0)

    def metrics(self, k):
        return subprocess.run(['curl', '-s', '--max-time', '5', f'http://{self._ways.address(k, "health")}/metrics'], capture_output=True,
                              text=True).stdout

    def primary(self):
        live = [k for k in self._processes if self.runs(k) and self.health(k, '/primary') == 200]
        return live[0] if len(live) == 1 else None

    def logs(self):
        return ''.join(f'\n--- node {k}\n' + '\n'.join(self.log(k).read_text(errors='replace').splitlines()[-40:])
                       for k in self.all() if self.log(k).exists())

    def close(self):
        for process in self._processes.values():
            process.send_signal(signal.SIGCONT)
            process.kill()
            process.wait()
        if self._ways:
            self._ways.close()
        shutil.rmtree(self._folder, ignore_errors=True)


def wait_seconds(seconds, condition):
    """Whether `condition()` came true in time."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True
