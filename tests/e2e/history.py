"""Clients that write and read while things break, and the judgement over what they saw.

Every writer owns one account and sets its secret to values that count up. A write that is not
answered, or is answered "outcome unknown", is sent again under its idempotency key until it is known.
Judged, for the level durable:K and policy block:

  - an acknowledged write is there in the end, on every node: the last value is not older;
  - what one node shows never goes back, not even over a restart of it;
  - a read that demands the position of an acknowledged write shows that write, or is refused;
    that position is never lost (409);
  - no value is shown that nobody wrote;
  - a node that nothing was done to answers every plain read.
"""

import collections
import http.client
import json
import random
import ssl
import threading
import time
import urllib.parse

CALL_S = 7.0  # a write may wait 5 s for its level
PAUSE_S = 0.02
TROUBLE_S = 1.5  # how long after a fault was taken back a node may still be catching its breath


class Endpoint:
    """How clients reach a cluster: REST addresses by node number, the authority, the token of the readers, and those of the
    writers by account: each is a user of its own, for a user has 100,000 idempotency keys a day."""

    def __init__(self, urls, cacert, token, writers):
        self.urls = {k: urllib.parse.urlsplit(url) for k, url in urls.items()}
        self.token, self.writers = token, writers
        self.tls = ssl.create_default_context(cafile=cacert)

    def node_of(self, url):
        port, host = urllib.parse.urlsplit(url).port, urllib.parse.urlsplit(url).hostname
        return next((k for k, u in self.urls.items() if (u.hostname, u.port) == (host, port)), None)


class Client:
    """One connection a node, made when it is needed and dropped on any error. Not for two threads."""

    def __init__(self, endpoint, token=None):
        self._endpoint, self._token = endpoint, token or endpoint.token
        self._open = {}

    def call(self, k, method, path, body=None, headers=None):
        """(status, headers, body). OSError or HTTPException: nobody knows what happened."""
        connection = self._open.pop(k, None)
        if connection is None:
            url = self._endpoint.urls[k]
            connection = http.client.HTTPSConnection(url.hostname, url.port, context=self._endpoint.tls, timeout=CALL_S)
        try:
            text = None if body is None else json.dumps(body)
            connection.request(method, path, text, {'AUTHTOKEN': self._token, 'Content-Type': 'application/json',
                                                    **(headers or {})})
            answer = connection.getresponse()
            raw = answer.read()
        except (OSError, http.client.HTTPException):
            connection.close()
            raise
        if answer.getheader('Connection', '').lower() == 'close':
            connection.close()
        else:
            self._open[k] = connection
        return answer.status, {name.lower(): value for name, value in answer.getheaders()}, raw

    def close(self):
        for connection in self._open.values():
            connection.close()


class Trouble:
    """Which nodes something is being done to, so that a failed read there is no fault."""

    def __init__(self):
        self._lock = threading.Lock()
        self._count = collections.Counter()
        self._until = {}

    def begin(self, *nodes):
        with self._lock:
            self._count.update(nodes)

    def end(self, *nodes):
        with self._lock:
            for k in nodes:
                self._count[k] -= 1
                self._until[k] = time.monotonic() + TROUBLE_S

    def of(self, k):
        with self._lock:
            return self._count[k] > 0 or time.monotonic() < self._until.get(k, 0)


class History:
    """What was acknowledged and seen. Thread-safe."""

    def __init__(self, trouble):
        self.trouble = trouble
        self._lock = threading.Lock()
        self.acknowledged = {}  # account -> (number, position)
        self.attempted = {}  # account -> number; 0 is what it was made with
        self.shown = collections.defaultdict(lambda: -1)  # (node, account) -> number
        self.violations = []
        self.counts = collections.Counter()
        self.pauses = []  # (begin, end) of times without an acknowledged write, above 50 ms
        self._last_ack = time.monotonic()

    def violation(self, text):
        with self._lock:
            self.violations.append(text)

    def count(self, name):
        with self._lock:
            self.counts[name] += 1

    def attempt(self, account, number):
        with self._lock:
            self.attempted[account] = number

    def acknowledge(self, account, number, position):
        now = time.monotonic()
        with self._lock:
            self.acknowledged[account] = (number, position)
            self.counts['writes'] += 1
            if now - self._last_ack > 0.05:
                self.pauses.append((self._last_ack, now))
            self._last_ack = now

    def demand(self, account):
        with self._lock:
            return self.acknowledged.get(account)

    def shown_at(self, k, account):
        """What node `k` has shown by now: a read that begins now must not show less."""
        with self._lock:
            return self.shown[k, account]

    def saw(self, k, account, number, before, at_least=-1):
        with self._lock:
            self.counts['reads'] += 1
            if number < before:
                self.violations.append(f'node {k} showed {account} at {number} after {before}: it went back')
            if number < at_least:
                self.violations.append(f'node {k} showed {account} at {number} where the demanded position has {at_least}')
            if number > self.attempted.get(account, 0):
                self.violations.append(f'node {k} showed {account} at {number}, which nobody wrote')
            self.shown[k, account] = max(self.shown[k, account], number)


def value_of(account, number):
    return f'{account}:{number}:{"x" * 24}'


def number_in(secret):
    return int(secret.split(':')[1])


class Writer(threading.Thread):
    def __init__(self, endpoint, history, account, account_id, end, seed):
        super().__init__(name=f'writer of {account}', daemon=True)
        self._client, self._endpoint, self._history = Client(endpoint, endpoint.writers[account]), endpoint, history
        self._account, self._id, self._end = account, account_id, end
        self._random = random.Random(seed)
        self._at = min(endpoint.urls)
        self._run_id = f'{self._random.getrandbits(64):x}'

    def run(self):
        number = 0
        while not self._end.is_set():
            number += 1
            self._history.attempt(self._account, number)
            if not self._until_known(number):
                break
        self._client.close()

    def _until_known(self, number):
        body = {'secret': value_of(self._account, number)}
        headers = {'Idempotency-Key': f'{self._run_id}-{number}'}
        path = f'/v1/accounts/{self._id}/secret'
        # After the end one more minute, so that the last write of each writer is known as well.
        give_up = None
        while True:
            if self._end.is_set():
                give_up = give_up or time.monotonic() + 60
                if time.monotonic() > give_up:
                    return False
            try:
                status, answer, raw = self._client.call(self._at, 'PUT', path, body, headers)
            except (OSError, http.client.HTTPException):
                self._history.count('writes not answered')
                self._move(None)
                continue
            if 200 <= status < 300:
                self._history.acknowledge(self._account, number, answer['x-holdfast-position'])
                return True
            if status in (421, 503, 504, 429, 507):
                self._history.count(f'writes answered {status}')
                self._move(answer.get('x-holdfast-primary') if status == 421 else None, wait=status != 421)
                continue
            self._history.violation(f'writer of {self._account}: {status} {raw[:300]!r}')
            return False

    def _move(self, primary, wait=True):
        found = self._endpoint.node_of(primary) if primary and primary != 'unknown' else None
        nodes = sorted(self._endpoint.urls)
        self._at = found or nodes[(nodes.index(self._at) + 1) % len(nodes)]
        if wait:
            time.sleep(PAUSE_S * self._random.random())


class Reader(threading.Thread):
    def __init__(self, endpoint, history, k, accounts, end, seed):
        super().__init__(name=f'reader of node {k}', daemon=True)
        self._client, self._history, self._k = Client(endpoint), history, k
        self._accounts, self._end, self._random = accounts, end, random.Random(seed)

    def run(self):
        while not self._end.is_set():
            account = self._random.choice(list(self._accounts))
            wanted = self._history.demand(account) if self._random.random() < 0.3 else None
            was_in_trouble = self._history.trouble.of(self._k)
            try:
                self._read(account, wanted, was_in_trouble)
            except (OSError, http.client.HTTPException) as error:
                self._failed(account, repr(error), was_in_trouble)
            self._end.wait(0.002)
        self._client.close()

    def _read(self, account, wanted, was_in_trouble):
        headers = {'X-Holdfast-Position': wanted[1], 'X-Holdfast-Wait-Ms': '1000'} if wanted else {}
        path = f'/v1/accounts/{self._accounts[account]}/secret'
        before = self._history.shown_at(self._k, account)
        status, _, raw = self._client.call(self._k, 'GET', path, headers=headers)
        if status == 200:
            self._history.saw(self._k, account, number_in(json.loads(raw)['secret']), before,
                              wanted[0] if wanted else -1)
        elif wanted and status == 412:
            self._history.count('reads not there yet')
        elif wanted and status == 409:
            self._history.violation(f'node {self._k}: the acknowledged position {wanted[1]} is lost: {raw[:200]!r}')
        else:
            self._failed(account, f'{status} {raw[:200]!r}', was_in_trouble)

    def _failed(self, account, what, was_in_trouble):
        if was_in_trouble or self._history.trouble.of(self._k):
            self._history.count('reads failed on a node in trouble')
            self._end.wait(PAUSE_S)
        else:
            self._history.violation(f'node {self._k}: a read of {account} failed: {what}')


class Run:
    """Writers and readers over one cluster. `accounts`: name -> id, one a writer. Use as a context."""

    def __init__(self, endpoint, accounts, readers_a_node=2, seed=1):
        self.trouble = Trouble()
        self.history = History(self.trouble)
        self._endpoint, self._accounts = endpoint, accounts
        self._write_end, self._read_end = threading.Event(), threading.Event()
        self._writers = [Writer(endpoint, self.history, name, number, self._write_end, f'{seed} {name}')
                         for name, number in accounts.items()]
        self._readers = [Reader(endpoint, self.history, k, accounts, self._read_end, f'{seed} {k} {i}')
                         for k in endpoint.urls for i in range(readers_a_node)]

    def __enter__(self):
        for thread in self._writers + self._readers:
            thread.start()
        return self

    def __exit__(self, *_):
        self.stop()

    def stop(self):
        self._write_end.set()
        for thread in self._writers:
            thread.join(90)
        self._read_end.set()
        for thread in self._readers:
            thread.join(30)

    def judge_end(self, seconds=30):
        """With all nodes up and caught up: every acknowledged write is there, everywhere."""
        client = Client(self._endpoint)
        for account, (number, position) in sorted(self.history.acknowledged.items()):
            for k in self._endpoint.urls:
                end = time.monotonic() + seconds
                while True:
                    status, _, raw = client.call(k, 'GET', f'/v1/accounts/{self._accounts[account]}/secret',
                                                 headers={'X-Holdfast-Position': position, 'X-Holdfast-Wait-Ms': '5000'})
                    if status == 200 or time.monotonic() > end:
                        break
                if status != 200:
                    self.history.violation(f'node {k}, {account} at the end: {status} {raw[:200]!r}')
                    continue
                self.history.saw(k, account, number_in(json.loads(raw)['secret']), self.history.shown_at(k, account), number)
        client.close()
        return self.history.violations
