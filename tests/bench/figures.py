#!/usr/bin/env python3
"""The first figures of docs/performance.md, both sides in one run, on this machine.

    tests/bench/figures.py [rest] [ssh] [writes] [revocation] [accounts]     all when none is named

Needs the release build, and Debian's nginx-light, wrk and openssh-server for the other side.
"""

import http.client
import json
import os
import pathlib
import re
import shutil
import ssl
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / 'e2e'))
from cluster import Cluster, reserve_ports, wait_for  # noqa: E402

ROUNDS, SECONDS, CLIENTS = 3, 5, 32
CPUS = os.cpu_count()


def median(values):
    return statistics.median(values)


def say(name, text):
    print(f'{name:12} {text}', flush=True)


class Keepalive:
    """One HTTPS connection that stays open."""

    def __init__(self, cluster, k, token):
        url = urllib.parse.urlsplit(cluster.node(k, 'URL'))
        context = ssl.create_default_context(cafile=cluster.env['HOLDFAST_CACERT'])
        self._connection = http.client.HTTPSConnection(url.hostname, url.port, context=context, timeout=30)
        self._token = token

    def call(self, method, path, body=None):
        text = body if body is None or isinstance(body, (str, bytes)) else json.dumps(body)
        self._connection.request(method, path, text, {'AUTHTOKEN': self._token})
        answer = self._connection.getresponse()
        return answer.status, answer.read()


def wrk(url, headers=(), script=None, connections=CLIENTS):
    """(requests a second, p50 and p99 in ms, answers that were not 2xx)."""
    words = ['wrk', f'-t{CPUS}', f'-c{connections}', f'-d{SECONDS}s', '--latency', url]
    for header in headers:
        words[1:1] = ['-H', header]
    with tempfile.NamedTemporaryFile('w', suffix='.lua') as file:
        if script:
            file.write(script)
            file.flush()
            words[1:1] = ['-s', file.name]
        out = subprocess.run(words, capture_output=True, text=True, check=True).stdout

    def ms(share):
        value, unit = re.search(rf'{share}%\s+([\d.]+)(us|ms|s)', out).groups()
        return float(value) * {'us': 0.001, 'ms': 1, 's': 1000}[unit]

    bad = re.search(r'Non-2xx or 3xx responses: (\d+)', out)
    return float(re.search(r'Requests/sec:\s+([\d.]+)', out)[1]), ms(50), ms(99), int(bad[1]) if bad else 0


class Nginx:
    """A static file of the answer's size, over TLS with the node's own certificate."""

    def __init__(self, cluster, body):
        self._folder = pathlib.Path(tempfile.mkdtemp(prefix='holdfast-nginx-'))
        self._ports, base = reserve_ports(1)
        self.url = f'https://127.0.0.1:{base + 1}/secret'
        (self._folder / 'secret').write_bytes(body)
        data = cluster.data(1)
        (self._folder / 'nginx.conf').write_text(f'''
worker_processes {CPUS}; user root; daemon off; pid {self._folder}/pid; error_log {self._folder}/error.log;
events {{ worker_connections 1024; }}
http {{ access_log off; keepalive_requests 100000000;
  server {{ listen 127.0.0.1:{base + 1} ssl; root {self._folder};
    ssl_certificate "{data}/node.crt"; ssl_certificate_key "{data}/node.key"; }} }}''')
        os.chmod(self._folder, 0o755)
        self._process = subprocess.Popen(['nginx', '-p', str(self._folder), '-c', f'{self._folder}/nginx.conf'],
                                         stderr=subprocess.DEVNULL)
        wait_for('nginx', lambda: subprocess.run(['curl', '-sk', '-o', '/dev/null', self.url]).returncode == 0)

    def close(self):
        self._process.terminate()
        self._process.wait()
        self._ports.close()
        shutil.rmtree(self._folder, ignore_errors=True)


def rest(cluster):
    query = f'?resource={cluster.env["HOLDFAST_RESOURCE"]}&account={cluster.env["HOLDFAST_ACCOUNT"]}'
    path = '/v1/secret' + query
    token = cluster.env['HOLDFAST_API_TOKEN']
    _, body = Keepalive(cluster, 2, token).call('GET', path)
    nginx = Nginx(cluster, body)
    ours, theirs = [], []
    try:
        for _ in range(ROUNDS):
            ours.append(wrk(cluster.node(2, 'URL') + path, [f'AUTHTOKEN: {token}']))
            theirs.append(wrk(nginx.url))
    finally:
        nginx.close()
    a, b = median([r[0] for r in ours]), median([r[0] for r in theirs])
    say('rest', f'RETRIEVE on a secondary, {CLIENTS} connections kept alive: {a:.0f}/s, p50 {median([r[1] for r in ours]):.2f} ms, '
        f'p99 {median([r[2] for r in ours]):.2f} ms, refused {sum(r[3] for r in ours)}')
    say('rest', f'nginx, static file of the same size over TLS: {b:.0f}/s; ratio {a / b:.2f}')


class Sshd:
    """OpenSSH's server with a forced command that prints a file."""

    def __init__(self, cluster):
        self._folder = pathlib.Path(tempfile.mkdtemp(prefix='holdfast-sshd-'))
        self._ports, base = reserve_ports(1)
        self.port = base + 2
        (self._folder / 'secret').write_text('0123456789abcdef01234567\r\n')
        key = pathlib.Path(cluster.env['HOLDFAST_SSH_KEY'])
        (self._folder / 'keys').write_text(key.with_suffix('.pub').read_text())
        subprocess.run(['ssh-keygen', '-q', '-t', 'ed25519', '-N', '', '-f', self._folder / 'host'], check=True)
        (self._folder / 'config').write_text(f'''
Port {self.port}
ListenAddress 127.0.0.1
HostKey {self._folder}/host
PidFile {self._folder}/pid
AuthorizedKeysFile {self._folder}/keys
StrictModes no
UsePAM no
PermitRootLogin yes
MaxStartups 200
ForceCommand cat {self._folder}/secret
''')
        pathlib.Path('/run/sshd').mkdir(exist_ok=True)
        self._process = subprocess.Popen(['/usr/sbin/sshd', '-D', '-f', str(self._folder / 'config')])
        self.known_hosts = self._folder / 'known'
        public = (self._folder / 'host.pub').read_text().split()
        self.known_hosts.write_text(f'[127.0.0.1]:{self.port} {public[0]} {public[1]}\n')

    def close(self):
        self._process.terminate()
        self._process.wait()
        self._ports.close()
        shutil.rmtree(self._folder, ignore_errors=True)


def ssh_rate(words, workers):
    """(connections a second, p50 ms) of new connections for SECONDS."""
    took, end = [], time.monotonic() + SECONDS

    def work():
        while time.monotonic() < end:
            began = time.monotonic()
            subprocess.run(words, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            took.append(time.monotonic() - began)

    began = time.monotonic()
    threads = [threading.Thread(target=work) for _ in range(workers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return len(took) / (time.monotonic() - began), median(took) * 1000


def over_ssh(cluster):
    sshd = Sshd(cluster)
    ours_words = cluster.ssh_words(2) + cluster.retrieve_words()
    theirs_words = ['ssh', '-F', 'none', '-p', str(sshd.port), '-i', cluster.env['HOLDFAST_SSH_KEY'], '-o', 'BatchMode=yes',
                    '-o', 'IdentitiesOnly=yes', '-o', f'UserKnownHostsFile={sshd.known_hosts}', 'root@127.0.0.1', 'x']
    try:
        wait_for('sshd', lambda: subprocess.run(theirs_words, capture_output=True).returncode == 0)
        for workers in (1, 8):
            ours, theirs = [], []
            for _ in range(ROUNDS):
                ours.append(ssh_rate(ours_words, workers))
                theirs.append(ssh_rate(theirs_words, workers))
            a, b = median([r[0] for r in ours]), median([r[0] for r in theirs])
            say('ssh', f'{workers} client(s), a new connection each time: RETRIEVE {a:.1f}/s, p50 {median([r[1] for r in ours]):.0f} ms; '
                f'OpenSSH with a forced command {b:.1f}/s, p50 {median([r[1] for r in theirs]):.0f} ms; ratio {a / b:.2f}')
    finally:
        sshd.close()


def writes(cluster):
    ids = cluster.admin(1, 'GET', f'/resources?name={cluster.env["HOLDFAST_RESOURCE"]}')['resources'][0]['id']
    account = cluster.admin(1, 'GET', f'/resources/{ids}/accounts')['accounts'][0]['id']
    script = '''wrk.method = "PUT"
wrk.body = '{"secret":"0123456789abcdef01234567"}' '''
    for sync in ('local', 'durable:1'):
        cluster.must_hf('settings', 'set', '--sync', sync)
        rounds = [wrk(f'{cluster.node(1, "URL")}/v1/accounts/{account}/secret',
                      [f'AUTHTOKEN: {cluster.env["HOLDFAST_API_TOKEN"]}'], script) for _ in range(ROUNDS)]
        say('writes', f'{CLIENTS} clients over REST, {sync}: {median([r[0] for r in rounds]):.0f}/s, p50 '
            f'{median([r[1] for r in rounds]):.1f} ms, p99 {median([r[2] for r in rounds]):.1f} ms, refused {sum(r[3] for r in rounds)}')
    cluster.must_hf('settings', 'set', '--sync', 'local')


def revocation(cluster, rounds=100):
    admin = Keepalive(cluster, 1, cluster.env['HOLDFAST_TOKEN'])
    _, made = admin.call('POST', '/v1/users', {'name': 'bench', 'role': 'password_user'})
    user = json.loads(made)['user']['id']
    took = []
    for _ in range(rounds):
        _, answer = admin.call('POST', f'/v1/users/{user}/tokens', {})
        token = json.loads(answer)['token']
        reader = Keepalive(cluster, 2, token['token'])
        wait_for('the token on the secondary', lambda: reader.call('GET', '/v1/me')[0] == 200)
        admin.call('DELETE', f'/v1/users/{user}/tokens/{token["id"]}')
        began = time.monotonic()
        while reader.call('GET', '/v1/me')[0] == 200:
            pass
        took.append((time.monotonic() - began) * 1000)
    took.sort()
    say('revocation', f'from the primary\'s answer to the refusal on the secondary, open connection, {rounds} tokens: '
        f'p50 {median(took):.1f} ms, p99 {took[int(rounds * 0.99) - 1]:.1f} ms, most {took[-1]:.1f} ms')


def resident_mib(pid):
    text = pathlib.Path(f'/proc/{pid}/status').read_text()
    return int(re.search(r'VmRSS:\s+(\d+)', text)[1]) / 1024


def accounts(cluster, total=100_000, a_call=100, resources=100):
    ids = [cluster.admin(1, 'POST', '/resources', {'name': f'bench-{n}', 'type': 'Linux'})['resource']['id']
           for n in range(resources)]
    began = time.monotonic()

    def make(part):
        connection = Keepalive(cluster, 1, cluster.env['HOLDFAST_TOKEN'])
        for resource in part:
            for first in range(0, total // resources, a_call):
                batch = [{'ACCOUNTNAME': f'user{first + i}', 'PASSWORD': f'pw-{first + i}-0123456789'} for i in range(a_call)]
                text = json.dumps({'operation': {'Details': {'ACCOUNTLIST': batch}}})
                status, body = connection.call('POST', f'/restapi/json/v1/resources/{resource}/accounts',
                                               'INPUT_DATA=' + urllib.parse.quote(text))
                if status != 200 or b'"Success"' not in body:
                    raise AssertionError(f'{status} {body[:300]}')

    threads = [threading.Thread(target=make, args=(ids[n::8],)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    took = time.monotonic() - began
    say('accounts', f'{total} accounts made over REST, {a_call} a call, in {took:.1f} s: {total / took:.0f} accounts/s')
    cluster.wait_caught_up(2)
    say('accounts', f'resident memory: primary {resident_mib(cluster.pid(1)):.0f} MiB, secondary {resident_mib(cluster.pid(2)):.0f} MiB')
    cluster.stop(2)
    began = time.monotonic()
    cluster.start(2)
    loaded = re.findall(r'loaded and verified up to \S+ in ([\d.]+) s', cluster.log(2))[-1]
    say('accounts', f'start of the secondary until it answers and is caught up: {time.monotonic() - began:.2f} s, of which loading and '
        f'verifying {loaded} s; resident memory {resident_mib(cluster.pid(2)):.0f} MiB')


def main():
    parts = {'rest': rest, 'ssh': over_ssh, 'writes': writes, 'revocation': revocation, 'accounts': accounts}
    wanted = sys.argv[1:] or list(parts)
    for name in wanted:
        cluster = Cluster()
        try:
            cluster.wait_caught_up(2)
            parts[name](cluster)
        finally:
            cluster.close()


if __name__ == '__main__':
    main()
