#!/usr/bin/env python3
"""Damage in the files of a stopped node: it says which file and what to do, serves nothing, and changes nothing.
The other node goes on, and the undamaged folder is as good as before."""

import contextlib
import shutil
import sqlite3
import unittest

from cluster import ClusterTest
from damaged import Copy

REPAIR_SECONDS = 6
MENDED = ' is in place'
NEXT_STEP = ('nothing was changed; let this machine join under a new name, or restore a backup: '
             'docs/runbooks/damaged-store.md')


def places(store):
    """Where the full name of the user stands: in its row, and in the entry of the log that made it."""
    data = store.read_bytes()
    return [i for i in range(len(data)) if data.startswith(b'Demo user', i)]


class StoreFaultsTest(ClusterTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.secret = cls.cluster.secrets['demo secret']
        for k in (1, 2):  # Records for both journals.
            for _ in range(3):
                assert cls.cluster.ssh_retrieve(k) == cls.secret
        cls.cluster.stop(2)
        cls.whole = Copy(cls.cluster, 2)

    @classmethod
    def tearDownClass(cls):
        cls.whole.close()
        super().tearDownClass()

    def setUp(self):  # The second node stays stopped between the tests.
        self.copy = Copy(self.cluster, 2)
        self.addCleanup(self.copy.close)

    def assert_ends(self, *texts, code=1):
        """The damaged copy is refused, with the texts, on standard error and in the log."""
        before = self.copy.contents()
        status, error = self.copy.serve()
        self.assertEqual(status, code, error)
        self.assertEqual(len([line for line in error.splitlines() if line.startswith('holdfastd: ')]), 1, error)
        for text in texts:
            self.assertIn(text, error)
        log = self.copy.log_file.read_text()
        self.assertIn('error does not start: ', log)
        self.assertNotIn('listens on port', log)  # Nothing was served in between.
        self.assertEqual(self.copy.contents(), before)
        self.assertEqual(self.cluster.ssh_retrieve(1), self.secret)

    def assert_store_refused(self, *texts):
        self.assert_ends(f'holdfastd: {self.copy.store}: ', NEXT_STEP, *texts)

    # ---- bits

    def test_a_flipped_bit_in_the_header(self):
        for offset, text in ((0, 'not a store of holdfast: not a SQLite file'),
                             (16, 'pages of '),
                             (18, 'file format 6.2, expected at most 2.2'),
                             (68, 'not a store of holdfast: application id 0x4c465354, expected 0x48465354')):
            with self.subTest(offset=offset):
                self.copy.flip(self.copy.store, offset)
                self.assert_store_refused(text)
                self.copy.flip(self.copy.store, offset)

    def test_a_flipped_bit_in_the_structure(self):
        for offset in (100, 105, 4096, 8200, 20480):
            with self.subTest(offset=offset):
                self.copy.flip(self.copy.store, offset)
                self.assert_store_refused()
                self.copy.flip(self.copy.store, offset)

    def test_a_flipped_bit_in_a_value(self):
        """SQLite does not see it: in the entry of the log it is refused, in the row of a user a snapshot mends it."""
        found = places(self.copy.store)
        self.assertGreaterEqual(len(found), 2)
        refused = repaired = 0
        for offset in found:
            with self.subTest(offset=offset):
                self.copy.flip(self.copy.store, offset, bit=0)
                status, _ = self.copy.serve(seconds=REPAIR_SECONDS)
                refused += status == 1
                repaired += status is None and MENDED in self.copy.log_file.read_text()
                self.copy.log_file.unlink()
                shutil.rmtree(self.copy.data)
                shutil.copytree(self.whole.data, self.copy.data)
        self.assertGreaterEqual(refused, 1)
        self.assertGreaterEqual(repaired, 1)
        self.assertEqual(refused + repaired, len(found))

    def test_a_truncated_store(self):
        size = self.copy.store.stat().st_size
        for kept in (0, 50, 100, size // 2, size - 4096):
            with self.subTest(kept=kept):
                shutil.copy(self.whole.store, self.copy.store)
                with open(self.copy.store, 'r+b') as file:
                    file.truncate(kept)
                self.assert_store_refused('cut: ')

    # ---- rows

    def assert_mended(self, *texts):
        """Nothing of the changed rows is served, and a snapshot from the other node puts them right."""
        status, log = self.copy.serve(seconds=REPAIR_SECONDS)
        self.assertIsNone(status, log)
        self.assertIn('nothing is served from this store until a primary has sent a snapshot', log)
        for text in (*texts, MENDED):
            self.assertIn(text, log)
        self.assertLess(log.index('nothing is served from this store'), log.index(MENDED))
        self.copy.log_file.unlink()
        status, log = self.copy.serve(seconds=2)  # And it stays so.
        self.assertIsNone(status, log)
        self.assertNotIn('nothing is served', log)

    def assert_rows_mended(self, statement, *values):
        self.assertEqual(self.copy.sql(statement, *values), 1)
        self.assert_mended('the rows in the store are not those that this cluster has written',
                           'a row was added, changed or removed beside Holdfast')

    def row_of(self, table, where):
        with contextlib.closing(sqlite3.connect(f'file:{self.whole.store}?mode=ro', uri=True)) as store:
            return store.execute(f'SELECT * FROM {table} WHERE {where}').fetchone()

    def test_a_row_added_by_hand(self):
        share = list(self.row_of('shares', '1'))
        share[0], share[1] = 9999, self.row_of('users', "name = 'admin'")[0]
        self.assert_rows_mended('INSERT INTO shares VALUES (?, ?, ?, ?, ?, ?)', *share)

    def test_a_second_share_added_by_hand(self):
        share = list(self.row_of('shares', '1'))
        share[0] = 9999
        self.copy.sql('INSERT INTO shares VALUES (?, ?, ?, ?, ?, ?)', *share)
        self.assert_mended('share 9999 clashes with share ')

    def test_a_row_changed_by_hand(self):
        self.assert_rows_mended("UPDATE users SET super_administrator = 1 WHERE name = 'demo'")

    def test_a_row_removed_by_hand(self):
        self.assert_rows_mended("DELETE FROM shares WHERE id = (SELECT min(id) FROM shares)")

    def test_a_secret_put_back_by_hand(self):
        self.assert_rows_mended('UPDATE accounts SET secret_changed_ms = secret_changed_ms - 1')

    # ---- the log

    def test_an_entry_of_the_log_changed_by_hand(self):
        for column, text in (('record', 'wrong chain digest'), ('digest', 'wrong chain digest'), ('mac', 'wrong MAC')):
            with self.subTest(column=column):
                self.assertEqual(self.copy.sql(f'UPDATE log SET {column} = zeroblob(length({column})) WHERE seq = 5'), 1)
                self.assert_store_refused('.5: ', text)
                shutil.copy(self.whole.store, self.copy.store)

    def test_an_entry_of_the_log_removed_by_hand(self):
        last = self.row_of('meta', '1')[2]
        for seq in (1, 5, last):
            with self.subTest(seq=seq):
                self.assertEqual(self.copy.sql('DELETE FROM log WHERE seq = ?', seq), 1)
                self.assert_store_refused('the log ')
                shutil.copy(self.whole.store, self.copy.store)

    # ---- versions, and files that are gone

    def test_a_newer_schema(self):
        self.copy.sql('PRAGMA user_version = 3')
        self.assert_ends(f'holdfastd: {self.copy.store}: schema version 3 is newer than 2, the newest that this '
                         'program knows; use the program that wrote it, or a newer one')

    def test_a_lost_file(self):
        committed = self.copy.data / 'committed'
        for name, text in (('committed', f'{committed}: not there, though the store holds a log; restore the file '
                                         "from the node's backup, or join the node anew"),
                           ('vault.db', f'{self.copy.store}: not there, though root.sealed is; restore the '
                                        "node's backup, or let this node join again with an empty folder"),
                           ('root.sealed', f'{self.copy.data}/root.sealed: not there, though vault.db is')):
            with self.subTest(name=name):
                (self.copy.data / name).unlink()
                self.assert_ends(f'holdfastd: {text}')
                self.assert_ends(f'holdfastd: {text}')  # The first start must not have made one.
                shutil.copy(self.whole.data / name, self.copy.data / name)

    def test_a_committed_file_that_is_not_whole(self):
        committed = self.copy.data / 'committed'
        for offset in (20, 512 + 20):
            self.copy.flip(committed, offset)
        self.assert_ends(f'holdfastd: {committed}: expected a committed position in one of its 2 slots, found none whole; '
                         "restore the file from the node's backup, or join the node anew")

    # ---- the journal

    def test_a_flipped_bit_in_a_segment_of_the_journal(self):
        segment = self.copy.segment()
        data = segment.read_bytes()
        first = data.index(b'HFJR', 168)
        for offset, text in ((8, 'its header was changed, or made under another cluster or node'),
                             (first + 60, 'record 1 is damaged or missing, and record 2 was written after it'),
                             (first + 100, 'record 1 is damaged or missing, and record 2 was written after it')):
            with self.subTest(offset=offset):
                self.copy.flip(segment, offset)
                self.assert_ends(f'holdfastd: {segment}: ', text)
                self.copy.flip(segment, offset)

    # ---- and the node itself

    def test_zz_the_whole_node_is_as_before(self):
        status, log = self.copy.serve(seconds=2)  # The copy that nobody touched starts,
        self.assertIsNone(status, log)
        self.assertIn('loaded and verified up to ', log)
        self.cluster.start(2)  # and so does the node.
        self.read_everywhere(None, None, self.secret)
        self.stop_and_compare_stores()


if __name__ == '__main__':
    unittest.main()
