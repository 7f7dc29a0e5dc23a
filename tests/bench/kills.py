#!/usr/bin/env python3
"""Random kills of the primary under load, a promotion after each: nothing acknowledged may be lost.

    tests/bench/kills.py [--kills 200] [--nodes 3] [--sync durable:1] [--store sqlite] [--seed N]

16 writers and two readers a node run all the time. At a random moment the primary is killed (-9), a
random secondary is promoted, the old one is started again and follows. Prints what was lost, what
was refused on secondaries, and how long writes paused. Ends with 1 when anything was lost or refused.
"""

import argparse
import os
import pathlib
import random
import signal
import statistics
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / 'e2e'))
from cluster import Cluster, alive, wait_for  # noqa: E402
from history import Endpoint, Run, value_of  # noqa: E402

WRITERS = 16


def make_accounts(cluster):
    resource = cluster.admin(1, 'POST', '/resources', {'name': 'kills', 'type': 'Linux'})['resource']['id']
    accounts, writers = {}, {}
    for n in range(WRITERS):
        name = f'a{n}'
        made = cluster.admin(1, 'POST', f'/resources/{resource}/accounts', {'name': name, 'secret': value_of(name, 0)})
        accounts[name] = made['account']['id']
        _, writers[name] = cluster.new_user(f'writer-{name}')
        cluster.share(f'writer-{name}', 'kills', 'modify')
    return accounts, writers


def promote(cluster, others):
    """(who was promoted, seconds)."""
    refused, began = [], time.monotonic()

    def one():
        for k in others:
            done = cluster.hf('promote', '--node', cluster.node(k, 'ID'), '--yes', only=k)
            if done.returncode == 0:
                return k
            refused.append(done.stderr.decode().strip())
        return None

    return wait_for(f'a promotion; refused: {refused}', one, 30), time.monotonic() - began


def kill_once(cluster, run, random_):
    primary = cluster.wait_primary()
    time.sleep(random_.uniform(0, 0.5))  # the random moment
    run.trouble.begin(primary)
    pid = cluster.pid(primary)
    os.kill(pid, signal.SIGKILL)
    wait_for('its end', lambda: not alive(pid))
    others = [k for k in range(1, cluster.nodes + 1) if k != primary]
    random_.shuffle(others)
    new, took = promote(cluster, others)
    before = run.history.counts['writes']
    wait_for('writes at the new primary', lambda: run.history.counts['writes'] > before + WRITERS)
    cluster.must('kill-node', primary)  # takes its pid file away
    cluster.start(primary)
    wait_for('the old primary follows', lambda: cluster.health(primary, '/secondary') == 200, 60)
    run.trouble.end(primary)
    return new, took


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--kills', type=int, default=200)
    parser.add_argument('--nodes', type=int, default=3)
    parser.add_argument('--sync', default='durable:1')
    parser.add_argument('--store', default='sqlite')
    parser.add_argument('--seed', type=int, default=random.randrange(1 << 32))
    words = parser.parse_args()
    print(f'seed {words.seed}', flush=True)
    random_ = random.Random(words.seed)
    extra = {} if words.store == 'sqlite' else {'store': words.store}
    cluster = Cluster(words.nodes, words.sync, **extra)
    try:
        accounts, writers = make_accounts(cluster)
        for k in range(2, words.nodes + 1):
            cluster.wait_caught_up(k)
        endpoint = Endpoint({k: cluster.node(k, 'URL') for k in range(1, words.nodes + 1)}, cluster.env['HOLDFAST_CACERT'],
                            cluster.env['HOLDFAST_TOKEN'], writers)
        run = Run(endpoint, accounts, seed=words.seed)
        took = []
        with run:
            wait_for('writes', lambda: run.history.counts['writes'] > WRITERS)
            for number in range(1, words.kills + 1):
                took.append(kill_once(cluster, run, random_)[1] * 1000)
                if sys.stdout.isatty():
                    print(f'\r{number} of {words.kills} kills', end='', flush=True)
                elif number % 20 == 0:
                    print(f'{number} of {words.kills} kills', flush=True)
        violations = run.judge_end()
        counts = run.history.counts
        took.sort()
        pauses = sorted((end - begin) * 1000 for begin, end in run.history.pauses if end - begin > 0.2)
        print(f'\n{words.kills} kills, {words.nodes} nodes, {words.sync}, {words.store}: {counts["writes"]} writes acknowledged, '
              f'{counts["reads"]} reads; violations: {len(violations)}')
        print(f'holdfast promote, the program and its start included: p50 {statistics.median(took):.0f} ms, '
              f'p99 {took[int(len(took) * 0.99) - 1]:.0f} ms')
        if pauses:
            print(f'pause of writes from the last answer to the next: p50 {statistics.median(pauses):.0f} ms, most {pauses[-1]:.0f} ms')
        print(', '.join(f'{name}: {number}' for name, number in sorted(counts.items())))
        for violation in violations[:20]:
            print('violation:', violation)
        return 1 if violations else 0
    finally:
        cluster.close()


if __name__ == '__main__':
    sys.exit(main())
