"""Nodes in network namespaces, with disks of their own. The process that uses this must be alone in a network and a mount
namespace (separate_nodes.enter sees to it); it is the hub: a bridge with one virtual link to each node."""

import os
import subprocess

from cluster import wait_for

HUB = '10.77.0.254'
NOWHERE = '02:00:00:00:00:99'  # no interface has it: what is sent there is lost without a word
DISK_MIB = 400  # of a node with a small disk
PORTS = {'rest': 8282, 'ssh': 6622, 'peer': 6630, 'health': 8280}


def ip(*words):
    subprocess.run(['ip', *map(str, words)], check=True, capture_output=True)


class Namespaces:
    """Everything goes with the process."""

    def __init__(self, nodes):
        self._holders, self._disks = {}, {}
        ip('link', 'set', 'lo', 'up')
        ip('link', 'add', 'hub', 'type', 'bridge')
        ip('addr', 'add', f'{HUB}/24', 'dev', 'hub')
        ip('link', 'set', 'hub', 'up')
        for k in nodes:
            self._add(k)

    def _add(self, k):
        own = os.readlink('/proc/self/ns/net')
        holder = self._holders[k] = subprocess.Popen(['unshare', '-n', 'sleep', 'infinity'])
        wait_for('a namespace', lambda: os.readlink(f'/proc/{holder.pid}/ns/net') != own)
        ip('link', 'add', f'hub{k}', 'type', 'veth', 'peer', 'name', 'eth0', 'netns', holder.pid)
        ip('link', 'set', f'hub{k}', 'master', 'hub')
        ip('link', 'set', f'hub{k}', 'up')
        for words in (['addr', 'add', f'{self._host(k)}/24', 'dev', 'eth0'], ['link', 'set', 'eth0', 'up'],
                      ['link', 'set', 'lo', 'up']):
            self._inside(k, 'ip', *words)

    @staticmethod
    def _host(k):
        return f'10.77.0.{k}'

    def address(self, k, port):
        return f'{self._host(k)}:{PORTS[port]}'

    def words(self, k):
        """What a command of node `k` begins with."""
        return ['nsenter', '-t', str(self._holders[k].pid), '-n']

    def environment(self, k):
        return {}

    def _inside(self, k, *words):
        subprocess.run([*self.words(k), *map(str, words)], check=True, capture_output=True)

    # ---- links

    def cut(self, a, b):
        for here, there in ((a, b), (b, a)):
            self._inside(here, 'ip', 'neigh', 'replace', self._host(there), 'lladdr', NOWHERE, 'dev', 'eth0', 'nud', 'permanent')

    def heal(self, a, b):
        for here, there in ((a, b), (b, a)):
            self._inside(here, 'ip', 'neigh', 'del', self._host(there), 'dev', 'eth0')

    def slow(self, k, bytes_a_second):
        subprocess.run(['tc', 'qdisc', 'add', 'dev', f'hub{k}', 'root', 'tbf', 'rate', f'{8 * bytes_a_second}bit', 'burst', '32kb',
                        'latency', '400ms'], check=True, capture_output=True)

    def fast(self, k):
        subprocess.run(['tc', 'qdisc', 'del', 'dev', f'hub{k}', 'root'], check=True, capture_output=True)

    # ---- disks

    def make_disk(self, k, folder):
        self._disks[k] = folder
        subprocess.run(['mount', '-t', 'tmpfs', '-o', f'size={DISK_MIB}m', 'none', folder], check=True)

    def fill_disk(self, k):
        with open(self._disks[k] / 'filler', 'wb') as file:
            try:
                while True:
                    file.write(bytes(1 << 20))
                    file.flush()
            except OSError:
                pass

    def free_disk(self, k):
        (self._disks[k] / 'filler').unlink()

    def close(self):
        for holder in self._holders.values():
            holder.kill()
            holder.wait()
        for folder in self._disks.values():
            subprocess.run(['umount', folder], capture_output=True)
