"""Nodes in network namespaces of their own, so that links between them can be cut and slowed.

The process that uses this must be alone in a network and a mount namespace (`enter` sees to it); it
is the hub: a bridge with one virtual link to each node. Everything goes with the process.
"""

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

HUB = '10.77.0.254'
NOWHERE = '02:00:00:00:00:99'  # no interface has it: what is sent there is lost without a word
DISK_MIB = 400  # of a node with a small disk


def enter():
    """Starts this program again in namespaces of its own; returns why it cannot, or None inside of them."""
    if os.environ.get('HOLDFAST_SEPARATE') == '1':
        return None
    if os.geteuid() != 0 or not shutil.which('ip') or not shutil.which('nsenter'):
        return 'needs root, iproute2 and util-linux'
    if subprocess.run(['unshare', '-n', '-m', 'true'], capture_output=True).returncode != 0:
        return 'network namespaces are not permitted here'
    os.environ['HOLDFAST_SEPARATE'] = '1'
    os.execvp('unshare', ['unshare', '-n', '-m', '--kill-child', '--fork', sys.executable, *sys.argv])


def ip(*words):
    subprocess.run(['ip', *map(str, words)], check=True, capture_output=True)


class Nodes:
    """A cluster of `count` nodes, each in a namespace; node 1 is made first."""

    def __init__(self, count, sync, small_disk=()):
        self.count = count
        self._folder = pathlib.Path(tempfile.mkdtemp(prefix='holdfast-separate-'))
        self._holders, self._processes = {}, {}
        try:
            self._make_network()
            for k in small_disk:
                self.data(k).parent.mkdir(parents=True)
                subprocess.run(['mount', '-t', 'tmpfs', '-o', f'size={DISK_MIB}m', 'none', self.data(k).parent], check=True)
            self._make_cluster(sync)
        except BaseException:
            self.close()
            raise

    # ---- the network

    def _make_network(self):
        ip('link', 'set', 'lo', 'up')
        ip('link', 'add', 'hub', 'type', 'bridge')
        ip('addr', 'add', f'{HUB}/24', 'dev', 'hub')
        ip('link', 'set', 'hub', 'up')
        own = os.readlink('/proc/self/ns/net')
        for k in self.all():
            holder = subprocess.Popen(['unshare', '-n', 'sleep', 'infinity'])
            self._holders[k] = holder
            wait_for('a namespace', lambda: os.readlink(f'/proc/{holder.pid}/ns/net') != own)
            ip('link', 'add', f'hub{k}', 'type', 'veth', 'peer', 'name', 'eth0', 'netns', holder.pid)
            ip('link', 'set', f'hub{k}', 'master', 'hub')
            ip('link', 'set', f'hub{k}', 'up')
            for words in (['addr', 'add', f'{self.host(k)}/24', 'dev', 'eth0'], ['link', 'set', 'eth0', 'up'],
                          ['link', 'set', 'lo', 'up']):
                self._inside(k, 'ip', *words)

    def _inside(self, k, *words):
        subprocess.run(['nsenter', '-t', str(self._holders[k].pid), '-n', *map(str, words)], check=True, capture_output=True)

    def host(self, k):
        return f'10.77.0.{k}'

    def cut(self, a, b):
        """Between two nodes nothing arrives, in both directions, and nobody is told."""
        for here, there in ((a, b), (b, a)):
            self._inside(here, 'ip', 'neigh', 'replace', self.host(there), 'lladdr', NOWHERE, 'dev', 'eth0', 'nud', 'permanent')

    def heal(self, a, b):
        for here, there in ((a, b), (b, a)):
            self._inside(here, 'ip', 'neigh', 'del', self.host(there), 'dev', 'eth0')

    def slow(self, k, rate='2mbit'):
        """What node `k` is sent comes slowly."""
        subprocess.run(['tc', 'qdisc', 'add', 'dev', f'hub{k}', 'root', 'tbf', 'rate', rate, 'burst', '32kb', 'latency', '400ms'],
                       check=True, capture_output=True)

    def fast(self, k):
        subprocess.run(['tc', 'qdisc', 'del', 'dev', f'hub{k}', 'root'], check=True, capture_output=True)

    # ---- the cluster

    def all(self):
        return range(1, self.count + 1)

    def id(self, k):
        return f'node{k}'

    def url(self, k):
        return f'https://{self.host(k)}:8282'

    def data(self, k):
        return self._folder / f'node{k}' / 'disk' / 'data'

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
            self.data(k).parent.mkdir(parents=True, exist_ok=True)
            listens = ''.join(f'[{name}]\nlisten = "{self.host(k)}:{port}"\n'
                              for name, port in (('rest', 8282), ('ssh', 6622), ('peer', 6630), ('health', 8280)))
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
            ['nsenter', '-t', str(self._holders[k].pid), '-n', PROGRAMS / 'holdfastd', '--config', self._config(k)],
            stderr=subprocess.DEVNULL, env={'PATH': os.environ['PATH'], **(environment or {})})

    def kill(self, k):
        self._processes[k].kill()
        self._processes[k].wait()

    def pause(self, k):
        self._processes[k].send_signal(signal.SIGSTOP)

    def go_on(self, k):
        self._processes[k].send_signal(signal.SIGCONT)

    def runs(self, k):
        return self._processes[k].poll() is None

    def fill_disk(self, k):
        """Until nothing fits any more."""
        with open(self.data(k).parent / 'filler', 'wb') as file:
            try:
                while True:
                    file.write(bytes(1 << 20))
                    file.flush()
            except OSError:
                pass

    def free_disk(self, k):
        (self.data(k).parent / 'filler').unlink()

    # ---- state

    def health(self, k, path='/readyz'):
        got = subprocess.run(['curl', '-s', '-o', '/dev/null', '-w', '%{http_code}', '--max-time', '2',
                              f'http://{self.host(k)}:8280{path}'], capture_output=True, text=True)
        return int(got.stdout or 0)

    def metrics(self, k):
        return subprocess.run(['curl', '-s', '--max-time', '5', f'http://{self.host(k)}:8280/metrics'], capture_output=True,
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
        for holder in self._holders.values():
            holder.kill()
            holder.wait()
        for k in self.all():
            subprocess.run(['umount', self.data(k).parent], capture_output=True)
        shutil.rmtree(self._folder, ignore_errors=True)


def wait_seconds(seconds, condition):
    """Whether `condition()` came true in time."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True
