#!/usr/bin/env python3
"""A node that is told to stop ends cleanly, also while others still ask it how it is."""

import os
import signal
import threading
import unittest

from cluster import ClusterTest, alive, wait_for

PROBES = 4
STOPS = 5


class StopTest(ClusterTest):
    def probe_until(self, end, k):
        while not end.is_set():
            self.cluster.health(k)

    def stop_under_probes(self, k):
        end = threading.Event()
        probes = [threading.Thread(target=self.probe_until, args=(end, k)) for _ in range(PROBES)]
        for probe in probes:
            probe.start()
        pid = self.cluster.pid(k)
        try:
            wait_for('a probe to be answered', lambda: self.cluster.health(k) == 200)
            os.kill(pid, signal.SIGTERM)
            wait_for('the end', lambda: not alive(pid))
        finally:
            end.set()
            for probe in probes:
                probe.join()

    def test_health_probes_meet_a_node_that_stops(self):
        for k in (2, 1):
            for stops in range(STOPS):
                before = self.cluster.log(k).count('has ended')
                with self.subTest(node=k, stops=stops):
                    self.stop_under_probes(k)
                    self.assertEqual(self.cluster.log(k).count('has ended'), before + 1)
                self.cluster.start(k)


if __name__ == '__main__':
    unittest.main()
