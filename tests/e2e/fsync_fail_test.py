#!/usr/bin/env python3
"""The preloaded wrapper itself: a test that relies on it must not pass because it does nothing."""

import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

WRAPPER = os.environ.get('HOLDFAST_FSYNC_FAIL')
SYNC = '''
import os, sys
for name in ("fsync", "fdatasync"):
    with open(sys.argv[1], "ab") as file:
        try:
            getattr(os, name)(file.fileno())
            print(name, "ok")
        except OSError as error:
            print(name, error.strerror)
'''


class FsyncFailTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix='holdfast-fsync-')
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.control = self.folder / 'control'

    def sync(self, name):
        environment = dict(os.environ, LD_PRELOAD=WRAPPER, FSYNC_FAIL_FILE=str(self.control))
        run = subprocess.run([sys.executable, '-c', SYNC, self.folder / name], capture_output=True,
                             text=True, check=True, env=environment)
        return run.stdout.splitlines()

    def test_syncs_as_always_while_the_control_file_is_not_there(self):
        self.assertEqual(self.sync('vault.db'), ['fsync ok', 'fdatasync ok'])

    def test_fails_every_sync_once_it_is_there(self):
        self.control.write_text('')
        self.assertEqual(self.sync('vault.db'), ['fsync Input/output error', 'fdatasync Input/output error'])

    def test_fails_only_the_paths_that_contain_its_line(self):
        self.control.write_text('vault.db\n')
        self.assertEqual(self.sync('vault.db-wal'),
                         ['fsync Input/output error', 'fdatasync Input/output error'])
        self.assertEqual(self.sync('journal'), ['fsync ok', 'fdatasync ok'])


if __name__ == '__main__':
    if not WRAPPER:
        sys.exit('HOLDFAST_FSYNC_FAIL must name the built wrapper')
    unittest.main()
