#!/usr/bin/env python3
"""The judgement of history.py names what must not be, over a cluster that lies on purpose: else "no violation" would mean
nothing. And it is silent over one that does not."""

import collections
import http.server
import json
import pathlib
import ssl
import subprocess
import tempfile
import threading
import unittest

from cluster import wait_for
from history import Endpoint, Run, number_in, value_of

NODES, ACCOUNTS = (1, 2, 3), ('a0', 'a1')
SOME = 60  # reads or writes of a run in which something must have shown itself


class Cluster:
    """What three nodes show. Their position is the number of writes so far. Subclasses lie."""

    def __init__(self):
        self.lock = threading.Lock()
        self.past = {name: [0] for name in ACCOUNTS}  # numbers, oldest first
        self.seq = 0
        self.keys = set()

    def write(self, account, number, key):
        """(status, position)."""
        if key not in self.keys:
            self.keys.add(key)
            self.past[account].append(number)
            self.seq += 1
        return 200, self.seq

    def read(self, k, account, demanded):
        """(status, number)."""
        return 200, self.past[account][-1]


class AnswersUnknownFirst(Cluster):
    def write(self, account, number, key):
        is_new = key not in self.keys
        _, position = super().write(account, number, key)
        return (504, 0) if is_new else (200, position)


class ForgetsTheEnd(Cluster):
    """Node 2, once nobody writes any more."""

    ended = False

    def read(self, k, account, demanded):
        return 200, self.past[account][-2 if self.ended and k == 2 else -1]


class LosesAPosition(Cluster):
    def read(self, k, account, demanded):
        return (409, 0) if k == 3 and demanded else super().read(k, account, demanded)


class GoesBack(Cluster):
    """Every second read of node 2 shows the beginning, unless a position is demanded."""

    reads = 0

    def read(self, k, account, demanded):
        self.reads += k == 2
        return 200, self.past[account][0 if k == 2 and not demanded and self.reads % 2 else -1]


class Invents(Cluster):
    def read(self, k, account, demanded):
        return 200, self.past[account][-1] + (1000 if k == 3 else 0)


class IsStaleWhereDemanded(Cluster):
    """Node 2 stands still from the beginning, and does not look at what is demanded."""

    def read(self, k, account, demanded):
        return 200, 0 if k == 2 else self.past[account][-1]


class Refuses(Cluster):
    def read(self, k, account, demanded):
        return (503, 0) if k == 1 else super().read(k, account, demanded)


def handler_of(cluster, k):
    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = 'HTTP/1.1'

        def do_GET(self):
            account = self.path.split('/')[3]
            with cluster.lock:
                status, number = cluster.read(k, account, 'X-Holdfast-Position' in self.headers)
            self.answer(status, {'secret': value_of(account, number)})

        def do_PUT(self):
            body = json.loads(self.rfile.read(int(self.headers['Content-Length'])))
            with cluster.lock:
                status, position = cluster.write(self.path.split('/')[3], number_in(body['secret']),
                                                 self.headers['Idempotency-Key'])
            self.answer(status, {}, position)

        def answer(self, status, body, position=0):
            text = json.dumps(body).encode()
            self.send_response(status)
            self.send_header('Content-Length', str(len(text)))
            self.send_header('X-Holdfast-Position', f'1.{position}')
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, *_):
            pass

    return Handler


class HistoryTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory(prefix='holdfast-history-')
        cls.addClassCleanup(folder.cleanup)
        cls.key, cls.certificate = (pathlib.Path(folder.name) / name for name in ('key.pem', 'certificate.pem'))
        subprocess.run(['openssl', 'req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes',
                        '-days', '2', '-subj', '/CN=history', '-addext', 'subjectAltName=IP:127.0.0.1',
                        '-keyout', cls.key, '-out', cls.certificate], check=True, capture_output=True)

    def serve(self, cluster, k):
        server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), handler_of(cluster, k))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.certificate, self.key)
        server.socket = context.wrap_socket(server.socket, server_side=True)
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        self.addCleanup(server.server_close)
        self.addCleanup(server.shutdown)
        return f'https://127.0.0.1:{server.server_port}'

    def run_over(self, cluster, readers=1):
        urls = {k: self.serve(cluster, k) for k in NODES}
        endpoint = Endpoint(urls, self.certificate, 'token', {name: f'token of {name}' for name in ACCOUNTS})
        return Run(endpoint, {name: name for name in ACCOUNTS}, readers_a_node=readers)

    def kinds(self, cluster, trouble=(), lies=False):
        """How often each sentence was said in a whole run, without its numbers. `lies`: until one was said."""
        run = self.run_over(cluster)
        run.trouble.begin(*trouble)
        counts = run.history.counts
        with run:
            wait_for('a history', lambda: run.history.violations or
                     not lies and counts['writes'] > SOME and counts['reads'] > SOME)
        return collections.Counter(self.kind(text) for text in run.judge_end(seconds=0))

    @staticmethod
    def kind(text):
        for part in ('it went back', 'where the demanded position has', 'which nobody wrote', 'is lost', 'failed', 'at the end'):
            if part in text:
                return part
        return text

    def test_an_honest_cluster_is_not_blamed(self):
        self.assertEqual(self.kinds(Cluster()), {})

    def test_an_unknown_outcome_is_asked_for_again(self):
        cluster = AnswersUnknownFirst()
        self.assertEqual(self.kinds(cluster), {})
        for numbers in cluster.past.values():
            self.assertEqual(numbers, sorted(set(numbers)))  # each done once

    def test_a_lost_acknowledgement(self):
        cluster = ForgetsTheEnd()
        run = self.run_over(cluster, readers=0)
        with run:
            wait_for('writes', lambda: run.history.counts['writes'] > SOME)
        cluster.ended = True
        said = run.judge_end(seconds=0)
        self.assertEqual(len(said), len(ACCOUNTS), said)
        for text in said:
            self.assertRegex(text, r'^node 2 showed a\d at \d+ where the demanded position has \d+$')

    def test_a_lost_position(self):
        self.assertIn('is lost', self.kinds(LosesAPosition(), lies=True))

    def test_what_was_shown_goes_back(self):
        self.assertEqual(set(self.kinds(GoesBack(), lies=True)), {'it went back'})

    def test_a_value_that_nobody_wrote(self):
        self.assertEqual(set(self.kinds(Invents(), lies=True)), {'which nobody wrote'})

    def test_a_stale_read_at_a_demanded_position(self):
        self.assertEqual(set(self.kinds(IsStaleWhereDemanded(), lies=True)), {'where the demanded position has'})

    def test_a_refused_read_of_a_node_that_nothing_is_done_to(self):
        self.assertIn('failed', self.kinds(Refuses(), lies=True))
        self.assertEqual(set(self.kinds(Refuses(), trouble=[1])), {'at the end'})  # then it must read again


if __name__ == '__main__':
    unittest.main()
