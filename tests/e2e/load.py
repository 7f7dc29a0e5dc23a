"""Threads of clients, and the load of reads without a pause that clients in production make: what fails is counted."""

import http.client
import json
import ssl
import threading
import time
import urllib.parse


class Connection:
    """One keep-alive TLS connection to a node's REST port; it never connects again by itself."""

    def __init__(self, cluster, k, token=None):
        url = urllib.parse.urlsplit(cluster.node(k, 'URL'))
        context = ssl.create_default_context(cafile=cluster.env['HOLDFAST_CACERT'])
        self._http = http.client.HTTPSConnection(url.hostname, url.port, context=context, timeout=15)
        self._http.auto_open = 0
        self._token = token or cluster.env['HOLDFAST_API_TOKEN']
        self.position = None  # (epoch, seq) of the last answer
        self._http.connect()

    def close(self):
        self._http.close()

    def call(self, method, path, body=None):
        """(status, body; parsed if it is JSON)."""
        text = None if body is None else json.dumps(body)
        self._http.request(method, path, text, {'AUTHTOKEN': self._token, 'Content-Type': 'application/json'})
        answer = self._http.getresponse()
        raw = answer.read()
        if position := answer.getheader('X-Holdfast-Position'):
            self.position = tuple(int(number) for number in position.split('.'))
        is_json = answer.getheader('Content-Type', '').startswith('application/json')
        return answer.status, json.loads(raw) if is_json else raw

    def secret(self, resource, account):
        """The secret, or None when refused."""
        status, answer = self.call('GET', '/v1/secret?' + urllib.parse.urlencode(
            {'resource': resource, 'account': account}))
        return answer['secret'] if status == 200 else None


class Clients:
    """Threads that work until the context ends; a subclass fills `_threads`, each of which watches `_end`."""

    def __init__(self):
        self._end = threading.Event()
        self._lock = threading.Lock()
        self._threads = []

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self._end.set()
        for thread in self._threads:
            thread.join()


class ReadLoad(Clients):
    """Threads that read one secret from node `k`: SSH with a new connection each, REST with a new one each,
    and REST on one connection that must live through everything. Use as a context."""

    def __init__(self, cluster, k, secret):
        super().__init__()
        env = cluster.env
        self._cluster, self._k, self._secret = cluster, k, secret
        self._where = env['HOLDFAST_RESOURCE'], env['HOLDFAST_ACCOUNT']
        self.reads, self.failures, self.slowest = {}, [], 0.0
        self._threads = [threading.Thread(target=self._run, args=way) for way in (
            ('ssh', self._over_ssh), ('ssh', self._over_ssh), ('rest', self._over_rest), ('kept', None))]

    def count(self, name):
        with self._lock:
            return self.reads.get(name, 0)

    def _over_ssh(self):
        got = self._cluster.ssh(self._k, *self._cluster.retrieve_words())
        return got.stdout[:-2].decode() if got.returncode == 0 else f'exit {got.returncode}: {got.stderr.decode()}'

    def _over_rest(self):
        connection = Connection(self._cluster, self._k)
        try:
            return connection.secret(*self._where)
        finally:
            connection.close()

    def _run(self, name, read):
        kept = None
        if read is None:
            kept = Connection(self._cluster, self._k)
            read = lambda: kept.secret(*self._where)
        while not self._end.is_set():
            began = time.monotonic()
            try:
                got = read()
            except Exception as error:  # Whatever it was: a read has failed, and that is counted.
                got = repr(error)
            with self._lock:
                self.reads[name] = self.reads.get(name, 0) + 1
                self.slowest = max(self.slowest, time.monotonic() - began)
                if got != self._secret:
                    self.failures.append((name, got))
            if name == 'kept':
                self._end.wait(0.005)
        if kept:
            kept.close()
