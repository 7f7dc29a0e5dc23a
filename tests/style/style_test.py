#!/usr/bin/env python3
"""The rules find every planted fault, and nothing else."""

import pathlib
import re
import tempfile
import unittest

import style

PLANTED = pathlib.Path(__file__).with_name('planted_faults.txt')


def planted():
    """Yields (path, expected, text) for each file of planted_faults.txt."""
    parts = re.split(r'^-- (\S+) --(.*)\n', PLANTED.read_text(encoding='utf-8'), flags=re.MULTILINE)
    for path, expected, text in zip(parts[1::3], parts[2::3], parts[3::3]):
        repeat = re.compile(r'^@repeat (\d+) ?(.*)\n', re.MULTILINE)
        text = repeat.sub(lambda m: (m.group(2) + '\n') * int(m.group(1)), text)
        yield path, set(expected.split()), text


class StyleTest(unittest.TestCase):
    def setUp(self):
        self._folder = tempfile.TemporaryDirectory(prefix='holdfast-style-')
        self.addCleanup(self._folder.cleanup)
        self.root = pathlib.Path(self._folder.name)

    def write(self, path, text):
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding='utf-8')

    def found(self):
        found = {}
        for fault in style.check(self.root):
            found.setdefault(fault.path, set()).add(f'{fault.rule}:{fault.line}')
        return found

    def test_finds_every_planted_fault_and_nothing_else(self):
        self.write('.clang-format', (style.pathlib.Path(__file__).parents[2] / '.clang-format').read_text())
        files = list(planted())
        self.assertGreater(len(files), 15)
        for path, _, text in files:
            self.write(path, text)
        found = self.found()
        unjudged = {'format'}  # Only asked of the file that expects it: the others are cut short.
        for path, expected, _ in files:
            got = found.get(path, set())
            if not any(e.startswith('format') for e in expected):
                got = {f for f in got if f.split(':')[0] not in unjudged}
            with self.subTest(path=path):
                self.assertEqual(got, expected)

    def test_every_rule_has_a_planted_fault(self):
        rules = {e.split(':')[0] for _, expected, _ in planted() for e in expected}
        self.assertEqual(rules, {'library', 'clock', 'sleep', 'function-length', 'file-length', 'unfinished',
                                 'path', 'guard', 'shell', 'python', 'readme', 'arrow', 'format'})

    def test_a_clean_tree_has_no_fault(self):
        self.write('server/base/README.md', '# server/base\n')
        self.write('server/base/CMakeLists.txt', 'holdfast_module(NAME server.base LAYER base)\n')
        self.assertEqual(self.found(), {})


if __name__ == '__main__':
    unittest.main()
