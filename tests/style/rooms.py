"""What the rooms' CMakeLists.txt say: which room may include which.

CMake refuses a wrong arrow between targets, but every header can be reached from every room. So an
include counts as an arrow here: a room includes itself and what it links, directly or through others.
"""

import re

_MODULE = re.compile(r'holdfast_(?:module|program)\s*\(\s*NAME\s+(\S+)([^)]*)\)')
_WORD = re.compile(r'^(?:NAME|LAYER|SRCS|DEPS|LIBS|ONLY_HERE)$')


class Rooms:
    def __init__(self, read, paths):
        """`read` gives the text of one of `paths`."""
        self._links = {}   # room folder -> names of modules that it links
        self._folder = {}  # module name -> room folder
        for path in paths:
            if path.endswith('/CMakeLists.txt'):
                self._add(path.rpartition('/')[0], re.sub(r'#.*', '', read(path)))

    def _add(self, folder, text):
        for name, words in _MODULE.findall(text):
            self._folder[name] = folder
            links, taking = self._links.setdefault(folder, set()), False
            for word in words.split():
                if _WORD.match(word):
                    taking = word == 'DEPS'
                elif taking:
                    links.add(word)

    def room_of(self, path):
        """The innermost room that holds the file, or None."""
        folder = path
        while '/' in folder:
            folder = folder.rpartition('/')[0]
            if folder in self._links:
                return folder
        return None

    def may_include(self, room, other):
        return other == room or other in self._reached(room)

    def _reached(self, room):
        reached, todo = set(), [room]
        while todo:
            for name in self._links.get(todo.pop(), ()):
                folder = self._folder.get(name)
                if folder and folder not in reached:
                    reached.add(folder)
                    todo.append(folder)
        return reached
