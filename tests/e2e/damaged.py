"""A stopped node's folder, copied, damaged, and given to a holdfastd of its own: the node itself stays whole."""

import contextlib
import pathlib
import shutil
import sqlite3
import subprocess
import tempfile

import cluster as processes


class Copy:
    """Same configuration and ports as the stopped node, another folder."""

    def __init__(self, cluster, k):
        self._folder = tempfile.mkdtemp(prefix='holdfast-copy-')
        self.data = pathlib.Path(self._folder) / 'data'
        self.log_file = pathlib.Path(self._folder) / 'holdfastd.log'
        self.config = pathlib.Path(self._folder) / 'holdfastd.toml'
        shutil.copytree(cluster.data(k), self.data)
        text = (cluster.data(k).parent / 'holdfastd.toml').read_text()
        for old, new in ((cluster.data(k), self.data), (cluster.node(k, 'LOG'), self.log_file)):
            assert str(old) in text
            text = text.replace(str(old), str(new))
        self.config.write_text(text)

    def close(self):
        shutil.rmtree(self._folder, ignore_errors=True)

    @property
    def store(self):
        return self.data / 'vault.db'

    def segment(self):
        """The segment of the journal that holds records."""
        return sorted((self.data / 'journal').glob('*.segment'))[-1]

    def flip(self, file, offset, bit=2):
        with open(file, 'r+b') as out:
            out.seek(offset)
            byte = out.read(1)[0]
            out.seek(offset)
            out.write(bytes([byte ^ (1 << bit)]))

    def sql(self, statement, *values):
        """By hand, beside Holdfast; the WAL goes into the file, as sqlite3 does when it ends."""
        with contextlib.closing(sqlite3.connect(self.store)) as store:
            with store:
                changed = store.execute(statement, values).rowcount
        return changed

    def contents(self):
        """Every file that a refused start must leave as it found it; locks are empty and may come."""
        return {str(f.relative_to(self.data)): f.read_bytes() for f in sorted(self.data.rglob('*'))
                if f.is_file() and f.suffix not in ('.lock', '.db-shm') and f.name != 'lock' and f.stat().st_size}

    def serve(self, seconds=30):
        """(exit code, standard error) of a holdfastd that must end by itself; None: it went on and was ended."""
        daemon = subprocess.Popen([str(processes.PROGRAMS / 'holdfastd'), '--config', str(self.config)],
                                  stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        try:
            _, error = daemon.communicate(timeout=seconds)
            return daemon.returncode, error.decode()
        except subprocess.TimeoutExpired:
            daemon.terminate()
            daemon.communicate()
            return None, self.log_file.read_text()
