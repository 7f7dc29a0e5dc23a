#include "replication/core/publisher.h"

#include <gtest/gtest.h>

#include "server/base/limits.h"
#include "tests/unit/replication/core/core_testing.h"

namespace holdfast::replication {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::seconds;
constexpr MonoTime kNow{seconds(1000)};

TestLog OurLog() { return TestLog().Add(E(1), 3).Add(E(2), 5).Add(E(4), 12); }  // ends at 20

PrimaryLog Serving(const TestLog& log, const HelloInfo& hello) {
  PrimaryLog out{.cluster_id = "c1",
                 .epoch = E(4),
                 .shape = log.shape(),
                 .committed_seq = 18,
                 .oldest_retained_seq = 1,
                 .feature_level = 2,
                 .serving = true,
                 .digest_at_their_last = std::nullopt};
  if (hello.last.seq <= log.last().seq) out.digest_at_their_last = log.at(hello.last.seq).digest;
  return out;
}

HelloInfo HelloOf(const TestLog& log, uint64_t committed) {
  return {.cluster_id = "c1",
          .node_id = "b",
          .protocol = kProtocol,
          .feature_level = 2,
          .granted = log.last().epoch,
          .last = log.last(),
          .committed_seq = committed,
          .history = log.history};
}

HelloAnswerInfo JudgeOf(const HelloInfo& hello) {
  return PublisherMachine::Judge(hello, Serving(OurLog(), hello));
}

TEST(HelloTest, GoesOnFromAPrefix) {
  const HelloAnswerInfo answer = JudgeOf(HelloOf(TestLog().Add(E(1), 3).Add(E(2), 2), 4));
  EXPECT_EQ(answer.verdict, HelloVerdict::kContinue) << answer.reason;
  EXPECT_EQ(answer.epoch, E(4));
  EXPECT_EQ(answer.committed_seq, 18u);
  EXPECT_EQ(answer.history.back().first_seq, 9u);
  EXPECT_EQ(JudgeOf(HelloOf(TestLog(), 0)).verdict, HelloVerdict::kContinue);
  EXPECT_EQ(JudgeOf(HelloOf(OurLog(), 20)).verdict, HelloVerdict::kContinue);
}

TEST(HelloTest, CutsAPendingTailBackToTheFork) {
  const HelloAnswerInfo answer = JudgeOf(HelloOf(TestLog().Add(E(1), 3).Add(E(2), 9), 8));
  EXPECT_EQ(answer.verdict, HelloVerdict::kCut);
  EXPECT_EQ(answer.cut_after_seq, 8u);
}

TEST(HelloTest, DoesNotCutWhatWasShown) {
  const HelloAnswerInfo answer = JudgeOf(HelloOf(TestLog().Add(E(1), 3).Add(E(2), 9), 9));
  EXPECT_EQ(answer.verdict, HelloVerdict::kSnapshot);
  EXPECT_EQ(answer.reason, "diverged: shown up to 9 there, but the logs part after 8");
}

TEST(HelloTest, GivesASnapshotWhenTheNextEntryIsNotRetained) {
  const HelloInfo hello = HelloOf(TestLog().Add(E(1), 3).Add(E(2), 2), 4);
  PrimaryLog log = Serving(OurLog(), hello);
  log.oldest_retained_seq = 6;
  EXPECT_EQ(PublisherMachine::Judge(hello, log).verdict, HelloVerdict::kContinue);
  log.oldest_retained_seq = 7;
  EXPECT_EQ(PublisherMachine::Judge(hello, log).verdict, HelloVerdict::kSnapshot);
}

TEST(HelloTest, GivesASnapshotWhenTheSamePlaceHasOtherBytes) {
  HelloInfo hello = HelloOf(TestLog().Add(E(1), 3).Add(E(2), 2), 4);
  hello.last.digest[0] ^= 1;
  EXPECT_EQ(JudgeOf(hello).verdict, HelloVerdict::kSnapshot);
  HelloInfo at_head = HelloOf(OurLog(), 4);
  at_head.last.digest[0] ^= 1;
  EXPECT_EQ(JudgeOf(at_head).verdict, HelloVerdict::kSnapshot);
}

TEST(HelloTest, DoesNotGoOnBlindlyWhenItsOwnDigestIsUnknown) {
  const HelloInfo hello = HelloOf(TestLog().Add(E(1), 3).Add(E(2), 2), 4);
  PrimaryLog log = Serving(OurLog(), hello);
  log.digest_at_their_last.reset();
  EXPECT_EQ(PublisherMachine::Judge(hello, log).verdict, HelloVerdict::kSnapshot);
}

TEST(HelloTest, AdmitsAHigherEpochGrantedOrInTheLog) {
  HelloInfo hello = HelloOf(TestLog().Add(E(1), 3), 3);
  hello.granted = E(5, "c");
  EXPECT_EQ(JudgeOf(hello).verdict, HelloVerdict::kHigherEpoch);
  EXPECT_EQ(JudgeOf(HelloOf(TestLog().Add(E(1), 3).Add(E(6, "c"), 1), 3)).verdict,
            HelloVerdict::kHigherEpoch);
  PublisherMachine machine(kNow);
  const PublisherEffects effects = machine.OnHello(hello, Serving(OurLog(), hello), kNow);
  EXPECT_EQ(effects.higher_epoch, E(5, "c"));
  EXPECT_EQ(effects.drop, DropReason::kRefused);
  EXPECT_FALSE(effects.batch.has_value());
}

TEST(HelloTest, RefusesAnotherNodesEpochOfTheSameNumberAndTells) {
  HelloInfo hello = HelloOf(TestLog().Add(E(1), 3), 3);
  hello.granted = E(4, "c");
  PublisherMachine machine(kNow);
  const PublisherEffects effects = machine.OnHello(hello, Serving(OurLog(), hello), kNow);
  EXPECT_EQ(effects.answer->verdict, HelloVerdict::kRefused);
  EXPECT_EQ(effects.higher_epoch, E(4, "c"));
}

TEST(HelloTest, RefusesStrangersAndNonsense) {
  const HelloInfo good = HelloOf(TestLog().Add(E(1), 3), 3);
  std::vector<std::pair<std::string, HelloInfo>> cases(7, {"", good});
  cases[0].first = "expected cluster c1, got c2", cases[0].second.cluster_id = "c2";
  cases[1].first = "expected protocol 1, got 2", cases[1].second.protocol = 2;
  cases[2].first = "upgrade required: expected feature level 2, got 1";
  cases[2].second.feature_level = 1;
  cases[3].first = "committed beyond the end of the log", cases[3].second.committed_seq = 4;
  cases[4].first = "a log without a history", cases[4].second.history.clear();
  cases[5].first = "the history ends in another epoch", cases[5].second.last.epoch = E(2);
  cases[6].first = "the history goes beyond the log", cases[6].second.history[0].first_seq = 9;
  for (const auto& [reason, hello] : cases) {
    const HelloAnswerInfo answer = JudgeOf(hello);
    EXPECT_EQ(answer.verdict, HelloVerdict::kRefused);
    EXPECT_EQ(answer.reason, reason);
  }
  PrimaryLog stepped_down = Serving(OurLog(), good);
  stepped_down.serving = false;
  EXPECT_EQ(PublisherMachine::Judge(good, stepped_down).verdict, HelloVerdict::kRefused);
}

class StreamTest : public ::testing::Test {
 protected:
  StreamTest() {
    const HelloInfo hello = HelloOf(TestLog().Add(E(1), 3).Add(E(2), 5), 8);
    began_ = machine_.OnHello(hello, Serving(OurLog(), hello), kNow);
  }
  AckInfo Ack(uint64_t received, uint64_t durable, uint64_t applied, int64_t echo = 77) {
    return {E(4), received, durable, applied, echo};
  }
  PublisherMachine machine_{kNow};
  PublisherEffects began_;
};

TEST_F(StreamTest, SendsFromTheForkOneReadAtATime) {
  EXPECT_EQ(began_.batch->from, 9u);
  EXPECT_EQ(began_.batch->to_max, 20u);
  EXPECT_FALSE(machine_.OnLogGrew(25, kNow).batch.has_value()) << "a read is under way";
  const PublisherEffects next = machine_.OnBatchSent(9, 15, 1000, 0);
  EXPECT_EQ(next.batch->from, 16u);
  EXPECT_EQ(next.batch->to_max, 25u);
}

TEST_F(StreamTest, SendsAtMostABatchAtOnce) {
  machine_.OnBatchSent(9, 20, 1000, 0);
  const PublisherEffects next = machine_.OnLogGrew(5000, kNow);
  EXPECT_EQ(next.batch->to_max, 20 + limits::kStreamBatchRecordsMax);
  EXPECT_EQ(next.batch->bytes_max, limits::kStreamBatchBytesMax);
}

TEST_F(StreamTest, WaitsWhenTheWindowIsFullAndGoesOnWithTheAcknowledgement) {
  machine_.OnLogGrew(100, kNow);
  EXPECT_FALSE(machine_.OnBatchSent(9, 30, limits::kStreamWindowBytesMax, 0).batch.has_value());
  EXPECT_FALSE(machine_.OnLogGrew(200, kNow).batch.has_value());
  EXPECT_FALSE(machine_.OnAck(Ack(29, 29, 8), kNow).batch.has_value());
  EXPECT_EQ(machine_.OnAck(Ack(30, 29, 8), kNow).batch->from, 31u);
  EXPECT_EQ(machine_.window_bytes(), 0u);
}

TEST_F(StreamTest, PassesAcknowledgementsOn) {
  machine_.OnBatchSent(9, 20, 1000, 0);
  EXPECT_EQ(machine_.OnAck(Ack(18, 17, 16), kNow).acked, Ack(18, 17, 16));
  EXPECT_TRUE(machine_.live());
}

TEST_F(StreamTest, DropsAFollowerThatAcknowledgesWhatWasNotSent) {
  machine_.OnBatchSent(9, 20, 1000, 0);
  const PublisherEffects effects = machine_.OnAck(Ack(21, 15, 15), kNow);
  EXPECT_EQ(effects.drop, DropReason::kBadAck);
  EXPECT_FALSE(effects.acked.has_value());
  EXPECT_FALSE(machine_.live());
}

// [9, 20] is out to be read and sent: its acknowledgement may come before the shell says so.
TEST_F(StreamTest, TakesAnAcknowledgementThatOvertakesTheWordOfTheSending) {
  EXPECT_EQ(machine_.OnAck(Ack(15, 15, 8), kNow).acked, Ack(15, 15, 8));
  machine_.OnBatchSent(9, 15, 1000, 0);
  EXPECT_EQ(machine_.window_bytes(), 0u);
  EXPECT_EQ(machine_.OnAck(Ack(21, 15, 15), kNow).drop, DropReason::kBadAck);
}

TEST_F(StreamTest, DropsAFollowerWhoseAcknowledgementsGoBackOrAreOutOfOrder) {
  machine_.OnBatchSent(9, 20, 1000, 0);
  machine_.OnAck(Ack(18, 17, 16), kNow);
  for (const AckInfo& bad :
       {Ack(17, 17, 16), Ack(18, 16, 16), Ack(18, 17, 15), Ack(18, 19, 16), Ack(18, 17, 18)}) {
    PublisherMachine copy = machine_;
    EXPECT_EQ(copy.OnAck(bad, kNow).drop, DropReason::kBadAck);
  }
}

TEST_F(StreamTest, DropsAnotherEpochsAcknowledgementAndOneBeforeTheHello) {
  AckInfo ack = Ack(8, 8, 8);
  ack.epoch = E(2);
  EXPECT_EQ(machine_.OnAck(ack, kNow).drop, DropReason::kOtherEpoch);
  EXPECT_EQ(PublisherMachine(kNow).OnAck(Ack(0, 0, 0), kNow).drop, DropReason::kBeforeHello);
}

TEST_F(StreamTest, RefusesASecondHello) {
  const HelloInfo hello = HelloOf(OurLog(), 8);
  EXPECT_EQ(machine_.OnHello(hello, Serving(OurLog(), hello), kNow).drop, DropReason::kRefused);
}

TEST_F(StreamTest, PushesTheCommitPositionTheMomentItMoves) {
  const PublisherEffects effects = machine_.OnCommitMoved(19, kNow);
  ASSERT_TRUE(effects.heartbeat.has_value());
  EXPECT_EQ(effects.heartbeat->committed_seq, 19u);
  EXPECT_FALSE(machine_.OnCommitMoved(19, kNow).heartbeat.has_value());
  EXPECT_FALSE(machine_.OnCommitMoved(5, kNow).heartbeat.has_value());
}

// Two commits with a batch right behind the first: the second is left to the next batch.
class RidingTest : public StreamTest {
 protected:
  RidingTest() {
    machine_.OnBatchSent(9, 20, 1000, 18);
    EXPECT_TRUE(machine_.OnCommitMoved(19, kNow).heartbeat.has_value());
    EXPECT_TRUE(machine_.OnLogGrew(21, kNow + microseconds(100)).batch.has_value());
    machine_.OnBatchSent(21, 21, 100, 19);
    EXPECT_FALSE(machine_.OnCommitMoved(20, moved_).heartbeat.has_value());
  }
  const MonoTime moved_ = kNow + microseconds(900);
};

TEST_F(RidingTest, ABatchThatTellsTheCommitSavesItsHeartbeat) {
  EXPECT_EQ(machine_.commit_told_by(), moved_ + microseconds(500));
  machine_.OnLogGrew(22, moved_ + microseconds(100));
  machine_.OnBatchSent(22, 22, 100, 20);
  EXPECT_FALSE(machine_.commit_told_by().has_value());
  EXPECT_FALSE(machine_.OnTick(moved_ + milliseconds(10)).heartbeat.has_value());
}

TEST_F(RidingTest, ABatchThatWasReadBeforeDoesNot) {
  machine_.OnLogGrew(22, moved_ + microseconds(100));
  machine_.OnBatchSent(22, 22, 100, 19);
  EXPECT_EQ(machine_.OnTick(*machine_.commit_told_by()).heartbeat->committed_seq, 20u);
}

TEST_F(RidingTest, WithoutABatchItIsToldSoonAndTheNextAtOnce) {
  EXPECT_FALSE(machine_.OnTick(moved_ + microseconds(499)).heartbeat.has_value());
  EXPECT_EQ(machine_.OnTick(moved_ + microseconds(500)).heartbeat->committed_seq, 20u);
  EXPECT_FALSE(machine_.commit_told_by().has_value());
  machine_.OnLogGrew(22, moved_ + milliseconds(5));
  machine_.OnBatchSent(22, 22, 100, 20);
  EXPECT_TRUE(machine_.OnCommitMoved(22, moved_ + milliseconds(6)).heartbeat.has_value());
}

TEST_F(RidingTest, TheAgeIsToldUnderSteadyWritesToo) {
  machine_.OnLogGrew(22, moved_ + microseconds(100));
  machine_.OnBatchSent(22, 22, 100, 20);
  EXPECT_TRUE(machine_.OnCommitMoved(22, kNow + milliseconds(20)).heartbeat.has_value());
}

TEST_F(StreamTest, BeatsEachSecondAndEchoesTheNewestAcknowledgement) {
  EXPECT_EQ(machine_.OnTick(kNow).heartbeat->echo_mono_ns, 0);
  EXPECT_FALSE(machine_.OnTick(kNow + milliseconds(999)).heartbeat.has_value());
  machine_.OnAck(Ack(8, 8, 8, 123), kNow);
  EXPECT_EQ(machine_.OnTick(kNow + seconds(1)).heartbeat->echo_mono_ns, 123);
}

TEST_F(StreamTest, GoesStaleThenDown) {
  machine_.OnAck(Ack(8, 8, 8), kNow);
  EXPECT_EQ(machine_.state(), PeerState::kStreaming);
  machine_.OnTick(kNow + milliseconds(3001));
  EXPECT_EQ(machine_.state(), PeerState::kStale);
  EXPECT_FALSE(machine_.live());
  machine_.OnAck(Ack(8, 8, 8), kNow + seconds(4));
  EXPECT_EQ(machine_.state(), PeerState::kStreaming);
  EXPECT_EQ(machine_.OnTick(kNow + milliseconds(14001)).drop, DropReason::kSilent);
  EXPECT_EQ(machine_.state(), PeerState::kDown);
}

TEST_F(StreamTest, AFollowerFarBehindCatchesUpFirst) {
  machine_.OnLogGrew(1000, kNow);
  machine_.OnAck(Ack(8, 8, 8), kNow);
  EXPECT_EQ(machine_.state(), PeerState::kCatchup);
  EXPECT_FALSE(machine_.live());
}

TEST_F(StreamTest, SendsNothingAfterTheStepDown) {
  EXPECT_EQ(machine_.OnSteppedDown().drop, DropReason::kSteppedDown);
  EXPECT_FALSE(machine_.OnBatchSent(9, 20, 10, 0).batch.has_value());
  EXPECT_FALSE(machine_.OnCommitMoved(20, kNow).heartbeat.has_value());
  EXPECT_FALSE(machine_.OnAck(Ack(8, 8, 8), kNow).acked.has_value());
}

TEST(SnapshotTest, StreamsOnOnlyOnceTheFollowerHasItDurably) {
  const HelloInfo hello = HelloOf(TestLog().Add(E(1), 3), 3);
  PrimaryLog log = Serving(OurLog(), hello);
  log.oldest_retained_seq = 10;
  PublisherMachine machine(kNow);
  const PublisherEffects effects = machine.OnHello(hello, log, kNow);
  EXPECT_TRUE(effects.send_snapshot);
  EXPECT_FALSE(effects.batch.has_value());
  EXPECT_EQ(machine.state(), PeerState::kSnapshot);
  EXPECT_EQ(machine.OnAck({E(4), 0, 0, 0, 5}, kNow).acked->durable_seq, 3u)
      << "what it has of ours";
  machine.OnSnapshotSent(18, kNow);
  EXPECT_FALSE(machine.OnAck({E(4), 0, 0, 0, 6}, kNow).batch.has_value());
  EXPECT_EQ(machine.OnAck({E(4), 18, 18, 18, 7}, kNow).batch->from, 19u);
  EXPECT_EQ(machine.state(), PeerState::kStreaming);
}

// It says each second that it lives, and never that the snapshot is in place.
TEST(SnapshotTest, WhoTakesOneInAndNeverPutsItInPlaceLosesItsStream) {
  const HelloInfo hello = HelloOf(TestLog().Add(E(1), 3), 3);
  PrimaryLog log = Serving(OurLog(), hello);
  log.oldest_retained_seq = 10;
  PublisherMachine machine(kNow);
  machine.OnHello(hello, log, kNow);
  const auto lives_at = [&](MonoTime now) {
    EXPECT_FALSE(machine.OnAck({E(4), 0, 0, 0, 5}, now).drop.has_value());
    return machine.OnTick(now).drop;
  };
  MonoTime now = kNow + 2 * limits::kSnapshotInstallMax;  // However long the sending took.
  EXPECT_EQ(lives_at(now), std::nullopt);
  machine.OnSnapshotSent(18, now);
  now += limits::kSnapshotInstallMax;
  EXPECT_EQ(lives_at(now), std::nullopt);
  EXPECT_EQ(lives_at(now + seconds(1)), DropReason::kNoInstall);
  EXPECT_EQ(machine.state(), PeerState::kDown);
}

TEST(SnapshotTest, IsChosenWhenAskedForAndWhenCheaperThanTheLog) {
  TestLog ours = TestLog().Add(E(1), 10).Add(E(4), 6000);
  HelloInfo hello = HelloOf(TestLog().Add(E(1), 10), 10);
  PrimaryLog log = Serving(ours, hello);
  log.committed_seq = 6000;
  EXPECT_EQ(PublisherMachine::Judge(hello, log).verdict, HelloVerdict::kContinue) << "rows unknown";
  log.rows = 1000;
  EXPECT_EQ(PublisherMachine::Judge(hello, log).reason, "cheaper: 6000 records behind, 1000 rows");
  log.rows = 48'000;
  EXPECT_EQ(PublisherMachine::Judge(hello, log).verdict, HelloVerdict::kContinue);
  log.rows = 1000;
  log.committed_seq = 9;  // What the follower holds as durable would go.
  EXPECT_EQ(PublisherMachine::Judge(hello, log).verdict, HelloVerdict::kContinue);
  hello.needs_snapshot = true;
  PublisherMachine machine(kNow);
  EXPECT_EQ(machine.OnHello(hello, log, kNow).snapshot_from, 10u);
}

// What a follower holds of ours may have been counted for a commit that is known nowhere yet: a
// snapshot below it would take that back (docs/adr/0004).
TEST(SnapshotTest, WaitsUntilWhatTheFollowerHoldsIsCommittedAndCountsItForThat) {
  HelloInfo hello = HelloOf(OurLog(), 10);
  hello.needs_snapshot = true;
  PublisherMachine machine(kNow);
  EXPECT_EQ(machine.OnHello(hello, Serving(OurLog(), hello), kNow).snapshot_from, 20u);
  const auto acked = machine.OnAck({E(4), 0, 0, 0, 5}, kNow).acked;
  ASSERT_TRUE(acked.has_value());
  EXPECT_EQ(acked->durable_seq, 20u);
  EXPECT_EQ(acked->applied_seq, 0u);

  hello.last.digest[0] ^= 1;  // Other bytes: nobody knows how much of it is ours.
  PublisherMachine other(kNow);
  EXPECT_EQ(other.OnHello(hello, Serving(OurLog(), hello), kNow).snapshot_from, 0u);
  EXPECT_EQ(other.OnAck({E(4), 0, 0, 0, 5}, kNow).acked->durable_seq, 0u);
}

TEST(SnapshotTest, WhoHasDivergedGetsOneOfThePrimarysOwnEpoch) {
  const HelloInfo hello = HelloOf(TestLog().Add(E(1), 3).Add(E(2), 9), 10);
  PublisherMachine machine(kNow);
  const PublisherEffects effects = machine.OnHello(hello, Serving(OurLog(), hello), kNow);
  EXPECT_TRUE(effects.send_snapshot);
  EXPECT_EQ(machine.state(), PeerState::kDiverged);
  EXPECT_EQ(effects.snapshot_from, 9u);
}

}  // namespace
}  // namespace holdfast::replication
