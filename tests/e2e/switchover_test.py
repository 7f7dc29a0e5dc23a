#!/usr/bin/env python3
"""A planned hand-over: nothing acknowledged is lost, reads go on, and a death at any step leaves one primary."""

import json
import threading
import time
import unittest

from cluster import ClusterTest, wait_for
from crashes import Armed
from load import Clients

POINTS_OF_THE_PRIMARY = ('hand_over.append.before_record', 'hand_over.append.after_record')
POINTS_OF_THE_TARGET = ('take_over.answer.before_begin', 'take_over.answer.after_begin', 'epoch.self_grant.after_persist',
                        'epoch.claim.before_persist', 'epoch.claim.after_persist', 'epoch.start.after_record')


class Load(Clients):
    """Writes one after the other to whoever is primary, and reads on every node all the while."""

    def __init__(self, cluster):
        super().__init__()
        self.cluster = cluster
        self.acknowledged, self.failed_reads, self.longest_pause = [], [], 0.0
        self._threads = [threading.Thread(target=self.write)]
        self._threads += [threading.Thread(target=self.read, args=(k,)) for k in range(1, cluster.nodes + 1)]

    def __enter__(self):
        super().__enter__()
        wait_for('the load runs', lambda: len(self.acknowledged) > 5)
        return self

    def write(self):
        number, last = 0, None
        while not self._end.is_set():
            number += 1
            name = f'load-{id(self)}-{number}'
            for k in range(1, self.cluster.nodes + 1):
                try:
                    status, _, _ = self.cluster.rest(k, 'POST', '/v1/resources', {'name': name, 'type': 'Linux'},
                                                     token=self.cluster.env['HOLDFAST_TOKEN'])
                except ConnectionError:
                    continue
                if status == 201:
                    now = time.monotonic()
                    self.longest_pause = max(self.longest_pause, now - (last or now))
                    last = now
                    self.acknowledged.append(name)
                    break

    def read(self, k):
        while not self._end.is_set():
            try:
                if self.cluster.rest_retrieve(k) is None:
                    self.failed_reads.append((k, 'refused'))
            except ConnectionError as error:
                if self.cluster.health(k) is not None:
                    self.failed_reads.append((k, str(error)))


class SwitchoverTest(ClusterTest):
    def setUp(self):
        for k in range(1, self.nodes + 1):
            if self.cluster.health(k) is None:
                self.cluster.start(k)
        self.cluster.wait_primary()
        self.must_switch(1)
        for k in range(1, self.nodes + 1):
            self.cluster.wait_caught_up(k)

    def switch(self, to):
        return self.cluster.hf('switchover', '--to', f'node{to}', '--yes', '--output', 'json')

    def must_switch(self, to):
        got = wait_for(f'a switchover to node {to}', lambda: self.switched(to))
        wait_for(f'node {to} is primary', lambda: self.cluster.primary() == to)
        return got

    def switched(self, to):
        got = self.switch(to)
        return json.loads(got.stdout) if got.returncode == 0 else None

    def names(self, k):
        found, offset = set(), 0
        while True:
            page = self.cluster.admin(k, 'GET', f'/resources?limit=1000&offset={offset}')['resources']
            found |= {r['name'] for r in page}
            if len(page) < 1000:
                return found
            offset += len(page)

    def assert_all_there(self, load):
        for k in range(1, self.nodes + 1):
            self.cluster.wait_caught_up(k)
            self.assertEqual(set(load.acknowledged) - self.names(k), set(), f'node {k}')

    def goes_there_and_back(self):
        with Load(self.cluster) as load:
            for to in (2, 1, 2):
                answer = self.must_switch(to)
                self.assertEqual((answer['schema'], answer['to']), ('holdfast.switchover/1', f'node{to}'))
                before = len(load.acknowledged)
                wait_for('writes go on', lambda floor=before: len(load.acknowledged) > floor + 3)
        self.assertEqual(load.failed_reads, [])
        self.assertLess(load.longest_pause, 3.0)  # tests/bench/promote.py measures it.
        self.assert_all_there(load)
        again = self.must_switch(2)  # Done already.
        self.assertEqual(again['from'], 'node2')

    def primary_dies_at(self, point):
        self.cluster.stop(1)
        with Armed(self.cluster, 1, f'{point}:1') as armed:
            wait_for('node 1 is primary', lambda: self.cluster.primary() == 1)
            self.cluster.admin(1, 'POST', '/resources', {'name': f'before {point}', 'type': 'Linux'})
            wait_for('node 2 streams', lambda: self.cluster.row(2, seen_by=1)['state'] == 'streaming')
            self.switch(2)
            armed.wait_for_death()
        self.cluster.start(1)
        self.one_primary_with(f'before {point}')

    def target_dies_at(self, point, times=1):
        self.cluster.stop(2)
        with Armed(self.cluster, 2, f'{point}:1') as armed:
            wait_for('node 1 is primary', lambda: self.cluster.primary() == 1)
            self.cluster.admin(1, 'POST', '/resources', {'name': f'before {point}', 'type': 'Linux'})
            wait_for('node 2 streams', lambda: self.cluster.row(2, seen_by=1)['state'] == 'streaming')
            self.switch(2)
            armed.wait_for_death()
        for _ in range(1, times):
            with Armed(self.cluster, 2, f'{point}:1') as armed:
                armed.wait_for_death()
        self.cluster.start(2)
        self.one_primary_with(f'before {point}')

    def primary_dies_at_each_step(self):
        for point in POINTS_OF_THE_PRIMARY:
            with self.subTest(point=point):
                self.setUp()
                self.primary_dies_at(point)

    def target_dies_at_each_step(self):
        for point in POINTS_OF_THE_TARGET:
            with self.subTest(point=point):
                self.setUp()
                self.target_dies_at(point)

    def one_primary_with(self, name):
        primary = self.cluster.wait_primary()
        self.cluster.admin(primary, 'POST', '/resources', {'name': f'after {name}', 'type': 'Linux'})
        for k in range(1, self.nodes + 1):
            self.cluster.wait_caught_up(k)
            self.assertLessEqual({name, f'after {name}'}, self.names(k))


class ThreeNodesDurable(SwitchoverTest):
    nodes, sync = 3, 'durable:1'

    def test_there_and_back_under_load(self):
        self.goes_there_and_back()

    def test_the_primary_dies_at_each_step(self):
        self.primary_dies_at_each_step()

    def test_the_target_dies_at_each_step(self):
        self.target_dies_at_each_step()

    def test_refused_when_the_target_is_not_there(self):
        self.cluster.kill(3)
        got = wait_for('it is seen', lambda: self.refused_switch(3))
        self.assertEqual(got['code'], 'NOT_CAUGHT_UP')
        self.assertEqual(self.cluster.primary(), 1)

    def refused_switch(self, to):
        got = self.switch(to)
        return json.loads(got.stderr)['error'] if got.returncode == 2 else None


class ThreeNodesPostgres(SwitchoverTest):
    nodes, sync, store = 3, 'durable:1', 'postgres'
    def test_the_primary_dies_at_each_step(self):
        self.primary_dies_at_each_step()

    def test_the_target_dies_at_each_step(self):
        self.target_dies_at_each_step()


class TwoNodesLocal(SwitchoverTest):
    nodes = 2

    def test_there_and_back_under_load(self):
        self.goes_there_and_back()

    def test_the_target_dies_after_it_was_asked(self):
        self.target_dies_at('take_over.answer.before_begin')

    def test_the_target_dies_again_and_again_before_its_epoch_begins(self):
        self.target_dies_at('epoch.start.before_record', times=3)


if __name__ == '__main__':
    del SwitchoverTest
    unittest.main()
