#!/usr/bin/env python3
"""What the pages say is true as far as that is cheap to see: links lead to files, the programs know the commands, the
tests that are named exist."""

import functools
import os
import pathlib
import re
import shlex
import subprocess
import unittest

CHECKOUT = pathlib.Path(__file__).resolve().parents[2]
PROGRAMS = pathlib.Path(os.environ.get('HOLDFAST_QUICKSTART_BIN', CHECKOUT / 'build/release/bin'))
QUICKSTART = 'deploy/quickstart'
WITH_COMMANDS = ('README.md', 'docs/guarantees.md', 'docs/performance.md', 'docs/status.md', 'docs/reference/cli.md',
                 'docs/reference/configuration.md', 'docs/reference/health.md', 'docs/runbooks/lost-primary.md',
                 'docs/runbooks/planned-switchover.md', 'docs/runbooks/old-primary-returns.md')
OPTION = re.compile(r'(?<![\w-])--[a-z][a-z-]*')
NAME = re.compile(r'[a-z][a-z-]*')
CODE = re.compile(r'`([^`\n]+)`')
FENCE = re.compile(r'^```(\w*)\n(.*?)^```', re.MULTILINE | re.DOTALL)


def pages():
    for folder, below, files in os.walk(CHECKOUT):
        below[:] = [name for name in below if not name.startswith('.') and name != 'build']
        yield from (pathlib.Path(folder, name).relative_to(CHECKOUT) for name in files if name.endswith('.md'))


@functools.cache
def text_of(page):
    return (CHECKOUT / page).read_text(encoding='utf-8')


# ---- What the programs know

@functools.cache
def help_of(program, *nouns):
    path = CHECKOUT / QUICKSTART if program == QUICKSTART else PROGRAMS / program
    return subprocess.run([path, *nouns, '--help'], capture_output=True, text=True, check=True, timeout=30).stdout


@functools.cache
def subcommands(program, *nouns):
    if program == QUICKSTART:
        words = re.findall(r'\[--dir D\] ([a-z].*)', help_of(program))
        return set() if nouns else {w for line in words for w in line.split() if NAME.fullmatch(w)}
    parts = re.split(r'^(\S.*):$', help_of(program, *nouns), flags=re.MULTILINE)
    lists = (text for title, text in zip(parts[1::2], parts[2::2]) if title in ('Subcommands', 'Not available yet'))
    return {name for text in lists for name in re.findall(r'^  ([a-z][a-z-]*)', text, re.MULTILINE)}


def options(program, *nouns):
    text = help_of(program, *nouns).split('\nExamples:')[0]
    return set(OPTION.findall(text)) | {'--help'}


def nouns_of(program, words):
    """The words that choose the command, and the one after them that should but does not."""
    nouns = []
    for word in words:
        known = subcommands(program, *nouns)
        if known and NAME.fullmatch(word) and word not in known:
            return nouns, word
        if word not in known:
            break
        nouns.append(word)
    return nouns, None


def without_options_in_front(words):
    """All of them but --quiet have a value."""
    while words and words[0].startswith('-'):
        words = words[1 if words[0] == '--quiet' or '=' in words[0] else 2:]
    return words


def faults_of(program, words):
    nouns, unknown = nouns_of(program, without_options_in_front(words))
    known = options(program) | (options(program, *nouns) if program != QUICKSTART else set())
    return [unknown] * bool(unknown) + [o for w in words for o in OPTION.findall(w.split('=')[0]) if o not in known]


# ---- What the pages say

def calls(line):
    """(program, its words) for each call of one of ours in a line of shell."""
    lexer = shlex.shlex(line, posix=True, punctuation_chars='|&;<>')
    lexer.whitespace_split = True
    command = []
    for word in [*lexer, ';']:
        if word[0] not in '|&;<>':
            command.append(word)
            continue
        while command and re.match(r'[A-Z_]+=', command[0]):
            command.pop(0)
        name = command[0].removeprefix('./') if command else ''
        if name == QUICKSTART:
            yield QUICKSTART, command[1:]
        elif name.rsplit('/', 1)[-1] in ('holdfast', 'holdfastd'):
            yield name.rsplit('/', 1)[-1], command[1:]
        command = []


def lines_of_shell(text):
    for kind, block in FENCE.findall(text):
        if kind == 'sh':
            yield from block.replace('\\\n', ' ').splitlines()
    yield from (code for code in CODE.findall(FENCE.sub('', text)) if code.count("'") % 2 == 0)


def rows_of_commands(text):
    """(commands, explanation) for each row of the tables whose first column is `command`."""
    for table in re.findall(r'^\| command \|.*\n\|[-| ]+\|\n((?:\|.*\n)+)', text, re.MULTILINE):
        for row in table.splitlines():
            _, commands, explanation = row.split('|', 2)
            yield CODE.findall(commands), explanation


def named_tests(text):
    """(file, test) for code that names a test after code that names its file, within one line."""
    for line in text.splitlines():
        file = None
        for code in CODE.findall(line):
            if code.startswith('tests/') and ' ' not in code:
                file = code
                yield file, None
            elif re.fullmatch(r'[A-Z]\w*\.[A-Z]\w*|test_\w+', code):
                yield file, code


def has_test(file, name):
    if name.startswith('test_'):
        return re.search(rf'^    def {name}\(self', text_of(file), re.MULTILINE) is not None
    suite, case = name.split('.')
    return re.search(rf'^(TYPED_)?TEST(_F|_P)?\({suite},\s*{case}\)', text_of(file), re.MULTILINE) is not None


class DocsTest(unittest.TestCase):
    def test_links_lead_to_files(self):
        for page in pages():
            for target in re.findall(r'\]\(([^)\s]+)\)', text_of(page)):
                if not re.match(r'[a-z]+:|#', target):
                    with self.subTest(page=str(page), link=target):
                        self.assertTrue((CHECKOUT / page.parent / target.split('#')[0]).exists())

    def test_pages_that_are_named_exist(self):
        for page in pages():
            for named in set(re.findall(r'\bdocs/[\w/-]+\.md\b', text_of(page))):
                with self.subTest(page=str(page), named=named):
                    self.assertTrue((CHECKOUT / named).exists())

    def test_tests_that_are_named_exist(self):
        named = [(page, file, name) for page in pages() for file, name in named_tests(text_of(page))]
        self.assertGreater(len(named), 100)
        for page, file, name in named:
            with self.subTest(page=str(page), file=file, test=name):
                self.assertTrue(file and (CHECKOUT / file).exists(), 'no such file')
                self.assertTrue(name is None or has_test(file, name), 'no such test')

    def test_the_programs_know_the_commands(self):
        found = [(page, line, call) for page in WITH_COMMANDS if (CHECKOUT / page).exists()
                 for line in lines_of_shell(text_of(page)) for call in calls(line)]
        self.assertGreater(len(found), 10)
        for page, line, call in found:
            with self.subTest(page=page, line=line):
                self.assertEqual(faults_of(*call), [])

    def test_the_programs_know_the_tables_of_commands(self):
        rows = [row for page in WITH_COMMANDS if (CHECKOUT / page).exists() for row in rows_of_commands(text_of(page))]
        self.assertGreater(len(rows), 10)
        for commands, explanation in rows:
            words = [shlex.split(command) for command in commands if '/' not in command]
            with self.subTest(commands=commands):
                self.assertEqual([fault for w in words for fault in faults_of('holdfast', w)], [])
                known = {o for w in words for o in options('holdfast', *nouns_of('holdfast', w)[0])}
                said = set(OPTION.findall(explanation)) if words else set()
                self.assertEqual(said - known, set())

    def test_the_page_of_the_command_line_names_all_commands(self):
        codes = CODE.findall(text_of('docs/reference/cli.md'))
        for noun in subcommands('holdfast'):
            for verb in subcommands('holdfast', noun) or {''}:
                name = f'{noun} {verb}'.strip()
                with self.subTest(command=name):
                    self.assertTrue(any(code == name or code.startswith(name + ' ') for code in codes))


class TheChecksThemselvesTest(unittest.TestCase):
    def test_wrong_commands_are_found(self):
        for line in ('holdfast stauts', 'holdfast user ad x', 'holdfast user add x --rol administrator',
                     'deploy/quickstart --port 7', 'deploy/quickstart --dir D begin-node 1', 'A=1 holdfast lst',
                     'cat x | holdfast --adr y status', '"$HOLDFAST_BIN/holdfast" node lst; true', 'holdfastd --konfig x'):
            with self.subTest(line=line):
                self.assertNotEqual([fault for call in calls(line) for fault in faults_of(*call)], [])

    def test_right_commands_pass(self):
        for line in ('deploy/quickstart --dir D start-node 1', 'holdfast --output json user add x --role y > file',
                     'A=1 true && holdfast share grant --user U --level view'):
            with self.subTest(line=line):
                self.assertEqual([faults_of(*call) for call in calls(line)], [[]])

    def test_missing_tests_are_found(self):
        self.assertFalse(has_test('tests/e2e/docs_test.py', 'test_that_is_not_there'))
        self.assertTrue(has_test('tests/e2e/docs_test.py', 'test_missing_tests_are_found'))


if __name__ == '__main__':
    unittest.main()
