#!/usr/bin/env python3
"""The house rules that a machine can check, so that review talks about meaning.

usage: style.py [ROOT]    prints `file:line: rule: what is wrong`, exits 1 if there is any
"""

import ast
import collections
import pathlib
import re
import shutil
import subprocess
import sys

import cpp_text
import rooms

FUNCTION_LINES_MAX = 70
FILE_LINES_MAX = 600

# Which include belongs to which rooms. A room's unit tests (tests/unit/<room>) count as the room.
CONFINED = (
    ('OpenSSL', r'openssl/', ('server/crypto', 'api/http', 'api/client')),
    ('Asio TLS', r'boost/asio/ssl', ('server/crypto', 'api/http', 'api/client')),
    ('Beast', r'boost/beast', ('api/http', 'api/client')),
    ('SQLite', r'sqlite3', ('server/storage/sqlite',)),
    ('libpqxx', r'pqxx/', ('server/storage/postgres', 'server/connector')),
    ('libssh', r'libssh/', ('api/ssh', 'server/connector')),
    ('gRPC', r'(?:grpc|grpcpp|grpc\+\+)/|.*\.grpc\.pb\.h', ('replication/peer', 'replication/lease')),
    ('CLI11', r'CLI/', ('api/cli', 'server/app')),
    ('toml++', r'toml\+\+/', ('server/setup',)),
    ('spdlog', r'spdlog/', ('server/observe',)),
    ('prometheus-cpp', r'prometheus/', ('server/observe',)),
)
CLOCK_ROOMS = ('server/app', 'api/cli', 'tests/support')
CLOCK = re.compile(
    r'::now\s*\(|\bclock_gettime\s*\(|\bgettimeofday\s*\(|\btime\s*\(\s*(?:nullptr|NULL|0)\s*\)')
SLEEP = re.compile(r'\bsleep_(?:for|until)\b|\bu?sleep\s*\(|\bnanosleep\s*\(')
INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*[<"]([^>"\n]+)[>"]', re.MULTILINE)
UNFINISHED = re.compile(r'\b(?:FIX' r'ME|TO' r'DO|XX' r'X)\b')
DEVELOPER_PATH = re.compile(r'(?:^|[\s"\'=(`:<])(/(?:home|root|Users|work|workspace)/[\w.-]+)')
CPP = {'.h', '.cc', '.c', '.cpp', '.hpp'}
SOURCE = CPP | {'.py', '.sh', '.proto', '.cmake'}
PLANTED = 'tests/style/planted_faults.txt'

Fault = collections.namedtuple('Fault', 'path line rule text')


class Source:
    def __init__(self, root, path):
        self.path = path
        self.file = root / path
        self.text = self.file.read_text(encoding='utf-8', errors='replace')
        self.suffix = self.file.suffix
        self.is_cpp = self.suffix in CPP
        first = self.text.split('\n', 1)[0]
        self.is_shell = self.suffix == '.sh' or bool(re.match(r'#!.*\b(?:bash|sh)$', first))
        self.is_python = self.suffix == '.py' or bool(re.match(r'#!.*\bpython3?$', first))

    def within(self, rooms):
        """Whether the file is of one of the rooms, or of their unit tests."""
        return any(self.path.startswith((room + '/', 'tests/unit/' + room + '/')) for room in rooms)

    def line_of(self, offset):
        return self.text.count('\n', 0, offset) + 1

    def fault(self, line, rule, text):
        return Fault(self.path, line, rule, text)

    def matches(self, pattern, text):
        return ((self.line_of(m.start(m.lastindex or 0)), m) for m in pattern.finditer(text))


def confined_libraries(source):
    if not source.is_cpp:
        return
    for line, match in source.matches(INCLUDE, cpp_text.without_comments(source.text)):
        for name, pattern, rooms in CONFINED:
            if re.match(pattern, match.group(1)) and not source.within(rooms):
                yield source.fault(line, 'library', f'{name} is confined to {", ".join(rooms)}')


def clocks(source):
    if source.is_cpp and not source.path.startswith(tuple(r + '/' for r in CLOCK_ROOMS)):
        for line, match in source.matches(CLOCK, cpp_text.code_only(source.text)):
            yield source.fault(line, 'clock', f'{match.group().strip()}: take a Clock or a time argument')


def sleeps(source):
    if source.is_cpp and source.path.startswith('tests/'):
        for line, _ in source.matches(SLEEP, cpp_text.code_only(source.text)):
            yield source.fault(line, 'sleep', 'a test waits for a condition or moves a manual clock')


def function_lengths(source):
    for name, first, last in _functions(source):
        if last - first + 1 > FUNCTION_LINES_MAX:
            yield source.fault(first, 'function-length', f'{name} has {last - first + 1} lines, at most '
                               f'{FUNCTION_LINES_MAX}')


def _functions(source):
    if source.is_cpp:
        return cpp_text.functions(source.text)
    if source.is_python:
        kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
        return [(n.name, n.lineno, n.end_lineno) for n in ast.walk(ast.parse(source.text))
                if isinstance(n, kinds)]
    if source.is_shell:
        body = re.compile(r'^(?:function\s+)?([\w-]+)\s*\(\)\s*\{.*?^\}', re.MULTILINE | re.DOTALL)
        return [(m.group(1), source.line_of(m.start()), source.line_of(m.end()))
                for m in body.finditer(source.text)]
    return []


def file_length(source):
    code = source.suffix in SOURCE or source.is_shell or source.is_python
    lines = source.text.count('\n')
    if code and lines > FILE_LINES_MAX:
        yield source.fault(lines, 'file-length', f'{lines} lines, at most {FILE_LINES_MAX}')


def unfinished(source):
    for line, match in source.matches(UNFINISHED, source.text):
        yield source.fault(line, 'unfinished', f'{match.group()}: do it, or say it in docs/status.md')


def developer_paths(source):
    for line, match in source.matches(DEVELOPER_PATH, source.text):
        yield source.fault(line, 'path', f'{match.group(1)} is a path of one machine')


def include_guard(source):
    if source.suffix not in ('.h', '.hpp'):
        return
    want = 'HOLDFAST_' + re.sub(r'[^A-Z0-9]', '_', source.path.upper()) + '_'
    guard = re.search(r'^#ifndef (\w+)\n#define (\w+)\n', source.text, re.MULTILINE)
    if not guard or guard.group(1) != want or guard.group(2) != want:
        got = guard.group(1) if guard else 'none'
        yield source.fault(1, 'guard', f'include guard: expected {want}, got {got}')


def syntax(source):
    if source.is_shell:
        run = subprocess.run(['bash', '-n', source.file], capture_output=True, text=True, check=False)
        if run.returncode != 0:
            line = re.search(r'line (\d+)', run.stderr)
            yield source.fault(int(line.group(1)) if line else 1, 'shell', run.stderr.strip())


SOURCE_RULES = (confined_libraries, clocks, sleeps, function_lengths, file_length, unfinished,
                developer_paths, include_guard, syntax)


def room_readmes(paths):
    present = set(paths)
    for path in paths:
        room = path.rpartition('/')[0]
        if (path.endswith('/CMakeLists.txt') and re.match(r'(?:server|replication|api)/.', room)
                and room + '/README.md' not in present):
            yield Fault(path, 1, 'readme', f'{room} has no README.md')


def arrows(root, paths):
    house = rooms.Rooms(lambda path: (root / path).read_text(encoding='utf-8', errors='replace'), paths)
    for path in paths:
        room = house.room_of(path) if pathlib.PurePath(path).suffix in CPP else None
        if not room:
            continue
        source = Source(root, path)
        for line, match in source.matches(INCLUDE, cpp_text.without_comments(source.text)):
            other = house.room_of(match.group(1))
            if other and not house.may_include(room, other):
                yield source.fault(line, 'arrow', f'{room} includes {other}, but does not link it')


def clang_format(root, paths):
    if not shutil.which('clang-format'):
        yield Fault('deploy/dev/packages-test', 1, 'format', 'clang-format is not installed')
        return
    wanted = [p for p in paths if pathlib.PurePath(p).suffix in CPP]
    for i in range(0, len(wanted), 50):
        run = subprocess.run(['clang-format', '--dry-run', '-Werror', *wanted[i:i + 50]], cwd=root,
                             capture_output=True, text=True, check=False)
        seen = set()
        for match in re.finditer(r'^(\S+?):(\d+):\d+: error: (.*)$', run.stderr, re.MULTILINE):
            if match.group(1) not in seen:
                seen.add(match.group(1))
                yield Fault(match.group(1), int(match.group(2)), 'format', 'clang-format -i changes it')
        if run.returncode != 0 and not seen:
            yield Fault('.clang-format', 1, 'format', run.stderr.strip())


def files(root):
    """What the repository holds or would hold: nothing ignored, nothing built."""
    git = subprocess.run(['git', '-C', root, 'ls-files', '-co', '--exclude-standard', '-z'],
                         capture_output=True, text=True, check=False)
    if git.returncode == 0 and git.stdout:
        found = [p for p in git.stdout.split('\0') if p]
    else:
        found = [str(p.relative_to(root)) for p in root.rglob('*')
                 if not p.relative_to(root).parts[0] in ('build', '.git', '.holdfast', '.cache')]
    return sorted(p for p in set(found) if (root / p).is_file() and p != PLANTED)


def check(root):
    root = pathlib.Path(root).resolve()
    paths = files(root)
    faults = [*room_readmes(paths), *arrows(root, paths), *clang_format(root, paths)]
    for path in paths:
        if b'\0' in (root / path).read_bytes()[:8192]:
            continue
        source = Source(root, path)
        for rule in SOURCE_RULES:
            try:
                faults.extend(rule(source))
            except SyntaxError as error:
                faults.append(Fault(path, error.lineno or 1, 'python', error.msg))
    return sorted(set(faults))


def main(argv):
    root = argv[1] if len(argv) > 1 else pathlib.Path(__file__).parents[2]
    faults = check(root)
    for fault in faults:
        print(f'{fault.path}:{fault.line}: {fault.rule}: {fault.text}')
    return 1 if faults else 0


if __name__ == '__main__':
    sys.exit(main(sys.argv))
