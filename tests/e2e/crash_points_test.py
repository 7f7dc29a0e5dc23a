#!/usr/bin/env python3
"""A node of a real cluster is killed at every crash point, while writers and readers run, and started again: nothing
acknowledged is lost, the other node answers every read, nothing shown or promised goes back, and the stores agree.
planted_test.py runs some of it with a node that lies."""

import contextlib
import pathlib
import re
import sqlite3
import unittest

from cluster import ClusterTest, id_of, wait_for
from crashes import Armed, Kept, Reader, Writers
from load import Connection

TABLE = pathlib.Path(__file__).resolve().parents[2] / 'server/base/crash_point.h'
UNDER_LOAD = 25  # Passages of the start, and some of the load, come before;
FOLLOWER_UNDER_LOAD = 5  # here batches hold more.
ELSEWHERE = {  # which other test kills a node there
    'lost_writes_test.py': ('quarantine.keep.before_write', 'quarantine.keep.after_write', 'quarantine.mark.before_write'),
    'promotion_test.py': ('promotion.fetch.in_pieces',),
    'switchover_test.py': ('hand_over.append.before_record', 'hand_over.append.after_record', 'take_over.answer.before_begin',
                           'take_over.answer.after_begin'),
}
GRANTED = ('epoch.seen.after_persist', 'epoch.grant.after_persist', 'epoch.self_grant.after_persist')  # by then
CLAIMED = ('epoch.claim.after_persist', 'epoch.start.before_record', 'epoch.start.after_record')
TRIM_WHOLE_LOG = (
    'UPDATE meta SET (before_first_seq, before_first_epoch_number, before_first_epoch_node, before_first_digest) = '
    '(SELECT seq, epoch_number, epoch_node, digest FROM log WHERE seq = applied_seq)',
    'DELETE FROM log WHERE seq <= (SELECT applied_seq FROM meta)')
covered = set()


class CrashTest(ClusterTest):
    """Node 1 is the primary."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.acknowledged = {}  # resource -> names
        cls.readers = {}
        for k in (1, 2):
            cls.readers[k] = Reader(cls.cluster, k)
            cls.readers[k].__enter__()
            cls.addClassCleanup(cls.readers[k].__exit__)

    def setUp(self):
        for k in (1, 2):
            self.assertEqual(self.readers[k].take_failures(), [])
            if self.cluster.health(k) != 200:
                self.start(k)
        wait_for('node 1 is primary', lambda: self.cluster.primary() == 1)
        self.cluster.wait_caught_up(2)

    # ---- steps

    def stop(self, k):
        self.readers[k].up = False
        self.cluster.stop(k)
        self.check_shown_is_kept(k, Kept(self.cluster, k))

    def start(self, k):
        self.cluster.start(k)
        self.readers[k].wait_for_reads()
        self.readers[k].up = True

    def armed(self, k, point, passage=1):
        """Node k, which is stopped, runs again until it passes the point."""
        covered.add(point)
        before = Kept(self.cluster, k)
        armed = Armed(self.cluster, k, f'{point}:{passage}', then=lambda: self.check_kept(k, point, before))
        self.addCleanup(armed.__exit__)
        return armed

    def new_resource(self, name):
        name = f'{name}-{len(self.acknowledged)}'
        self.cluster.admin(1, 'POST', '/resources', {'name': name, 'type': 'Linux'})
        return name, id_of(self.cluster.admin(1, 'GET', '/resources?limit=1000')['resources'], name)

    def writers(self, name):
        name, resource = self.new_resource(name)
        return name, Writers(self.cluster, 1, resource, self.cluster.new_secret(name))

    def names(self, k, resource):
        resource = id_of(self.cluster.admin(k, 'GET', '/resources?limit=1000')['resources'], resource)
        answer = self.cluster.admin(k, 'GET', f'/resources/{resource}/accounts?limit=1000')
        return {account['name'] for account in answer['accounts']}

    # ---- checks

    def check_shown_is_kept(self, k, kept):
        self.assertGreaterEqual(kept.shown, self.readers[k].shown(), 'what was shown is on disk')

    def check_kept(self, k, point, before):
        """Dead: what it has shown is on its disk, and what it has promised, the promise of the point's own name too."""
        kept = Kept(self.cluster, k)
        self.check_shown_is_kept(k, kept)
        self.assertGreaterEqual((kept.granted, kept.own), (before.granted, before.own), 'promises stay')
        if point in GRANTED:
            self.assertGreater(kept.granted, before.granted, 'the promise is on disk')
        if point in CLAIMED:
            self.assertGreater(kept.own, before.own, 'the claim is on disk')

    def check_whole(self, resource, writers):
        """Both nodes run again: what was acknowledged is on both, they agree, and a write works."""
        wait_for('node 1 is primary', lambda: self.cluster.primary() == 1)
        self.acknowledged[resource] = set(writers.acknowledged)
        administrator = Connection(self.cluster, 1, self.cluster.env['HOLDFAST_TOKEN'])
        self.addCleanup(administrator.close)
        status, _ = administrator.call('POST', '/v1/resources', {'name': f'after-{resource}', 'type': 'Linux'})
        self.assertEqual(status, 201)
        self.assertGreater(administrator.position, writers.last())
        self.cluster.wait_caught_up(2)
        there = [self.names(k, resource) for k in (1, 2)]
        self.assertEqual(there[0], there[1])
        self.assertEqual(self.acknowledged[resource] - there[0], set(), 'what was acknowledged is lost')
        last = max(writers.acknowledged, key=writers.acknowledged.get, default=None)
        for k in (1, 2) if last else ():
            self.assertEqual(self.cluster.rest_retrieve(k, resource, last, token=self.cluster.env['HOLDFAST_TOKEN']),
                             self.cluster.secrets[resource])
        for k in (1, 2):
            self.readers[k].wait_for_reads()
            self.assertEqual(self.readers[k].take_failures(), [])

    def zz_the_stores_agree(self):
        for resource, names in self.acknowledged.items():
            for k in (1, 2):
                self.assertEqual(names - self.names(k, resource), set(), 'what was acknowledged is lost')
        for reader in self.readers.values():
            reader.up = False
        self.stop_and_compare_stores()
        for k in (1, 2):
            self.cluster.start(k)

    # ---- the usual forms of a death

    def dies_under_load(self, k, point):
        passage = UNDER_LOAD if k == 1 else FOLLOWER_UNDER_LOAD
        resource, writers = self.writers(point)
        self.stop(k)
        with self.armed(k, point, passage) as armed:
            armed.wait_for('node 1 is primary', lambda: self.cluster.primary() == 1)
            with writers:
                armed.wait_for_death()
                self.readers[1].must_show(writers.last())
                self.start(k)
                writers.wait_for_more()
        self.check_whole(resource, writers)

    def dies_at_rest(self, k, name):
        """At no point: killed when all that was acknowledged has been shown, and nothing is appended any more."""
        resource, writers = self.writers(name)
        with writers:
            wait_for('writes', lambda: writers.count() > 5)
        wait_for('all is shown', lambda: self.readers[k].shown() >= writers.last())
        self.readers[k].up = False
        self.cluster.kill(k)
        self.check_shown_is_kept(k, Kept(self.cluster, k))
        self.start(k)
        self.check_whole(resource, writers)

    def dies_at_the_start(self, k, point):
        """The writers find no primary from the stop on, and one again after the second start."""
        resource, writers = self.writers(point)
        with writers:
            wait_for('writes', lambda: writers.count() > 5)
            self.stop(k)
            with self.armed(k, point) as armed:
                armed.wait_for_death()
            self.start(k)
            writers.wait_for_more()
        self.check_whole(resource, writers)

    def dies_when_the_primary_starts(self, k, point):
        """Node k, a secondary, when node 1 asks it, or tells it, about a new epoch."""
        resource, writers = self.writers(point)
        with writers:
            wait_for('writes', lambda: writers.count() > 5)
            self.stop(k)
            with self.armed(k, point) as armed:
                armed.wait_for(f'node {k} is up', lambda: self.cluster.health(k) == 200)
                self.stop(1)
                self.cluster.quickstart('start-node', 1)  # It may wait for what node k is asked.
                armed.wait_for_death()
            self.start(k)
            wait_for('node 1 is primary', lambda: self.cluster.primary() == 1)
            self.readers[1].up = True
        self.check_whole(resource, writers)


def each(cls, form, *cases):
    """A test for each case; a point that is not passed fails its own test only."""
    for case in cases:
        def test(self, case=case):
            getattr(self, form)(*case)
        node, point = case[:2]
        test.__name__ = f'test_{point.replace(".", "_")}_on_node_{node}'
        assert not hasattr(cls, test.__name__)
        setattr(cls, test.__name__, test)


class DurableCrashTest(CrashTest):
    sync = 'durable:1'
    test_zz_the_stores_agree = CrashTest.zz_the_stores_agree


class LocalCrashTest(CrashTest):
    test_zz_the_stores_agree = CrashTest.zz_the_stores_agree


ON_BOTH = ('ledger.append.before_store', 'ledger.append.after_store', 'store.sqlite.before_commit',
           'store.sqlite.after_commit')
COMMITTED = ('ledger.committed.before_save', 'ledger.committed.after_save')
CLAIM = ('epoch.claim.before_persist', 'epoch.claim.after_persist', 'epoch.start.before_record',
         'epoch.start.after_record')
each(DurableCrashTest, 'dies_under_load',
     *((k, point) for k in (1, 2) for point in (*ON_BOTH, *COMMITTED)), (1, 'ledger.apply.before_answer'))
each(DurableCrashTest, 'dies_at_rest', (1, 'rest'), (2, 'rest'))
each(DurableCrashTest, 'dies_at_the_start',
     *((1, point) for point in ('epoch.self_grant.before_persist', 'epoch.self_grant.after_persist', *CLAIM)))
each(DurableCrashTest, 'dies_when_the_primary_starts',
     (2, 'epoch.grant.before_persist'), (2, 'epoch.grant.after_persist'))
each(LocalCrashTest, 'dies_under_load',
     *((1, point) for point in (*ON_BOTH, 'ledger.apply.before_answer')), (2, 'ledger.append.after_store'))
each(LocalCrashTest, 'dies_at_the_start', *((1, point) for point in CLAIM))
each(LocalCrashTest, 'dies_when_the_primary_starts',
     (2, 'epoch.seen.before_persist'), (2, 'epoch.seen.after_persist'))


class PostgresCrashTest(CrashTest):
    """The same on a database for each node, as far as another store can make a difference."""

    store = 'postgres'
    sync = 'durable:1'
    test_zz_the_stores_agree = CrashTest.zz_the_stores_agree


each(PostgresCrashTest, 'dies_under_load',
     *((k, point) for k in (1, 2) for point in ('store.postgres.before_commit', 'store.postgres.after_commit')),
     (1, 'ledger.append.before_store'), (1, 'ledger.append.after_store'), (1, 'ledger.committed.before_save'))
each(PostgresCrashTest, 'dies_at_rest', (2, 'rest'))
each(PostgresCrashTest, 'dies_at_the_start', (1, 'epoch.claim.after_persist'))
each(PostgresCrashTest, 'dies_when_the_primary_starts', (2, 'epoch.grant.after_persist'))


class SnapshotCrash(CrashTest):
    """The log of the primary no longer reaches back to where node 2 ends."""

    storing = (('snapshot.stage.in_rows', 40), ('snapshot.stage.after_rows', 1), ('snapshot.stage.before_swap', 1))

    def make_gap(self, point):
        self.stop(2)
        resource, writers = self.writers(point)
        with writers:
            wait_for('more than a piece of rows', lambda: writers.count() > 150)
        self.stop(1)
        self.trim_whole_log(1)
        return resource, writers

    def trim_whole_log(self, k):
        """As retention leaves it; by hand, for it keeps more records than a test would write."""
        if self.store == 'postgres':
            self.cluster.sql(k, ''.join(f'{statement};' for statement in TRIM_WHOLE_LOG))
            return
        with contextlib.closing(sqlite3.connect(self.cluster.data(k) / 'vault.db')) as store, store:
            for statement in TRIM_WHOLE_LOG:
                store.execute(statement)

    def heal(self, resource, writers):
        for k in (1, 2):
            if self.cluster.health(k) != 200:
                self.start(k)
        self.check_whole(resource, writers)
        self.assertIn(' bytes begins', self.cluster.log(2))

    def test_the_follower_dies_before_it_is_stored(self):
        """Nothing of it is kept: the store is as it was, again and again."""
        resource, writers = self.make_gap('before')
        before = self.cluster.stored(2)
        self.start(1)
        for point, passage in (('snapshot.receive.begin', 1), ('snapshot.receive.in_pieces', 1),
                               ('snapshot.install.begin', 1), *self.storing):
            with self.subTest(point), self.armed(2, point, passage) as armed:
                armed.wait_for_death()
                self.assertEqual(self.cluster.stored(2), before)
        self.heal(resource, writers)

    def test_the_follower_dies_after_it_is_stored(self):
        for point in ('snapshot.install.after_swap', 'snapshot.install.after_save'):
            with self.subTest(point):
                resource, writers = self.make_gap(point)
                before = self.cluster.stored(2)
                self.start(1)
                with self.armed(2, point) as armed:
                    armed.wait_for_death()
                self.assertGreater(self.cluster.stored(2)['applied'], before['applied'])
                self.heal(resource, writers)

    def test_the_primary_dies(self):
        resource, writers = self.make_gap('primary')
        before = self.cluster.stored(2)
        for point, passage in (('snapshot.make.in_rows', 40), ('snapshot.send.in_pieces', 1)):
            with self.subTest(point), self.armed(1, point, passage) as armed:
                armed.wait_for('node 1 is primary', lambda: self.cluster.primary() == 1)
                self.start(2)
                armed.wait_for_death()
                self.readers[2].wait_for_reads()
                self.stop(2)
                self.assertEqual(self.cluster.stored(2), before)
        self.heal(resource, writers)

    test_zz_the_stores_agree = CrashTest.zz_the_stores_agree


class SnapshotCrashTest(SnapshotCrash):
    pass


class PostgresSnapshotCrashTest(SnapshotCrash):
    """Its rows come in the transaction that puts them in place."""

    store = 'postgres'
    storing = (('snapshot.install.in_rows', 40), ('snapshot.install.before_swap', 1))


class ZEveryPointTest(unittest.TestCase):
    def test_every_point_is_killed_at(self):
        points = re.findall(r'^ *\{"([a-z0-9_.]+)",', TABLE.read_text(encoding='utf-8'), re.MULTILINE)
        self.assertGreater(len(points), 20)
        elsewhere = {point for named in ELSEWHERE.values() for point in named}
        for file, named in ELSEWHERE.items():
            text = pathlib.Path(__file__).with_name(file).read_text(encoding='utf-8')
            self.assertEqual([point for point in named if point not in text], [], file)
        self.assertEqual(elsewhere - set(points), set())
        self.assertEqual(set(points) - covered - elsewhere, set())


if __name__ == '__main__':
    del SnapshotCrash
    unittest.main()
