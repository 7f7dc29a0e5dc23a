#!/usr/bin/env python3
"""Tests of this folder run over nodes that lie (tests/planted), and must say what is wrong: else their silence over honest
nodes would mean nothing."""

import os
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest

from cluster import PROGRAMS

LIAR = PROGRAMS.parent / 'tests/planted/holdfastd'
HERE = pathlib.Path(__file__).resolve().parent
SECONDS = 120


class PlantedTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix='holdfast-planted-')
        self.addCleanup(folder.cleanup)
        self.bin = pathlib.Path(folder.name)
        (self.bin / 'holdfastd').symlink_to(LIAR)
        (self.bin / 'holdfast').symlink_to(PROGRAMS / 'holdfast')

    def said(self, words, fault, **environment):
        """What the test says, which must fail."""
        done = subprocess.run([sys.executable, HERE / words[0], *words[1:]], capture_output=True, text=True, timeout=SECONDS,
                              env={**os.environ, 'HOLDFAST_QUICKSTART_BIN': str(self.bin), 'PLANTED_FAULT': fault,
                                   'HOLDFAST_WRAPPERS': str(PROGRAMS.parent / 'tests/e2e'), **environment})
        self.assertNotIn(done.returncode, (0, 77), f'{fault} goes unnoticed: {done.stdout}{done.stderr}')
        return done.stdout + done.stderr

    def assert_caught(self, fault, file, test, says, **environment):
        said = self.said([file, test], fault, **environment)
        self.assertRegex(said, says)
        print(f'\n{fault}: {re.search(says, said)[0]}')

    # ---- crash points

    def test_a_grant_that_is_not_written(self):
        self.assert_caught('promises_not_written', 'crash_points_test.py',
                           'DurableCrashTest.test_epoch_grant_after_persist_on_node_2', 'the promise is on disk')

    def test_a_claim_that_is_not_written(self):
        self.assert_caught('promises_not_written', 'crash_points_test.py',
                           'DurableCrashTest.test_epoch_claim_after_persist_on_node_1', 'the claim is on disk')

    def test_an_acknowledgement_before_the_write(self):
        self.assert_caught('stored_late', 'crash_points_test.py', 'LocalCrashTest.test_ledger_append_before_store_on_node_1',
                           # The second when the file of the committed position outlives the records that it names.
                           'what was shown is on disk|what was acknowledged is lost')

    def test_a_committed_position_that_is_not_written(self):
        self.assert_caught('position_not_written', 'crash_points_test.py',
                           'DurableCrashTest.test_rest_on_node_2', 'what was shown is on disk')

    def test_a_fact_that_is_not_written(self):
        self.assert_caught('history_not_written', 'crash_points_test.py',
                           'LocalCrashTest.test_ledger_append_after_store_on_node_1', 'expected the end by signal 9, got 1')

    # ---- clients

    def test_an_acknowledgement_that_does_not_wait_while_the_primary_is_cut_off(self):
        """The judgement over what 16 writers saw (history.py)."""
        self.assert_caught('commit_alone', 'chaos_test.py', 'ChaosTest', 'is lost|where the demanded position has',
                           HOLDFAST_BY_PROXY='1', HOLDFAST_CHAOS_SECONDS='1', HOLDFAST_CHAOS_FAULTS='cut_primary')

    def test_an_acknowledgement_that_does_not_wait(self):
        self.assert_caught('commit_alone', 'durable_test.py',
                           'DurableTest.test_a_frozen_secondary_makes_outcomes_unknown_and_each_dialect_says_so', r'\(201, None\) != \(504')

    def test_a_secondary_that_shows_what_is_pending(self):
        self.assert_caught('show_pending', 'never_primary_test.py',
                           'NeverPrimaryTest.test_it_does_not_show_what_is_pending', 'pending records are not shown')

    def test_a_missed_revocation(self):
        self.assert_caught('miss_revocation', 'revocation_test.py', 'RevocationTest.test_a_key', 'SSH refused: not within', PLANTED_NODE='node2')


if __name__ == '__main__':
    unittest.main()
