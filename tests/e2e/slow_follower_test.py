#!/usr/bin/env python3
"""A follower that begins to take a snapshot in and then takes, installs and acknowledges nothing: the primary's memory and
disk stay within bounds, the other follower goes on, and so does the slow one once it lives again."""

import contextlib
import os
import pathlib
import signal
import sqlite3
import threading
import unittest

from cluster import ClusterTest, id_of, wait_for
from load import Connection

LOG_MEGABYTES = 8  # the least that can be configured
WRITERS = 8
ACCOUNTS = 200  # of SECRET_BYTES: a snapshot of 12 MB
SECRET_BYTES = 60_000
MEGABYTE = 1 << 20
# What a primary may hold beside its rows: 32 MiB of newest entries, 4 MiB on the way to each follower, the store's caches.
MEMORY_MORE_MAX = 64 * MEGABYTE
# The retained log twice and two snapshot files: most of it is there when the measure begins.
DISK_MORE_MAX = 48 * MEGABYTE
# SQLite's WAL has nothing to do with followers and a bound of its own: given back above 256 MiB, in a moment without a write.
WAL_MAX = 320 * MEGABYTE
WRITTEN = 240 * MEGABYTE  # while the follower stands still


def memory_of(pid):
    words = pathlib.Path(f'/proc/{pid}/statm').read_text().split()
    return int(words[1]) * os.sysconf('SC_PAGE_SIZE')


def disk_of(folder):
    total = 0
    for file in folder.rglob('*'):
        if file.name.endswith('-wal'):
            continue
        try:
            total += file.stat().st_blocks * 512
        except FileNotFoundError:
            pass  # It has just been removed.
    return total


class SlowFollowerTest(ClusterTest):
    nodes, sync = 3, 'durable:1'

    def setUp(self):
        super().setUp()
        for k in (1, 2, 3):
            config = self.cluster.data(k).parent / 'holdfastd.toml'
            config.write_text(config.read_text() + f'[limits]\nlog_megabytes = {LOG_MEGABYTES}\n')
        for k in (2, 3, 1):
            self.cluster.stop(k)
            self.cluster.start(k)
        wait_for('node 1 is primary', lambda: self.cluster.primary() == 1)
        for k in (2, 3):
            self.cluster.wait_caught_up(k)
        self.cluster.admin(1, 'POST', '/resources', {'name': 'large', 'type': 'Linux'})
        self.resource = id_of(self.cluster.admin(1, 'GET', '/resources')['resources'], 'large')
        self.accounts = []
        self.filler = 'x' * SECRET_BYTES

    def in_parallel(self, work):
        failures = []

        def run(writer):
            connection = Connection(self.cluster, 1, self.cluster.env['HOLDFAST_TOKEN'])
            try:
                work(connection, writer)
            except Exception as error:  # Told by the assertion below, in the thread of the test.
                failures.append(repr(error))
            finally:
                connection.close()

        threads = [threading.Thread(target=run, args=(n,)) for n in range(WRITERS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(failures, [])

    def make_accounts(self):
        def work(connection, writer):
            for n in range(writer, ACCOUNTS, WRITERS):
                status, answer = connection.call('POST', f'/v1/resources/{self.resource}/accounts',
                                                 {'name': f'a{n}', 'secret': self.filler})
                assert status == 201, answer
                self.accounts.append(answer['account']['id'])

        self.in_parallel(work)

    def write(self, megabytes):
        rounds = megabytes * MEGABYTE // SECRET_BYTES // WRITERS

        def work(connection, writer):
            for n in range(rounds):
                account = self.accounts[(writer + n * WRITERS) % len(self.accounts)]
                status, answer = connection.call('PUT', f'/v1/accounts/{account}/secret',
                                                 {'secret': f'{writer}-{n}-{self.filler}'})
                assert status == 200, answer

        self.in_parallel(work)

    def test_it_costs_the_primary_a_bounded_amount_and_the_other_follower_nothing(self):
        cluster = self.cluster
        cluster.stop(3)
        self.make_accounts()
        self.write(64)  # Retention takes what node 3 would need away, and the buffers of the primary are full.
        wait_for('the log is trimmed', lambda: self.oldest_kept() > 20)
        cluster.start(3)
        wait_for('node 3 takes a snapshot in', lambda: ' bytes begins' in cluster.log(3), 60)
        slow = cluster.pid(3)
        os.kill(slow, signal.SIGSTOP)
        try:
            memory, disk = memory_of(cluster.pid(1)), disk_of(cluster.data(1))
            self.write(WRITTEN // MEGABYTE)
            more_memory, more_disk = memory_of(cluster.pid(1)) - memory, disk_of(cluster.data(1)) - disk
            print(f'\n{WRITTEN // MEGABYTE} MiB written while node 3 stood still: the primary has {more_memory / MEGABYTE:.0f} '
                  f'MiB more in memory, {more_disk / MEGABYTE:.0f} MiB more on disk')
            self.assertLess(more_memory, MEMORY_MORE_MAX)
            self.assertLess(more_disk, DISK_MORE_MAX)
            self.assertLess((cluster.data(1) / 'vault.db-wal').stat().st_size, WAL_MAX)
            cluster.wait_caught_up(2)
            wait_for('its stream is ended', lambda: cluster.row(3, seen_by=1)['state'] == 'down')
        finally:
            os.kill(slow, signal.SIGCONT)
        wait_for('node 3 streams', lambda: cluster.row(3)['state'] == 'streaming', 60)
        cluster.wait_caught_up(3)
        token = cluster.env['HOLDFAST_TOKEN']
        for account in ('a0', f'a{ACCOUNTS - 1}'):
            wanted = cluster.rest_retrieve(1, 'large', account, token=token)
            self.assertEqual(cluster.rest_retrieve(3, 'large', account, token=token), wanted)

    def oldest_kept(self):
        """By the primary; a retention that did nothing would have it at the first record."""
        with contextlib.closing(sqlite3.connect(f'file:{self.cluster.data(1)}/vault.db?mode=ro', uri=True)) as store:
            return store.execute('SELECT min(seq) FROM log').fetchone()[0] or 0


if __name__ == '__main__':
    unittest.main()
