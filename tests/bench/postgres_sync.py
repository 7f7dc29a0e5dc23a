#!/usr/bin/env python3
"""Holdfast's durable:1 beside PostgreSQL 15 with one synchronous standby, on the same disk, one after the other.

    postgres_sync.py [--bench build/release/tests/bin/ledger_bench] [--folder F] [--seconds 10] [--rounds 3]

Each write of PostgreSQL is one statement with what a write of Holdfast stores: a log row (400 bytes), an account
(300 bytes) and an audit row (200 bytes). Rounds alternate; the ratio is that of the medians. Both PostgreSQL servers
run as `nobody` where this runs as root, for they refuse root, and end with it.
"""

import argparse
import os
import pathlib
import re
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile

POSTGRES = pathlib.Path('/usr/lib/postgresql/15/bin')
CLIENTS = (1, 32)

SETTINGS = """
listen_addresses = '127.0.0.1'
fsync = on
synchronous_commit = on
synchronous_standby_names = '*'
shared_buffers = 256MB
max_wal_senders = 4
max_wal_size = 4GB
checkpoint_timeout = 30min
logging_collector = off
"""

TABLES = """
CREATE TABLE log (seq bigserial PRIMARY KEY, record bytea NOT NULL);
CREATE TABLE accounts (id bigint PRIMARY KEY, changed timestamptz NOT NULL, row bytea NOT NULL);
CREATE TABLE audit (number bigserial PRIMARY KEY, record bytea NOT NULL);
INSERT INTO accounts SELECT i, now(), decode(repeat('61', 300), 'hex') FROM generate_series(1, 64) i;
"""

WRITE = r"""
\set id random(1, 64)
WITH l AS (INSERT INTO log (record) VALUES (decode(repeat('6c', 400), 'hex')) RETURNING seq),
     a AS (INSERT INTO accounts VALUES (:id, now(), decode(repeat('62', 300), 'hex'))
           ON CONFLICT (id) DO UPDATE SET changed = excluded.changed, row = excluded.row RETURNING id),
     u AS (INSERT INTO audit (record) VALUES (decode(repeat('75', 200), 'hex')) RETURNING number)
SELECT seq, id, number FROM l, a, u;
"""


def as_nobody(words):
    return ['setpriv', '--reuid=nobody', '--regid=nogroup', '--clear-groups', *words] if os.geteuid() == 0 else words


def free_port():
    with socket.socket() as probe:
        probe.bind(('127.0.0.1', 0))
        return probe.getsockname()[1]


class Server:
    """One PostgreSQL server in a folder of its own."""

    def __init__(self, folder):
        self.folder, self.port, self.process = folder, free_port(), None

    def run(self, program, *words, **options):
        got = subprocess.run(as_nobody([POSTGRES / program, *words]), capture_output=True, text=True, cwd='/',
                             check=False, **options)
        if got.returncode != 0:
            sys.exit(f'{program}: {got.stderr or got.stdout}')
        return got.stdout

    def start(self):
        self.run('pg_ctl', '-D', self.folder, '-w', '-l', f'{self.folder}.log', '-o',
                 f'-p {self.port} -k {self.folder}', 'start')

    def stop(self):
        if self.folder.exists():
            subprocess.run(as_nobody([POSTGRES / 'pg_ctl', '-D', self.folder, '-m', 'immediate', 'stop']),
                           capture_output=True, check=False, cwd='/')

    def psql(self, text):
        return self.run('psql', '-X', '-q', '-t', '-A', '-v', 'ON_ERROR_STOP=1', '-h', '127.0.0.1', '-p', str(self.port),
                        '-U', 'bench', '-d', 'postgres', '-c', text).strip()


def make_pair(folder):
    primary, standby = Server(folder / 'primary'), Server(folder / 'standby')
    primary.run('initdb', '-D', primary.folder, '-U', 'bench', '-A', 'trust', '--no-sync')
    with open(primary.folder / 'postgresql.conf', 'a') as file:
        file.write(SETTINGS)
    primary.start()
    # The first statements come before there is a standby that could confirm them.
    primary.psql('SET synchronous_commit = local;' + TABLES)
    primary.run('pg_basebackup', '-h', '127.0.0.1', '-p', str(primary.port), '-U', 'bench', '-D', standby.folder, '-R')
    standby.start()
    return primary, standby


def postgres_rate(primary, script, clients, seconds):
    out = primary.run('pgbench', '-n', '-h', '127.0.0.1', '-p', str(primary.port), '-U', 'bench', '-M', 'prepared', '-c',
                      str(clients), '-j', str(min(clients, 2)), '-T', str(seconds), '-f', script, 'postgres')
    return float(re.search(r'tps = ([0-9.]+)', out).group(1))


def holdfast_rates(bench, folder, seconds):
    """{(clients, audited): writes a second}"""
    out = subprocess.run([bench, folder, str(seconds), *map(str, CLIENTS)], capture_output=True, text=True, check=True)
    rates = {}
    for clients, audited, rate in re.findall(r'^(\d+) clients(, audited)?: (\d+) writes/s', out.stdout, re.M):
        rates[int(clients), bool(audited)] = float(rate)
    return rates


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--bench', default='build/release/tests/bin/ledger_bench')
    parser.add_argument('--folder', default=None, help='on the disk in question; made, and removed at the end')
    parser.add_argument('--seconds', type=int, default=10)
    parser.add_argument('--rounds', type=int, default=3)
    options = parser.parse_args()
    folder = pathlib.Path(tempfile.mkdtemp(prefix='holdfast-bench-', dir=options.folder))
    folder.chmod(0o777)
    script = folder / 'write.sql'
    script.write_text(WRITE)
    servers = []
    figures = {}
    try:
        servers = make_pair(folder)
        for number in range(options.rounds):
            for clients in CLIENTS:
                rate = postgres_rate(servers[0], script, clients, options.seconds)
                figures.setdefault(('postgres', clients), []).append(rate)
            rates = holdfast_rates(options.bench, folder / f'holdfast-{number}', options.seconds)
            for key, rate in rates.items():
                figures.setdefault(('holdfast', *key), []).append(rate)
            shutil.rmtree(folder / f'holdfast-{number}')
    finally:
        for server in reversed(servers):
            server.stop()
        shutil.rmtree(folder, ignore_errors=True)
    for clients in CLIENTS:
        theirs = statistics.median(figures['postgres', clients])
        for audited in (False, True):
            ours = statistics.median(figures['holdfast', clients, audited])
            print(f'{clients:2} clients{", audited" if audited else "         "}: Holdfast durable:1 {ours:7.0f} writes/s, '
                  f'PostgreSQL 15 with a synchronous standby {theirs:7.0f}/s, ratio {ours / theirs:.2f}')


if __name__ == '__main__':
    main()
