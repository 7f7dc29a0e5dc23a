"""C++ text as the rules see it: without comments and literals, and cut into functions.

This is no parser. It knows as much of the language as the house's own style uses.
"""

import re

_TOKEN = re.compile(
    r'//[^\n]*'
    r'|/\*.*?\*/'
    r'|R"(?P<tag>[^\s()\\]{0,16})\(.*?\)(?P=tag)"'
    r'|"(?:\\.|[^"\\\n])*"'
    r"|(?<![0-9A-Fa-f])'(?:\\.|[^'\\\n])+'",
    re.DOTALL,
)


def without_comments(text):
    """The text with comments blanked, literals kept; every line keeps its number."""
    return _TOKEN.sub(lambda m: _blank(m) if m.group().startswith('/') else m.group(), text)


def code_only(text):
    """The text with comments and the inside of literals blanked; every line keeps its number."""
    return _TOKEN.sub(lambda m: _blank(m) if m.group().startswith('/') else '""' + _blank(m)[2:], text)


def _blank(match):
    return re.sub(r'[^\n]', ' ', match.group())


_CONTAINER = re.compile(
    r'^(?:template\s*<.*>\s*)?(?:inline\s+)?(?:namespace|class|struct|union|enum|extern)\b', re.DOTALL)
_INIT_LIST = re.compile(r'\)\s*(?:noexcept\s*)?:(?!:)')
_AFTER_PARAMETERS = {'const', 'noexcept', 'override', 'final', 'mutable', 'try'}


class FunctionCutter:
    """Finds functions: (name of the head, first line, last line)."""

    def __init__(self, text):
        code = re.sub(r'^[ \t]*#(?:.*\\\n)*.*$', _blank, code_only(text), flags=re.MULTILINE)
        self._code = code
        self._found = []

    def cut(self):
        code, start, i = self._code, 0, 0
        while i < len(code):
            char = code[i]
            if char == '{':
                head = code[start:i].strip()
                if self._opens_value(head):
                    i = self._match(i)
                elif _CONTAINER.match(head) and not head.endswith(')'):
                    start = i + 1
                else:
                    end = self._match(i)
                    if '(' in head:
                        self._add(start, end)
                    start, i = end + 1, end
            elif char in ';}':
                start = i + 1
            i += 1
        return self._found

    @staticmethod
    def _opens_value(head):
        """Whether the brace after `head` starts a value and not a body."""
        if not head or _CONTAINER.match(head):
            return False
        if '(' not in head or head[-1] in '(,=[':
            return True
        word = re.search(r'(\w+|>)$', head)
        return bool(_INIT_LIST.search(head) and word and word.group() not in _AFTER_PARAMETERS)

    def _match(self, opening):
        depth = 0
        for i in range(opening, len(self._code)):
            depth += {'{': 1, '}': -1}.get(self._code[i], 0)
            if depth == 0:
                return i
        return len(self._code) - 1

    def _add(self, start, end):
        raw = self._code[start:end]
        first = start + len(raw) - len(raw.lstrip())
        name = re.search(r'([\w:~]+)\s*\(', raw)
        lines = (self._code.count('\n', 0, first) + 1, self._code.count('\n', 0, end) + 1)
        self._found.append((name.group(1) if name else 'a lambda',) + lines)


def functions(text):
    return FunctionCutter(text).cut()
