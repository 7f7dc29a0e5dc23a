#!/usr/bin/env python3
"""The crash points in the sources, in kCrashPoints and in docs/testing.md are the same ones, with the same words."""

import pathlib
import re
import unittest

CHECKOUT = pathlib.Path(__file__).resolve().parents[2]
TABLE = CHECKOUT / 'server/base/crash_point.h'
PAGE = CHECKOUT / 'docs/testing.md'
ROW_OF_TABLE = re.compile(r'\{"([^"]*)",\s*"([^"]*)",\s*"([^"]*)"\}')
ROW_OF_PAGE = re.compile(r'^\| `([a-z0-9_.]+)` \| ([^|]*) \| ([^|]*) \|$', re.MULTILINE)
POINT = re.compile(r'HOLDFAST_CRASH_POINT\(\s*"([^"]*)"\s*\)')
NAME = re.compile(r'[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*){2,}')


def in_sources():
    for folder in ('server', 'replication', 'api'):
        for file in sorted((CHECKOUT / folder).rglob('*.cc')):
            for name in POINT.findall(file.read_text(encoding='utf-8')):
                yield name, file.relative_to(CHECKOUT)


class CrashPointsTest(unittest.TestCase):
    def setUp(self):
        self.table = ROW_OF_TABLE.findall(TABLE.read_text(encoding='utf-8'))

    def test_each_is_in_the_sources_once(self):
        placed = list(in_sources())
        names = [name for name, _ in placed]
        self.assertEqual([p for p in placed if names.count(p[0]) > 1], [])
        self.assertEqual(sorted(names), sorted(name for name, _, _ in self.table))

    def test_the_page_says_the_same(self):
        self.assertEqual(ROW_OF_PAGE.findall(PAGE.read_text(encoding='utf-8')), self.table)

    def test_names_say_room_step_and_moment(self):
        self.assertGreater(len(self.table), 20)
        for name, _, _ in self.table:
            self.assertRegex(name, f'^{NAME.pattern}$')


if __name__ == '__main__':
    unittest.main()
