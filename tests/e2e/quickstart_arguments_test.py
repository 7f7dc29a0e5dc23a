#!/usr/bin/env python3
"""deploy/quickstart refuses what it does not understand, before it touches anything."""

import os
import pathlib
import subprocess
import tempfile
import unittest

CHECKOUT = pathlib.Path(__file__).resolve().parents[2]


class QuickstartArgumentsTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix='holdfast-quickstart-')
        self.addCleanup(folder.cleanup)
        self.dir = pathlib.Path(folder.name) / 'cluster'

    def call(self, *words):
        """With --no-build and no programs there: what passes the arguments' check stops right after."""
        environment = dict(os.environ, HOLDFAST_QUICKSTART_BIN=str(self.dir.parent / 'nothing'))
        return subprocess.run(
            [CHECKOUT / 'deploy/quickstart', '--dir', self.dir, '--no-install', '--no-build', *words],
            capture_output=True, text=True, check=False, timeout=60, env=environment)

    def assert_refused(self, words, code, text):
        with self.subTest(words=words):
            run = self.call(*words)
            self.assertEqual(run.returncode, code, run.stderr)
            self.assertIn(text, run.stderr)
            self.assertEqual(run.stdout, '')
            self.assertFalse(self.dir.exists())

    def test_wrong_words_exit_1_with_the_usage(self):
        for words, text in (
                (['--frobnicate'], 'unknown option --frobnicate'),
                (['restart'], 'unknown command restart'),
                (['--nodes'], '--nodes needs a value'),
                (['--nodes', '--no-demo'], '--nodes needs a value'),
                (['--nodes', '0'], "--nodes: expected 1 to 9, got '0'"),
                (['--nodes', 'two'], "got 'two'"),
                (['--port-base', '80'], '--port-base: expected 1023 to'),
                (['--port-base', '65530'], '--port-base: expected 1023 to'),
                (['--port-base', ''], "got ''"),
                (['--store', 'oracle'], "--store: expected sqlite or postgres, got 'oracle'"),
                (['--sync', 'durable'], '--sync: expected local, received:K'),
                (['--sync', 'durable:2'], 'K is at most 1'),
                (['status', 'stop'], 'one command at a time'),
                (['start-node'], 'start-node needs the number of a node'),
                (['status', '--nodes', '3'], 'only for making a cluster')):
            self.assert_refused(words, 1, text)
            self.assertIn('usage: deploy/quickstart', self.call(*words).stderr)

    def test_a_cluster_that_is_not_there_is_no_cluster(self):
        for words in (['status'], ['start-node', '1'], ['stop-node', '1'], ['kill-node', '1']):
            self.assert_refused(words, 1, f'no cluster in {self.dir}')

    def test_stopping_and_cleaning_nothing_is_done(self):
        for verb in ('stop', 'clean'):
            self.assertEqual(self.call(verb).returncode, 0)

    def test_a_folder_of_somebody_else_is_neither_used_nor_removed(self):
        self.dir.mkdir()
        (self.dir / 'mine').write_text('precious')
        for words in ([], ['clean'], ['stop']):
            self.assertEqual(self.call(*words).returncode, 1)
        self.assertEqual((self.dir / 'mine').read_text(), 'precious')

    def test_missing_programs_are_named_and_nothing_is_left(self):
        self.assert_refused([], 1, 'holdfastd is not there: leave out --no-build')

    def test_help_goes_to_stdout(self):
        run = self.call('--help')
        self.assertEqual((run.returncode, run.stderr), (0, ''))
        self.assertIn('start-node K', run.stdout)


if __name__ == '__main__':
    unittest.main()
