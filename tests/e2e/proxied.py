"""Nodes on loopback, for where namespaces are not to be had: a proxy (links.py) stands for the ways between their peer ports,
and a preloaded wrapper for a full disk. Clients reach the nodes as they are."""

import json
import os
import pathlib
import subprocess
import sys

from cluster import PROGRAMS, reserve_ports

WRAPPERS = pathlib.Path(os.environ.get('HOLDFAST_WRAPPERS', PROGRAMS.parent / 'tests/e2e'))
OFFSETS = {'rest': 1, 'ssh': 2, 'peer': 3, 'health': 4}


class Proxied:
    def __init__(self, nodes):
        self._disks = {}
        self._holder, self._base = reserve_ports(len(nodes))
        targets = {f'{a}-{b}': self._port(b, 'peer') for a in nodes for b in nodes if a != b}
        self._proxy = subprocess.Popen([sys.executable, pathlib.Path(__file__).with_name('links.py'), json.dumps(targets)],
                                       stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        begins = json.loads(self._proxy.stdout.readline())
        self._dials = {a: ','.join(f'{targets[f"{a}-{b}"]}={begins[f"{a}-{b}"]}' for b in nodes if a != b) for a in nodes}

    def _port(self, k, port):
        return self._base + 10 * (k - 1) + OFFSETS[port]

    def address(self, k, port):
        return f'127.0.0.1:{self._port(k, port)}'

    def words(self, k):
        return []

    def environment(self, k):
        environment = {'DIAL_THROUGH': self._dials[k]}
        wrappers = [WRAPPERS / 'libdial_through.so']
        if k in self._disks:
            environment |= {'NO_ROOM_FOLDER': f'{self._disks[k]}/', 'NO_ROOM_FILE': str(self._full(k))}
            wrappers.append(WRAPPERS / 'libno_room.so')
        missing = [str(wrapper) for wrapper in wrappers if not wrapper.exists()]
        if missing:  # The loader would start the node without them, and nothing would ever be cut.
            raise AssertionError(f'not built: {missing}; HOLDFAST_WRAPPERS names the folder')
        return {'LD_PRELOAD': ':'.join(map(str, wrappers)), **environment}

    # ---- links

    def _order(self, *words):
        self._proxy.stdin.write(json.dumps(words) + '\n')
        self._proxy.stdin.flush()
        if self._proxy.stdout.readline() != 'done\n':
            raise AssertionError('the proxy has ended')

    def cut(self, a, b):
        self._order('cut', a, b)

    def heal(self, a, b):
        self._order('heal', a, b)

    def break_links(self, a, b):
        self._order('break', a, b)

    def slow(self, k, bytes_a_second):
        self._order('slow', k, bytes_a_second)

    def fast(self, k):
        self._order('slow', k, 0)

    # ---- disks

    def make_disk(self, k, folder):
        self._disks[k] = folder

    def _full(self, k):
        return self._disks[k].with_name(f'full-{k}')

    def fill_disk(self, k):
        self._full(k).touch()

    def free_disk(self, k):
        self._full(k).unlink()

    def close(self):
        self._proxy.stdin.close()
        self._proxy.wait()
        self._proxy.stdout.close()
        self._holder.close()
