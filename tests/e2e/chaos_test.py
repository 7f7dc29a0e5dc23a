#!/usr/bin/env python3
"""Three real nodes in network namespaces, or with a proxy between them, 16 writers, readers on every node, and everything
that breaks.

HOLDFAST_CHAOS_SECONDS (300) says how long, HOLDFAST_SEED which faults, the seed is printed; HOLDFAST_CHAOS_FAULTS names the
kinds, with commas (all); HOLDFAST_BY_PROXY=1 takes the proxy also where namespaces are permitted.
"""

import json
import os
import random
import time
import unittest

import separate_nodes
from cluster import wait_for
from history import Endpoint, Run, value_of
from separate_nodes import Nodes, wait_seconds

SECONDS = float(os.environ.get('HOLDFAST_CHAOS_SECONDS', '300'))
SEED = int(os.environ.get('HOLDFAST_SEED', random.randrange(1 << 32)))
ONLY = [name for name in os.environ.get('HOLDFAST_CHAOS_FAULTS', '').split(',') if name]
WRITERS = 16
SMALL_DISK = 3  # the node with a disk that can be filled


class Faults:
    """One fault after another, each taken back before the next; the cluster must then write again."""

    def __init__(self, nodes, run, seed):
        self.nodes, self.run, self.random = nodes, run, random.Random(seed)
        self.done = []
        self.promotions = 0

    def play(self, seconds):
        kinds = [self.kill_secondary, self.kill_primary, self.pause_secondary, self.pause_primary, self.cut_secondaries,
                 self.cut_primary, self.slow_link, self.full_disk, self.switch_over]
        if self.nodes.can_break():
            kinds.append(self.break_links)
        kinds = [kind for kind in kinds if not ONLY or kind.__name__ in ONLY]
        end = time.monotonic() + seconds
        order = []
        while time.monotonic() < end:
            if not order:
                order = list(kinds)
                self.random.shuffle(order)
            fault = order.pop()
            self.note(fault.__name__)
            fault()
            self.calm()

    def note(self, text):
        self.done.append(text)
        print(f'  {time.strftime("%H:%M:%S")} {text}', flush=True)

    def secondaries(self, primary):
        return [k for k in self.nodes.all() if k != primary]

    def calm(self):
        """Everything runs again, is caught up and is written to."""
        for k in self.nodes.all():
            if not self.nodes.runs(k):
                self.nodes.start(k)
        wait_for('all nodes whole again', self.whole, 60)
        before = self.run.history.counts['writes']
        wait_for('writes again', lambda: self.run.history.counts['writes'] > before + WRITERS, 30)

    def whole(self):
        done = self.nodes.hf('status', '--output', 'json', timeout=20)
        if done.returncode != 0:
            return False
        rows = json.loads(done.stdout)['nodes']
        return len(rows) == self.nodes.count and all(row['serving'] for row in rows)

    def linger(self, low=0.5, high=3.0):
        time.sleep(self.random.uniform(low, high))  # how long a fault lasts is a part of it

    def promote(self, others):
        """Promotes one of `others`, as an operator would: the one that goes first, else the next."""
        order = self.random.sample(others, len(others))
        refused = []

        def one():
            for k in order:
                done = self.nodes.hf('promote', '--node', self.nodes.id(k), '--yes', timeout=30, endpoint=k)
                if done.returncode == 0:
                    self.promotions += 1
                    return k
                refused.append(done.stderr.strip())
            return None

        return wait_for(f'a promotion; refused: {refused}', one, 30)

    # ---- the faults

    def kill_secondary(self):
        k = self.random.choice(self.secondaries(self.nodes.primary()))
        self.run.trouble.begin(k)
        self.nodes.kill(k)
        self.linger()
        self.nodes.start(k)
        wait_for('the secondary again', lambda: self.nodes.health(k) == 200, 30)
        self.run.trouble.end(k)

    def kill_primary(self):
        k = self.nodes.primary()
        self.run.trouble.begin(k)
        self.nodes.kill(k)
        new = self.promote(self.secondaries(k))
        self.note(f'node {new} promoted')
        self.linger(0.2, 1)
        self.nodes.start(k)
        wait_for('the old primary reads again', lambda: self.nodes.health(k) == 200, 60)
        self.run.trouble.end(k)

    def pause_secondary(self):
        k = self.random.choice(self.secondaries(self.nodes.primary()))
        self.run.trouble.begin(k)
        self.nodes.pause(k)
        self.linger(1, 6)
        self.nodes.go_on(k)
        self.run.trouble.end(k)

    def pause_primary(self):
        k = self.nodes.primary()
        self.run.trouble.begin(k)
        self.nodes.pause(k)
        self.linger(3.5, 5)  # a live stream must have been silent for 3 s before anybody is promoted
        new = self.promote(self.secondaries(k))
        self.note(f'node {new} promoted')
        self.linger()
        self.nodes.go_on(k)
        wait_for('the old primary follows', lambda: self.nodes.health(k, '/secondary') == 200, 60)
        self.run.trouble.end(k)

    def cut_secondaries(self):
        a, b = self.secondaries(self.nodes.primary())
        self.nodes.cut(a, b)
        self.linger(1, 5)
        self.nodes.heal(a, b)

    def cut_primary(self):
        """The primary runs and is reached by clients, but not by its secondaries: durable:1 cannot be met."""
        k = self.nodes.primary()
        others = self.secondaries(k)
        for other in others:
            self.nodes.cut(k, other)
        self.linger(3.5, 5)
        new = self.promote(others)
        self.note(f'node {new} promoted')
        self.linger()
        for other in others:
            self.nodes.heal(k, other)
        wait_for('the old primary follows', lambda: self.nodes.health(k, '/secondary') == 200, 60)

    def break_links(self):
        """Their connections end, again and again; they may connect again at once."""
        for _ in range(self.random.randrange(1, 6)):
            a, b = self.random.sample(list(self.nodes.all()), 2)
            self.nodes.break_links(a, b)
            self.linger(0.05, 0.5)

    def slow_link(self):
        k = self.random.choice(list(self.nodes.all()))
        self.run.trouble.begin(k)  # its answers may take longer than a client waits
        self.nodes.slow(k)
        self.linger(2, 5)
        self.nodes.fast(k)
        self.run.trouble.end(k)

    def full_disk(self):
        k = SMALL_DISK
        self.run.trouble.begin(k)
        self.nodes.fill_disk(k)
        self.linger(2, 5)
        self.nodes.free_disk(k)
        if self.nodes.primary() is None and not wait_seconds(20, self.nodes.primary):
            self.promote(self.secondaries(k))
        self.run.trouble.end(k)

    def switch_over(self):
        target = self.random.choice(self.secondaries(self.nodes.primary()))

        def once():
            return self.nodes.hf('switchover', '--to', self.nodes.id(target), '--yes', timeout=30).returncode == 0

        wait_for('a switchover', once, 60)


class ChaosTest(unittest.TestCase):
    def test_nothing_acknowledged_is_lost(self):
        print(f'\n  seed {SEED}, {SECONDS:.0f} s', flush=True)
        nodes = Nodes(3, 'durable:1', small_disk=[SMALL_DISK])
        self.addCleanup(nodes.close)
        accounts, writers = {}, {}
        wait_for('a primary', nodes.primary)
        nodes.must_hf('resource', 'add', 'chaos', '--type', 'Linux')
        for n in range(WRITERS):
            name = f'a{n}'
            nodes.must_hf('account', 'add', '--resource', 'chaos', '--account', name, stdin=value_of(name, 0))
            shown = json.loads(nodes.must_hf('account', 'show', '--resource', 'chaos', '--account', name, '--output', 'json'))
            accounts[name] = shown['account']['id'] if 'account' in shown else shown['id']
            writers[name] = nodes.new_writer(f'writer-{name}', 'chaos')
        for k in nodes.all():  # A node that does not know a writer yet would refuse it.
            wait_for(f'node {k} knows them', lambda: f'writer-{name}' in nodes.hf('user', 'list', endpoint=k).stdout)
        endpoint = Endpoint({k: nodes.url(k) for k in nodes.all()}, nodes.cacert, nodes.token, writers)
        run = Run(endpoint, accounts, seed=SEED)
        faults = Faults(nodes, run, SEED)
        try:
            with run:
                faults.calm()
                faults.play(SECONDS)
            violations = run.judge_end()
        except BaseException:
            print('\n'.join(run.history.violations[:20]) + nodes.logs(), flush=True)
            raise
        counts = run.history.counts
        print(f'  {len(faults.done)} steps, {faults.promotions} promotions; ' +
              ', '.join(f'{name} {number}' for name, number in sorted(counts.items())), flush=True)
        self.assertEqual(violations, [], nodes.logs())
        self.assertGreater(counts['writes'], 100)
        self.assertGreater(counts['reads'], 100)


if __name__ == '__main__':
    separate_nodes.enter()
    unittest.main()
