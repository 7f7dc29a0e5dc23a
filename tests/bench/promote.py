#!/usr/bin/env python3
"""How long a promotion and a switchover hold up writers: docs/performance.md.

    tests/bench/promote.py [promote] [switchover] [--rounds N] [--silent]

promote      3 nodes, durable:1. The primary is killed (-9, so its port refuses connections; --silent: stopped, so that
             nothing answers); from the order to the first acknowledged write of a client on the node promoted.
switchover   the same cluster under load: 4 writers and a reader on every node. The pause: from the last write that the
             old primary acknowledged to the first one of the new one. Reads that failed are counted.

Uses the programs that HOLDFAST_QUICKSTART_BIN names, else the release build.
"""

import argparse
import http.client
import math
import os
import pathlib
import signal
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / 'e2e'))
from cluster import Cluster, wait_for  # noqa: E402
from load import Connection  # noqa: E402

NODES = 3
WRITERS = 4


def percentile(values, share):
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def say(name, values, more=''):
    print(f'{name}: {len(values)} rounds, median {percentile(values, 0.5):.0f} ms, p99 {percentile(values, 0.99):.0f} ms, '
          f'max {max(values):.0f} ms{more}', flush=True)


def others(k):
    return [n for n in range(1, NODES + 1) if n != k]


def settle(cluster, primary):
    for k in range(1, NODES + 1):
        if cluster.health(k) is None:
            cluster.start(k)
    wait_for(f'node {primary} is primary', lambda: cluster.primary() == primary)
    for k in others(primary):
        wait_for(f'node {k} streams', lambda k=k: cluster.row(k, seen_by=k)['state'] == 'streaming')
        cluster.wait_caught_up(k)


def write(connection, name):
    status, _ = connection.call('POST', '/v1/resources', {'name': name, 'type': 'Linux'})
    return status == 201


def promotion(cluster, primary, target, number, silent):
    """Milliseconds from the order to the first acknowledged write."""
    token = cluster.env['HOLDFAST_TOKEN']
    order, client = Connection(cluster, target, token), Connection(cluster, target, token)
    pid = cluster.pid(primary)
    if silent:
        os.kill(pid, signal.SIGSTOP)
        wait_for('the primary is known as silent',
                 lambda: all(cluster.row(k, seen_by=k)['state'] not in ('streaming', 'catchup') for k in others(primary)))
    else:
        os.kill(pid, signal.SIGKILL)
    answered = []
    began = time.monotonic()

    def give():  # Again while the nodes have not seen yet that the primary is dead: that is part of the time.
        answer = order.call('POST', '/v1/promote', {'node': f'node{target}'})
        while answer[0] in (409, 503) and time.monotonic() - began < 10:
            answer = order.call('POST', '/v1/promote', {'node': f'node{target}'})
        answered.append(answer)

    thread = threading.Thread(target=give)
    thread.start()
    while not write(client, f'promotion-{number}'):
        if answered and answered[0][0] != 200:
            raise RuntimeError(f'promotion of node {target}: {answered[0]}')
    took = (time.monotonic() - began) * 1000
    thread.join()
    if answered[0][0] != 200:
        raise RuntimeError(f'promotion of node {target}: {answered[0]}')
    if silent:
        os.kill(pid, signal.SIGCONT)
    else:
        cluster.must('kill-node', primary)
    return took


class Load:
    """Writers that go to whoever is primary, and a reader on each node."""

    def __init__(self, cluster):
        self.cluster, self.end, self.lock = cluster, threading.Event(), threading.Lock()
        self.acknowledged, self.reads, self.failed_reads = [], 0, 0  # (when, node)
        self.threads = [threading.Thread(target=self.write, args=(w,)) for w in range(WRITERS)]
        self.threads += [threading.Thread(target=self.read, args=(k,)) for k in range(1, NODES + 1)]

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.end.set()
        for thread in self.threads:
            thread.join()

    def write(self, writer):
        connections = {k: Connection(self.cluster, k, self.cluster.env['HOLDFAST_TOKEN']) for k in range(1, NODES + 1)}
        number, k = 0, 1
        while not self.end.is_set():
            number += 1
            try:
                done = write(connections[k], f'load-{id(self)}-{writer}-{number}')
            except (OSError, http.client.HTTPException):
                connections[k] = Connection(self.cluster, k, self.cluster.env['HOLDFAST_TOKEN'])
                continue
            if done:
                with self.lock:
                    self.acknowledged.append((time.monotonic(), k))
            else:
                k = k % NODES + 1

    def read(self, k):
        connection = Connection(self.cluster, k)
        where = self.cluster.env['HOLDFAST_RESOURCE'], self.cluster.env['HOLDFAST_ACCOUNT']
        while not self.end.is_set():
            self.reads += 1
            if connection.secret(*where) is None:
                self.failed_reads += 1

    def pause(self, since, new):
        """Between the last acknowledgement of another node and the first of `new` since then, in ms."""
        with self.lock:
            recent = [(at, k) for at, k in self.acknowledged if at >= since - 5]
        first = next((at for at, k in recent if k == new and at >= since), None)
        if first is None:
            return None
        return (first - max(at for at, k in recent if k != new and at < first)) * 1000


def run_promotions(cluster, rounds, silent):
    took, primary = [], 1
    for number in range(rounds):
        target = primary % NODES + 1
        settle(cluster, primary)
        took.append(promotion(cluster, primary, target, number, silent))
        primary = target
    settle(cluster, primary)
    say('promote to first acknowledged write' + (', silent old primary' if silent else ''), took)
    return primary


def run_switchovers(cluster, rounds, primary):
    pauses, told = [], []
    settle(cluster, primary)
    with Load(cluster) as load:
        time.sleep(1)
        for _ in range(rounds):
            target = primary % NODES + 1
            wait_for('it is caught up', lambda t=target: cluster.row(t, seen_by=t)['state'] == 'streaming')
            since = time.monotonic()
            status, answer = Connection(cluster, primary, cluster.env['HOLDFAST_TOKEN']).call(
                'POST', '/v1/switchover', {'to': f'node{target}'})
            if status != 200:
                raise RuntimeError(f'switchover to node {target}: {answer}')
            told.append(answer['write_pause_ms'])
            pauses.append(wait_for('a write', lambda s=since, t=target: load.pause(s, t)))
            primary = target
            time.sleep(0.3)
    say('switchover under load, write pause', pauses, f'; reads {load.reads}, failed {load.failed_reads}')
    say('  as the node tells it', told)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('what', nargs='*')
    parser.add_argument('--rounds', type=int, default=30)
    parser.add_argument('--silent', action='store_true')
    options = parser.parse_args()
    cluster = Cluster(NODES, 'durable:1')
    try:
        primary = 1
        if not options.what or 'promote' in options.what:
            primary = run_promotions(cluster, options.rounds, options.silent)
        if not options.what or 'switchover' in options.what:
            run_switchovers(cluster, options.rounds, primary)
    finally:
        cluster.close()


if __name__ == '__main__':
    main()
