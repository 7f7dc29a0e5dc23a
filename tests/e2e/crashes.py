"""A node that ends itself at a crash point, and what clients see meanwhile: writers that remember what was
acknowledged, and a reader for each node that notices a failed read or a position that goes back."""

import contextlib
import http.client
import os
import pathlib
import shutil
import sqlite3
import struct
import subprocess
import tempfile
import threading
import zlib

import cluster as processes
from cluster import wait_for
from load import Clients, Connection

WRITERS = 4
WRITES_EACH = 200  # All names of a point fit into one page of a listing.
PAUSE_S = 0.02


class Kept:
    """What a node that does not run has on disk: the positions and the promises that it must not go back behind."""

    def __init__(self, cluster, k):
        applied, promises = self._from_postgres(cluster, k) if cluster.store == 'postgres' else self._from_sqlite(cluster, k)
        slots = (cluster.data(k) / 'committed').read_bytes()
        self.shown = max(applied, *(self._position(slots[at:at + 40]) for at in (0, 512)))
        fields = dict(self._fields(promises))
        self.granted, self.own = (self._number(fields.get(field, b'')) for field in (1, 2))

    @staticmethod
    def _from_sqlite(cluster, k):
        with tempfile.TemporaryDirectory() as copy:  # A reader would change the files' shared memory.
            for file in cluster.data(k).glob('vault.db*'):
                shutil.copy(file, copy)
            with contextlib.closing(sqlite3.connect(pathlib.Path(copy) / 'vault.db')) as store:
                promises = store.execute("SELECT value FROM facts WHERE name = 'epochs'").fetchone()
                return store.execute('SELECT applied_epoch, applied_seq FROM meta').fetchone(), (promises or (b'',))[0]

    @staticmethod
    def _from_postgres(cluster, k):
        applied = cluster.sql(k, 'SELECT applied_epoch, applied_seq FROM meta')
        promises = cluster.sql(k, "SELECT encode(value, 'hex') FROM facts WHERE name = 'epochs'")
        return tuple(map(int, applied.split('|'))), bytes.fromhex(promises)

    @staticmethod
    def _position(slot):
        """Of a slot of the file `committed` (docs/formats/node.md); (0, 0) when it is not whole."""
        mark, _, epoch, seq, crc = struct.unpack('<8sQQQI', slot[:36].ljust(36, b'\0'))
        return (epoch, seq) if mark == b'HFCMT001' and crc == zlib.crc32(slot[:32]) else (0, 0)

    @classmethod
    def _fields(cls, message):
        """(number, value) of the fields of a serialized message that holds varints and bytes only."""
        at = 0
        while at < len(message):
            key, at = cls._varint(message, at)
            value, at = cls._varint(message, at)
            if key & 7 == 2:
                value, at = message[at:at + value], at + value
            yield key >> 3, value

    @staticmethod
    def _varint(message, at):
        value = shift = 0
        while True:
            value |= (message[at] & 127) << shift
            shift, at = shift + 7, at + 1
            if message[at - 1] < 128:
                return value, at

    @classmethod
    def _number(cls, epoch):
        return dict(cls._fields(epoch)).get(1, 0)


class Armed:
    """A holdfastd with a crash point armed; it must end by the point's own SIGKILL. Use as a context."""

    def __init__(self, cluster, k, point, then=lambda: None):
        """`then`: what to look at once it is dead."""
        self._point, self._then = point, then
        self._log = lambda: cluster.log(k)
        self._console = open(cluster.data(k).parent / 'armed.log', 'ab')
        self._process = subprocess.Popen(
            [processes.PROGRAMS / 'holdfastd', '--config', cluster.data(k).parent / 'holdfastd.toml'],
            env={**os.environ, 'HOLDFAST_CRASH_POINT': point}, stdin=subprocess.DEVNULL,
            stdout=self._console, stderr=self._console)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()
        self._console.close()

    def wait_for(self, what, condition):
        """While the node runs: one that does not start, or dies too early, is told at once."""
        def running():
            if self._process.poll() not in (None, -9):
                raise AssertionError(self._ended())
            return condition()
        wait_for(what, running)

    def wait_for_death(self, seconds=30):
        try:
            code = self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            raise AssertionError(f'{self._point} was not passed within {seconds} s') from None
        if code != -9:
            raise AssertionError(self._ended())
        self._then()

    def _ended(self):
        return f'{self._point}: expected the end by signal 9, got {self._process.poll()}: {self._log()[-1000:]}'


class LastingClients(Clients):
    """Threads that go on over the death of the node they talk to."""

    def _run(self, cluster, k, token, work):
        """`work` again and again on a connection, and on a new one after an error. False ends it."""
        connection = None
        while not self._end.is_set():
            try:
                connection = connection or Connection(cluster, k, token)
                if not work(connection):
                    break
            except (OSError, http.client.HTTPException) as error:
                self._lost(error)
                if connection:
                    connection.close()
                connection = None
                self._end.wait(PAUSE_S)
        if connection:
            connection.close()

    def _lost(self, error):
        pass


class Writers(LastingClients):
    """They add accounts to a resource through node `k`."""

    def __init__(self, cluster, k, resource, secret):
        super().__init__()
        self.acknowledged = {}  # name -> position
        self._path, self._secret = f'/v1/resources/{resource}/accounts', secret
        self._threads = [threading.Thread(target=self._run, args=(
            cluster, k, cluster.env['HOLDFAST_TOKEN'], self._writer(w))) for w in range(WRITERS)]

    def _writer(self, writer):
        count = 0

        def work(connection):
            nonlocal count
            count += 1
            name = f'{writer}-{count}'
            status, _ = connection.call('POST', self._path, {'name': name, 'secret': self._secret})
            if status == 201:
                with self._lock:
                    self.acknowledged[name] = connection.position
            else:  # No primary, too few secondaries, outcome unknown: said, and not counted.
                self._end.wait(PAUSE_S)
            return count < WRITES_EACH
        return work

    def count(self):
        with self._lock:
            return len(self.acknowledged)

    def last(self):
        with self._lock:
            return max(self.acknowledged.values(), default=(0, 0))

    def wait_for_more(self):
        """Writes go on, if there is anything left to write."""
        now = self.count()
        wait_for('writes go on', lambda: self.count() > now + 5 or not any(t.is_alive() for t in self._threads))


class Reader(LastingClients):
    """It reads one secret from node `k`. While the node is meant to be up, no read may fail; positions never go back."""

    def __init__(self, cluster, k):
        super().__init__()
        self.failures, self.reads, self.up = [], 0, True
        self._k, self._secret = k, cluster.secrets['demo secret']
        self._where = cluster.env['HOLDFAST_RESOURCE'], cluster.env['HOLDFAST_ACCOUNT']
        self._shown = (0, 0)
        self._threads = [threading.Thread(target=self._run, args=(cluster, k, None, self._read))]

    def _read(self, connection):
        got = connection.secret(*self._where)
        if got != self._secret:
            self.failures.append(f'node {self._k}: a read was answered {got!r}')
        position = connection.position or (0, 0)
        if position < self._shown:
            self.failures.append(f'node {self._k}: {position} after {self._shown} was shown')
        self._shown = position
        self.reads += 1
        self._end.wait(PAUSE_S / 4)
        return True

    def shown(self):
        """The newest position that the node has shown."""
        return self._shown

    def take_failures(self):
        """Each is told once, so that one broken test does not break those after it."""
        taken, self.failures = self.failures, []
        return taken

    def must_show(self, position):
        """The node has acknowledged it, and so has shown it."""
        self._shown = max(self._shown, position)

    def _lost(self, error):
        if self.up:
            self.failures.append(f'node {self._k}: a read failed: {error!r}')

    def wait_for_reads(self):
        seen = self.reads
        wait_for(f'reads from node {self._k}', lambda: self.reads > seen + 1)
