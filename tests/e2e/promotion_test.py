#!/usr/bin/env python3
"""The primary is lost: what an order to promote asks for, with two, three and five nodes, and what it never does."""

import json
import os
import signal
import unittest

from cluster import ClusterTest, wait_for
from crashes import Armed

EXIT_REFUSED, EXIT_WOULD_LOSE, EXIT_LATER = 2, 4, 75


class PromotionTest(ClusterTest):
    """Node 1 is primary at the start of each test; a test may leave another one so."""

    def setUp(self):
        for k in range(1, self.nodes + 1):
            if self.cluster.health(k) is None:
                self.cluster.start(k)
        primary = self.cluster.wait_primary()
        if primary != 1:
            wait_for('node 1 can take over', lambda: self.switch(1).returncode == 0)
        wait_for('node 1 is primary', lambda: self.cluster.primary() == 1)
        for k in range(1, self.nodes + 1):
            self.cluster.wait_caught_up(k)

    # ---- orders

    def switch(self, to):
        return self.cluster.hf('switchover', '--to', f'node{to}', '--yes', '--output', 'json')

    def promote(self, k, *options, yes=True):
        return self.cluster.hf('promote', '--node', f'node{k}', '--output', 'json', *options, *(['--yes'] if yes else []))

    def must_promote(self, k, *options):
        got = self.promote(k, *options)
        self.assertEqual(got.returncode, 0, got.stderr.decode())
        answer = json.loads(got.stdout)
        self.assertEqual(answer['schema'], 'holdfast.promotion/1')
        wait_for(f'node {k} is primary', lambda: self.cluster.health(k, '/primary') == 200)
        return answer

    def assert_refused(self, got, code, exit_code=EXIT_REFUSED, says=''):
        self.assertEqual(got.returncode, exit_code, got.stdout.decode() + got.stderr.decode())
        error = json.loads(got.stderr)['error']
        self.assertEqual(error['code'], code)
        self.assertIn(says, error['message'])

    def granted(self, k):
        return self.cluster.row(k)['epoch']

    def write(self, k, name):
        status, _, answer = self.cluster.rest(k, 'POST', '/v1/resources', {'name': name, 'type': 'Linux'},
                                              token=self.cluster.env['HOLDFAST_TOKEN'])
        return status, answer

    def names(self, k):
        return {r['name'] for r in self.cluster.admin(k, 'GET', '/resources?limit=1000')['resources']}

    def assert_written(self, k, name):
        status, answer = self.write(k, name)
        self.assertEqual(status, 201, answer)

    def who_is_behind_fetches_first(self):
        self.cluster.kill(2)
        names = {f'three-tail-{i}' for i in range(5)}
        for name in names:
            self.assert_written(1, name)
        self.cluster.wait_caught_up(3)
        self.cluster.kill(1)
        with Armed(self.cluster, 2, 'promotion.fetch.in_pieces:1') as armed:
            wait_for('node 2 answers', lambda: self.cluster.health(2) == 200)
            self.promote(2)
            armed.wait_for_death()
        self.cluster.start(2)
        answer = self.must_promote(2)
        self.assertEqual(answer['complete'], True)
        self.assertLessEqual(names, self.names(2))


class ThreeNodes(PromotionTest):
    nodes, sync = 3, 'durable:1'

    def test_no_word_is_needed_and_nothing_is_lost(self):
        self.assert_written(1, 'three-before')
        self.cluster.kill(1)
        answer = self.must_promote(2)
        self.assertEqual((answer['complete'], answer['lost_records'], answer['was_primary']), (True, 0, False))
        self.assertEqual(sorted(answer['grants']), ['node2', 'node3'])
        self.assert_written(2, 'three-after')
        again = self.must_promote(2)  # Idempotent.
        self.assertTrue(again['was_primary'])
        self.assertEqual(again['epoch'], answer['epoch'])
        self.cluster.start(1)  # The old primary comes back, and follows without help.
        wait_for('node 1 streams', lambda: self.cluster.row(1)['state'] == 'streaming')
        for k in (1, 2, 3):
            self.cluster.wait_caught_up(k)
            self.assertLessEqual({'three-before', 'three-after'}, self.names(k))
        self.assertEqual(self.cluster.primary(), 2)

    def test_refused_while_the_primary_is_reachable(self):
        before = [self.granted(k) for k in (1, 2, 3)]
        for options in ((), ('--old-primary-is-down',), ('--old-primary-is-down', '--accept-loss', 'unknown')):
            self.assert_refused(self.promote(2, *options), 'PRIMARY_REACHABLE', says='switchover')
        self.assertEqual([self.granted(k) for k in (1, 2, 3)], before)
        self.assert_written(1, 'three-still')

    def test_a_dry_run_promises_nothing(self):
        self.cluster.kill(1)
        got = wait_for('a dry run that would go', lambda: self.dry_run_goes(2))
        self.assertEqual((got['dry_run'], got['complete'], got['refused']), (True, True, None))
        self.assertIsNone(self.cluster.primary())
        self.cluster.start(1)  # Nobody has promised a newer epoch: it goes on.
        self.assertEqual(self.cluster.wait_primary(), 1)

    def dry_run_goes(self, k):
        got = self.promote(k, '--dry-run', yes=False)
        return json.loads(got.stdout) if got.returncode == 0 else None

    def test_without_yes_nothing_happens(self):
        self.cluster.kill(1)
        got = self.promote(2, yes=False)
        self.assertEqual(got.returncode, 1)
        self.assertIn('--yes', got.stderr.decode())
        self.assertIsNone(self.cluster.primary())

    def test_a_primary_that_wakes_up_is_told_and_steps_down(self):
        self.assert_written(1, 'three-asleep')
        pid = self.cluster.pid(1)
        os.kill(pid, signal.SIGSTOP)
        try:
            wait_for('it is stale for the others',
                     lambda: self.cluster.row(2)['state'] not in ('streaming', 'catchup'), seconds=20)
            wait_for('node 2 is promoted', lambda: self.promote(2).returncode == 0, seconds=30)
            self.assert_written(2, 'three-awake')
        finally:
            os.kill(pid, signal.SIGCONT)
        wait_for('node 1 follows', lambda: self.cluster.row(1)['state'] == 'streaming', seconds=20)
        self.assertEqual(self.cluster.primary(), 2)
        self.cluster.wait_caught_up(1)
        self.assertIn('three-awake', self.names(1))

    test_who_is_behind_fetches_first_also_when_it_dies_on_the_way = PromotionTest.who_is_behind_fetches_first

    def test_reads_go_on_and_a_new_primary_is_found_without_help(self):
        secret = self.cluster.new_account('three-reads', 'app')
        self.cluster.share(self.cluster.env['HOLDFAST_SSH_USER'], 'three-reads')
        for k in (2, 3):
            self.cluster.wait_caught_up(k)
        self.cluster.kill(1)
        for k in (2, 3):
            self.assertEqual(self.cluster.ssh_retrieve(k, 'three-reads', 'app'), secret)
        self.must_promote(3)
        wait_for('node 2 streams', lambda: self.cluster.row(2)['state'] == 'streaming', seconds=5)
        for k in (2, 3):
            self.assertEqual(self.cluster.ssh_retrieve(k, 'three-reads', 'app'), secret)


class ThreeNodesPostgres(PromotionTest):
    nodes, sync, store = 3, 'durable:1', 'postgres'
    test_who_is_behind_fetches_first_also_when_it_dies_on_the_way = PromotionTest.who_is_behind_fetches_first


class TwoNodesDurable(PromotionTest):
    nodes, sync = 2, 'durable:1'

    def test_the_word_is_asked_for_by_name(self):
        self.assert_written(1, 'two-before')
        self.cluster.kill(1)
        self.assert_refused(self.promote(2), 'OLD_PRIMARY_MAY_RUN', says='--old-primary-is-down')
        answer = self.must_promote(2, '--old-primary-is-down', '--sync', 'local:0')
        self.assertEqual(answer['complete'], True)
        self.assertIn('two-before', self.names(2))
        self.assert_written(2, 'two-after')
        self.cluster.start(1)
        wait_for('node 1 streams', lambda: self.cluster.row(1)['state'] == 'streaming')
        self.cluster.wait_caught_up(1)
        self.assertIn('two-after', self.names(1))
        self.cluster.must_hf('settings', 'set', '--sync', 'durable:1')

    def test_a_lone_primary_that_waits_goes_on_by_the_word(self):
        self.cluster.kill(2)
        self.cluster.kill(1)
        self.cluster.start(1)
        waiting = wait_for('it says what it waits for', lambda: self.cluster.row(1).get('waiting'))
        self.assertIn('grant', waiting)
        self.assert_refused(self.promote(1), 'OLD_PRIMARY_MAY_RUN')
        self.must_promote(1, '--old-primary-is-down', '--sync', 'local:0')
        self.assert_written(1, 'two-alone')
        self.cluster.start(2)
        self.cluster.wait_caught_up(2)
        self.cluster.must_hf('settings', 'set', '--sync', 'durable:1')


class TwoNodesLocal(PromotionTest):
    nodes = 2

    def test_loss_that_cannot_be_known_must_be_accepted(self):
        self.cluster.kill(1)
        self.assert_refused(self.promote(2), 'NOT_ENOUGH_GRANTS', says='--old-primary-is-down')
        self.assert_refused(self.promote(2, '--old-primary-is-down'), 'WOULD_LOSE_DATA', EXIT_WOULD_LOSE,
                            says='--accept-loss unknown')
        self.assert_refused(self.promote(2, '--old-primary-is-down', '--accept-loss', '5'), 'WOULD_LOSE_DATA',
                            EXIT_WOULD_LOSE)
        answer = self.must_promote(2, '--old-primary-is-down', '--accept-loss', 'unknown')
        self.assertNotEqual(answer['complete'], True)
        self.assert_written(2, 'local-after')
        self.cluster.start(1)
        wait_for('node 1 streams', lambda: self.cluster.row(1)['state'] == 'streaming')

    def test_after_a_clean_stop_nothing_can_be_missing(self):
        self.assert_written(1, 'local-clean')
        self.cluster.stop(1)
        answer = self.must_promote(2, '--old-primary-is-down')
        self.assertEqual((answer['complete'], answer['lost_records']), (True, 0))
        self.assertIn('local-clean', self.names(2))

    def test_a_denial_survives_a_restart_and_becomes_rows(self):
        key, token = self.cluster.new_user('mallory')
        self.cluster.wait_caught_up(2)
        self.assertEqual(self.cluster.rest(2, 'GET', '/v1/me', token=token)[0], 200)
        self.cluster.kill(1)
        self.cluster.must_hf('deny', '--user', 'mallory', '--node', 'node2')
        self.assertEqual(self.cluster.rest(2, 'GET', '/v1/me', token=token)[0], 401)
        self.assertNotEqual(self.cluster.ssh(2, *self.cluster.retrieve_words(), key=key, user='mallory').returncode, 0)
        self.cluster.kill(2)
        self.cluster.start(2)
        self.assertEqual(self.cluster.rest(2, 'GET', '/v1/me', token=token)[0], 401)
        self.cluster.start(1)
        wait_for('the primary locked the user', lambda: self.user('mallory')['locked'], seconds=20)
        denied = json.loads(self.cluster.must_hf('deny', '--list', '--node', 'node2', '--output', 'json'))['denials']
        self.assertEqual([d['user'] for d in denied], ['mallory'])

    def user(self, name):
        return next(u for u in self.cluster.admin(1, 'GET', '/users')['users'] if u['name'] == name)


class FiveNodes(PromotionTest):
    nodes, sync = 5, 'durable:2'

    def test_two_may_be_lost(self):
        self.assert_written(1, 'five-before')
        self.cluster.kill(1)
        self.cluster.kill(5)
        answer = self.must_promote(3)
        self.assertEqual(answer['complete'], True)
        self.assertEqual(answer['grants_needed'], 3)
        self.assert_written(3, 'five-after')
        self.cluster.start(1)
        self.cluster.start(5)
        for k in (1, 2, 4, 5):
            self.cluster.wait_caught_up(k)
            self.assertLessEqual({'five-before', 'five-after'}, self.names(k))

    def test_three_lost_are_too_many_without_the_word(self):
        for k in (1, 4, 5):
            self.cluster.kill(k)
        got = self.promote(2)
        self.assertEqual(got.returncode, EXIT_REFUSED, got.stderr.decode())
        self.assertIsNone(self.cluster.primary())

    def test_zz_a_forgotten_member_is_out(self):
        got = self.cluster.hf('node', 'forget', 'node5', '--yes')
        self.assertEqual(got.returncode, 0, got.stderr.decode())
        self.assert_written(1, 'five-forgotten')
        nodes = json.loads(self.cluster.must_hf('node', 'list', '--output', 'json'))['nodes']
        self.assertNotIn('node5', [n['id'] for n in nodes])
        wait_for('its stream is cut', lambda: self.cluster.row(5, seen_by=5)['state'] != 'streaming')
        self.assertNotIn('five-forgotten', self.names(5))
        self.cluster.kill(5)


if __name__ == '__main__':
    del PromotionTest  # Only what derives from it has nodes.
    unittest.main()
