#include "replication/core/follower.h"

#include <gtest/gtest.h>

#include "server/base/limits.h"
#include "tests/unit/replication/core/core_testing.h"

namespace holdfast::replication {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
constexpr MonoTime kNow{seconds(1000)};

HelloAnswerInfo Answer(HelloVerdict verdict, const Epoch& epoch, uint64_t first_seq = 7) {
  return {.verdict = verdict,
          .epoch = epoch,
          .cut_after_seq = 5,
          .reason = "why",
          .committed_seq = 6,
          .history = {{E(1), 1, {}}, {epoch, first_seq, {}}}};
}

// Dialed, connected, hello sent; this node has granted 3@a.
FollowerMachine AtHello() {
  FollowerMachine m(E(3));
  m.OnPrimaryKnown("a", kNow);
  m.OnConnected(kNow);
  return m;
}
FollowerMachine Streaming() {
  FollowerMachine m = AtHello();
  m.OnHelloAnswer(Answer(HelloVerdict::kContinue, E(3)), kNow);
  return m;
}
HeartbeatInfo Beat(uint64_t head, uint64_t committed, MonoTime echo) {
  return {E(3), head, committed, ToEcho(echo)};
}

TEST(FollowerTest, DialsWhoeverIsPrimaryAndSaysHello) {
  FollowerMachine m(E(3));
  EXPECT_FALSE(m.OnTick(kNow).dial.has_value());
  EXPECT_EQ(m.OnPrimaryKnown("a", kNow).dial, "a");
  EXPECT_FALSE(m.OnPrimaryKnown("a", kNow).dial.has_value()) << "is being dialed";
  EXPECT_TRUE(m.OnConnected(kNow).send_hello);
}

TEST(FollowerTest, FollowsFromWhereThePrimarysEpochBegan) {
  FollowerMachine m = AtHello();
  const FollowerEffects effects = m.OnHelloAnswer(Answer(HelloVerdict::kContinue, E(3)), kNow);
  EXPECT_TRUE(effects.follow);
  EXPECT_EQ(effects.follow_epoch, E(3));
  EXPECT_EQ(effects.follow_first_seq, 7u);
  EXPECT_TRUE(effects.send_ack);
}

TEST(FollowerTest, KeepsTheHistoryOfTheAnswerThatItAccepted) {
  FollowerMachine m = AtHello();
  EXPECT_TRUE(m.answer_history().empty());
  const HelloAnswerInfo answer = Answer(HelloVerdict::kSnapshot, E(3));
  m.OnHelloAnswer(answer, kNow);
  EXPECT_EQ(m.answer_history(), answer.history);
  HelloAnswerInfo refused = Answer(HelloVerdict::kContinue, E(2));
  FollowerMachine other = AtHello();
  other.OnHelloAnswer(refused, kNow);
  EXPECT_TRUE(other.answer_history().empty());
}

TEST(FollowerTest, PersistsAHigherEpochBeforeItAcknowledgesAnything) {
  FollowerMachine m = AtHello();
  const FollowerEffects first = m.OnHelloAnswer(Answer(HelloVerdict::kContinue, E(4, "b")), kNow);
  EXPECT_EQ(first.persist_epoch, E(4, "b"));
  EXPECT_FALSE(first.follow);
  EXPECT_FALSE(first.send_ack);
  EXPECT_FALSE(m.OnEpochPersisted(E(3)).follow);
  EXPECT_TRUE(m.OnEpochPersisted(E(4, "b")).follow);
}

TEST(FollowerTest, PersistsAgainWhenTheLinkEndedBeforeTheFirstTimeWasDone) {
  FollowerMachine m = AtHello();
  m.OnHelloAnswer(Answer(HelloVerdict::kContinue, E(4, "b")), kNow);
  m.OnDisconnected(kNow, 0);
  m.OnTick(kNow);
  m.OnConnected(kNow);
  const FollowerEffects again = m.OnHelloAnswer(Answer(HelloVerdict::kContinue, E(4, "b")), kNow);
  EXPECT_EQ(again.persist_epoch, E(4, "b"));
  EXPECT_FALSE(again.send_ack);
  EXPECT_TRUE(m.OnEpochPersisted(E(4, "b")).follow);
  m.OnDisconnected(kNow, 0);
  m.OnTick(kNow + seconds(1));
  m.OnConnected(kNow);
  EXPECT_TRUE(m.OnHelloAnswer(Answer(HelloVerdict::kContinue, E(4, "b")), kNow).follow);
}

TEST(FollowerTest, RefusesAnOlderEpochAndAnotherOneOfTheSameNumber) {
  for (const Epoch& epoch : {E(2), E(3, "b")}) {
    FollowerMachine m = AtHello();
    EXPECT_EQ(m.OnHelloAnswer(Answer(HelloVerdict::kContinue, epoch), kNow).drop,
              FollowerDrop::kOldEpoch);
  }
}

TEST(FollowerTest, RefusesAnAnswerThatDoesNotTellWhereItsEpochBegan) {
  FollowerMachine m = AtHello();
  HelloAnswerInfo answer = Answer(HelloVerdict::kContinue, E(3));
  answer.history.pop_back();
  EXPECT_EQ(m.OnHelloAnswer(answer, kNow).drop, FollowerDrop::kBadFrame);
}

TEST(FollowerTest, CutsBeforeItFollows) {
  FollowerMachine m = AtHello();
  const FollowerEffects cut = m.OnHelloAnswer(Answer(HelloVerdict::kCut, E(3)), kNow);
  EXPECT_EQ(cut.cut_after, 5u);
  EXPECT_FALSE(cut.follow);
  EXPECT_TRUE(m.OnCutDone(true).follow);
}

TEST(FollowerTest, IsDivergedWhenAskedToCutWhatItHasShown) {
  FollowerMachine m = AtHello();
  m.OnHelloAnswer(Answer(HelloVerdict::kCut, E(3)), kNow);
  EXPECT_EQ(m.OnCutDone(false).drop, FollowerDrop::kDiverged);
  EXPECT_EQ(m.state(kNow), PeerState::kDiverged);
}

TEST(FollowerTest, ShowsSignsOfLifeWithoutPositionsWhileASnapshotComes) {
  FollowerMachine m = AtHello();
  EXPECT_TRUE(m.OnHelloAnswer(Answer(HelloVerdict::kSnapshot, E(3)), kNow).begin_snapshot);
  EXPECT_EQ(m.state(kNow), PeerState::kSnapshot);
  EXPECT_TRUE(m.OnTick(kNow).send_ack);
  EXPECT_EQ(m.MakeAck(9, 8, 7, kNow), (AckInfo{E(3), 0, 0, 0, ToEcho(kNow)}));
  EXPECT_TRUE(m.OnSnapshotInstalled().follow);
  EXPECT_EQ(m.MakeAck(9, 8, 7, kNow), (AckInfo{E(3), 9, 8, 7, ToEcho(kNow)}));
}

TEST(FollowerTest, TakesNoVerdictTwiceAndNoFrameTooEarly) {
  FollowerMachine streaming = Streaming();
  EXPECT_EQ(streaming.OnHelloAnswer(Answer(HelloVerdict::kContinue, E(3)), kNow).drop,
            FollowerDrop::kBadFrame);
  FollowerMachine early = AtHello();
  EXPECT_EQ(early.OnBatch(E(3), 9, kNow).drop, FollowerDrop::kBadFrame);
  early = AtHello();
  EXPECT_EQ(early.OnHeartbeat(Beat(9, 9, kNow), kNow).drop, FollowerDrop::kBadFrame);
}

TEST(FollowerTest, DropsFramesOfAnotherEpoch) {
  FollowerMachine m = Streaming();
  EXPECT_EQ(m.OnBatch(E(4), 9, kNow).drop, FollowerDrop::kOtherEpoch);
  m = Streaming();
  HeartbeatInfo beat = Beat(9, 9, kNow);
  beat.epoch = E(2);
  EXPECT_EQ(m.OnHeartbeat(beat, kNow).drop, FollowerDrop::kOtherEpoch);
}

TEST(FollowerTest, EndsAnOldLinkTheMomentItGrantsANewerEpoch) {
  FollowerMachine m = Streaming();
  EXPECT_FALSE(m.OnGranted(E(3)).drop.has_value());
  EXPECT_EQ(m.OnGranted(E(4, "c")).drop, FollowerDrop::kOldEpoch);
  EXPECT_FALSE(m.OnLogMoved(9).send_ack);
}

TEST(FollowerTest, TellsRefusalsApart) {
  FollowerMachine m = AtHello();
  EXPECT_EQ(m.OnHelloAnswer(Answer(HelloVerdict::kHigherEpoch, E(3)), kNow).drop_detail, "why");
  m = Streaming();
  EXPECT_EQ(m.OnBatchRefused(false, "gap").drop, FollowerDrop::kBadFrame);
  EXPECT_EQ(m.state(kNow), PeerState::kConnecting);
  m = Streaming();
  EXPECT_EQ(m.OnBatchRefused(true, "digest").drop, FollowerDrop::kDiverged);
  EXPECT_EQ(m.state(kNow), PeerState::kDiverged);
  m = Streaming();
  EXPECT_EQ(m.OnUpgradeRequired("kind 9").drop, FollowerDrop::kUpgradeRequired);
  EXPECT_EQ(m.state(kNow), PeerState::kUpgradeRequired);
}

// Milliseconds that pass before the node dials again; `random` 1 - epsilon draws the full back-off.
int64_t WaitAfterFailure(FollowerMachine& m, MonoTime& now, double random) {
  m.OnDisconnected(now, random);
  for (int64_t ms = 0; ms <= 6000; ++ms) {
    if (m.OnTick(now + milliseconds(ms)).dial.has_value()) {
      now += milliseconds(ms);
      return ms;
    }
  }
  return -1;
}

TEST(FollowerTest, ReconnectsAtOnceThenFrom100MsDoublingTo5S) {
  FollowerMachine m(E(3));
  MonoTime now = kNow;
  m.OnPrimaryKnown("a", now);
  std::vector<int64_t> waits;
  for (int i = 0; i < 9; ++i) waits.push_back(WaitAfterFailure(m, now, 0.999999));
  EXPECT_EQ(waits, (std::vector<int64_t>{0, 100, 200, 400, 800, 1600, 3200, 5000, 5000}));
}

TEST(FollowerTest, DrawsTheJitterFromTheNumberGiven) {
  FollowerMachine m(E(3));
  MonoTime now = kNow;
  m.OnPrimaryKnown("a", now);
  WaitAfterFailure(m, now, 0);
  EXPECT_EQ(WaitAfterFailure(m, now, 0), 50);
  EXPECT_EQ(WaitAfterFailure(m, now, 0.5), 150);
}

TEST(FollowerTest, AStreamThatBreaksAtOnceDoesNotEndTheBackOff) {
  FollowerMachine m(E(3));
  MonoTime now = kNow;
  m.OnPrimaryKnown("a", now);
  for (int i = 0; i < 4; ++i) {
    m.OnConnected(now);
    m.OnHelloAnswer(Answer(HelloVerdict::kContinue, E(3)), now);
    m.OnHeartbeat(Beat(9, 9, now), now);
    WaitAfterFailure(m, now, 0.999999);
  }
  EXPECT_EQ(WaitAfterFailure(m, now, 0.999999), 800);
  m.OnConnected(now);
  m.OnHelloAnswer(Answer(HelloVerdict::kContinue, E(3)), now);
  m.OnHeartbeat(Beat(9, 9, now), now);
  m.OnHeartbeat(Beat(9, 9, now), now + seconds(1));
  now += seconds(1);
  EXPECT_EQ(WaitAfterFailure(m, now, 0.999999), 0);
}

TEST(FollowerTest, GivesUpASilentLinkAndASilentDial) {
  FollowerMachine m = Streaming();
  EXPECT_FALSE(m.OnTick(kNow + seconds(10)).drop.has_value());
  EXPECT_EQ(m.OnTick(kNow + milliseconds(10001)).drop, FollowerDrop::kSilent);
  FollowerMachine dialing(E(3));
  dialing.OnPrimaryKnown("a", kNow);
  EXPECT_EQ(dialing.OnTick(kNow + milliseconds(10001)).drop, FollowerDrop::kSilent);
}

// It gives no grant then (docs/promotion.md): a snapshot takes longer than a stream's silence.
TEST(FollowerTest, FollowsWhileItStreamsAndWhileASnapshotComes) {
  EXPECT_FALSE(AtHello().following(kNow));
  FollowerMachine m = AtHello();
  m.OnHelloAnswer(Answer(HelloVerdict::kSnapshot, E(3)), kNow);
  EXPECT_TRUE(m.following(kNow + seconds(3)));
  EXPECT_FALSE(m.following(kNow + milliseconds(3001)));
  m.OnProgress(kNow + seconds(3));
  EXPECT_TRUE(m.following(kNow + seconds(6)));
  EXPECT_TRUE(Streaming().following(kNow));
  EXPECT_FALSE(Streaming().following(kNow + milliseconds(3001)));
}

TEST(FollowerTest, ChangesToANewPrimaryAtOnce) {
  FollowerMachine m = Streaming();
  EXPECT_EQ(m.OnPrimaryKnown("b", kNow).drop, FollowerDrop::kNewPrimary);
  m.OnDisconnected(kNow, 0.9);
  EXPECT_EQ(m.OnTick(kNow).dial, "b");
}

TEST(FollowerTest, KeepsARunningStreamWhenReportsNameNobody) {
  FollowerMachine m = Streaming();
  EXPECT_FALSE(m.OnPrimaryKnown(std::nullopt, kNow).drop.has_value());
  EXPECT_TRUE(m.streaming());
  m.OnDisconnected(kNow, 0.9);
  m.OnPrimaryKnown(std::nullopt, kNow);
  EXPECT_FALSE(m.OnTick(kNow + seconds(9)).dial.has_value());
}

TEST(FollowerTest, AgeIsUnknownNotZeroWithoutAHeartbeatThatEchoes) {
  FollowerMachine m = Streaming();
  EXPECT_EQ(m.LinkAgeSeconds(kNow), std::nullopt);
  EXPECT_EQ(m.LagSeconds(kNow), std::nullopt);
  EXPECT_EQ(m.LagRecords(), std::nullopt);
  m.OnHeartbeat({E(3), 9, 9, 0}, kNow);
  EXPECT_EQ(m.LinkAgeSeconds(kNow), std::nullopt);
  m.OnHeartbeat(Beat(9, 9, kNow + seconds(5)), kNow);
  EXPECT_EQ(m.LinkAgeSeconds(kNow), std::nullopt) << "an echo from the future is not ours";
}

TEST(FollowerTest, AgeCountsFromItsOwnSending) {
  FollowerMachine m = Streaming();
  m.OnLogMoved(9);
  m.OnHeartbeat(Beat(9, 9, kNow), kNow + milliseconds(700));
  EXPECT_DOUBLE_EQ(*m.LinkAgeSeconds(kNow + milliseconds(700)), 0.7);
  EXPECT_DOUBLE_EQ(*m.LagSeconds(kNow + milliseconds(900)), 0.9);
  m.OnHeartbeat(Beat(9, 9, kNow - seconds(2)), kNow + seconds(1));
  EXPECT_DOUBLE_EQ(*m.LinkAgeSeconds(kNow + seconds(1)), 1.0) << "a late frame makes nothing older";
}

TEST(FollowerTest, LagCountsFromTheNewestStateThatIsAppliedWhole) {
  FollowerMachine m = Streaming();
  m.OnLogMoved(9);
  m.OnHeartbeat(Beat(9, 9, kNow), kNow);
  m.OnHeartbeat(Beat(20, 15, kNow + seconds(1)), kNow + seconds(1));
  EXPECT_DOUBLE_EQ(*m.LagSeconds(kNow + seconds(2)), 2.0);
  EXPECT_DOUBLE_EQ(*m.LinkAgeSeconds(kNow + seconds(2)), 1.0);
  EXPECT_EQ(m.LagRecords(), 11u);
  m.OnLogMoved(14);
  EXPECT_DOUBLE_EQ(*m.LagSeconds(kNow + seconds(2)), 2.0);
  m.OnLogMoved(15);
  EXPECT_DOUBLE_EQ(*m.LagSeconds(kNow + seconds(2)), 1.0);
}

TEST(FollowerTest, AgesGoOnGrowingWhileTheLinkIsDown) {
  FollowerMachine m = Streaming();
  m.OnLogMoved(9);
  m.OnHeartbeat(Beat(9, 9, kNow), kNow);
  m.OnDisconnected(kNow + seconds(1), 0.5);
  EXPECT_DOUBLE_EQ(*m.LagSeconds(kNow + seconds(60)), 60.0);
}

TEST(FollowerTest, NamesItsStates) {
  FollowerMachine m(E(3));
  EXPECT_EQ(m.state(kNow), PeerState::kConnecting);
  m = Streaming();
  EXPECT_EQ(m.state(kNow), PeerState::kCatchup);
  m.OnLogMoved(9);
  m.OnHeartbeat(Beat(9, 9, kNow), kNow);
  EXPECT_EQ(m.state(kNow), PeerState::kStreaming);
  EXPECT_EQ(m.state(kNow + milliseconds(3001)), PeerState::kStale);
  MonoTime now = kNow;
  for (int i = 0; i < 5; ++i) WaitAfterFailure(m, now, 0.5);
  EXPECT_EQ(m.state(now), PeerState::kDown);
}

TEST(PickPrimaryTest, TakesTheHighestEpochThatIsNotOlderThanGranted) {
  const auto report = [](std::string id, bool primary, Epoch epoch) {
    return MemberReport{.node_id = std::move(id), .primary = primary, .epoch = std::move(epoch)};
  };
  EXPECT_EQ(PickPrimary({report("a", true, E(3)), report("b", true, E(5, "b")),
                         report("c", false, E(7, "c"))},
                        E(3)),
            "b");
  EXPECT_EQ(PickPrimary({report("a", true, E(3))}, E(4)), std::nullopt);
  EXPECT_EQ(PickPrimary({report("a", true, E(3))}, E(3, "b")), std::nullopt);
  EXPECT_EQ(PickPrimary({}, E(0)), std::nullopt);
}

}  // namespace
}  // namespace holdfast::replication
