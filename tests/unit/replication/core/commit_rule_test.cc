#include "replication/core/commit_rule.h"

#include <gtest/gtest.h>

#include "tests/unit/replication/core/core_testing.h"

namespace holdfast::replication {
namespace {

// Epoch 3 began at 11; 8 was committed before; 9 and 10 are pending.
CommitStart Start(uint32_t k, std::vector<KSetting> pending = {}) {
  return {.epoch = E(3),
          .start_seq = 11,
          .committed_seq = 8,
          .k = k,
          .pending = std::move(pending),
          .voters = {"b", "c"}};
}
AckInfo Durable(uint64_t seq, const Epoch& epoch = E(3)) { return {epoch, seq, seq, seq, 1}; }

TEST(CommitRuleTest, WithoutKOwnDurabilitySuffices) {
  CommitRule rule(Start(0));
  EXPECT_EQ(rule.OnOwnDurable(13), 13u);
}

TEST(CommitRuleTest, NeedsBothThisNodeAndKOthers) {
  CommitRule rule(Start(1));
  rule.OnConnected("b");
  EXPECT_EQ(rule.OnOwnDurable(13), 8u);
  EXPECT_EQ(rule.OnAck("b", Durable(12)), 12u);
  EXPECT_EQ(rule.OnAck("b", Durable(15)), 13u);
}

TEST(CommitRuleTest, TakesTheKthOfTheOthers) {
  CommitRule rule(Start(2));
  rule.OnConnected("b");
  rule.OnConnected("c");
  rule.OnOwnDurable(20);
  EXPECT_EQ(rule.OnAck("b", Durable(20)), 8u);
  EXPECT_EQ(rule.OnAck("c", Durable(14)), 14u);
}

TEST(CommitRuleTest, CommitsNothingOfOlderEpochsBeforeTheStartRecord) {
  CommitRule rule(Start(0));
  EXPECT_EQ(rule.OnOwnDurable(10), 8u);
  EXPECT_EQ(rule.OnOwnDurable(11), 11u);
}

TEST(CommitRuleTest, DoesNotCountAnotherEpochNorANonVoterNorAStranger) {
  CommitRule rule(Start(1));
  rule.OnOwnDurable(20);
  EXPECT_EQ(rule.OnAck("stranger", Durable(20)), 8u);
  rule.OnConnected("b");
  EXPECT_EQ(rule.OnAck("b", Durable(20, E(2))), 8u);
  EXPECT_EQ(rule.OnAck("b", Durable(20, E(4))), 8u);
  EXPECT_EQ(rule.OnAck("b", Durable(20, E(3, "x"))), 8u);
  rule.OnConnected("never-votes");
  EXPECT_EQ(rule.OnAck("never-votes", Durable(20)), 8u);
}

TEST(CommitRuleTest, ReceivedIsNotDurable) {
  CommitRule rule(Start(1));
  rule.OnConnected("b");
  rule.OnOwnDurable(20);
  EXPECT_EQ(rule.OnAck("b", {E(3), 20, 12, 11, 1}), 12u);
}

TEST(CommitRuleTest, ForgetsWhatAnEarlierStreamAcknowledgedButNotWhatIsCommitted) {
  CommitRule rule(Start(1));
  rule.OnConnected("b");
  rule.OnOwnDurable(12);
  ASSERT_EQ(rule.OnAck("b", Durable(20)), 12u);
  rule.OnConnected("b");
  EXPECT_EQ(rule.OnOwnDurable(20), 12u);
  EXPECT_EQ(rule.OnAck("b", Durable(13)), 13u);
}

TEST(CommitRuleTest, NeverGoesBack) {
  CommitRule rule(Start(0));
  rule.OnOwnDurable(15);
  EXPECT_EQ(rule.OnOwnDurable(12), 15u);
}

TEST(CommitRuleTest, ARaisedKCountsForWhatFollowsItsRecord) {
  CommitRule rule(Start(0));
  rule.OnConnected("b");
  rule.OnOwnDurable(12);
  rule.OnSettingAppended({13, 1});
  EXPECT_EQ(rule.OnOwnDurable(16), 13u);
  EXPECT_EQ(rule.k(), 1u);
  EXPECT_EQ(rule.OnAck("b", Durable(15)), 15u);
}

TEST(CommitRuleTest, ALoweredKIsCommittedUnderTheOldOneFirst) {
  CommitRule rule(Start(1));
  rule.OnConnected("b");
  rule.OnOwnDurable(12);
  rule.OnAck("b", Durable(12));
  rule.OnSettingAppended({13, 0});
  EXPECT_EQ(rule.OnOwnDurable(16), 12u);
  EXPECT_EQ(rule.OnAck("b", Durable(13)), 16u);
}

TEST(CommitRuleTest, ANewEpochStartsUnderTheLargestKThatMightHold) {
  CommitRule raised(Start(0, {{9, 1}}));
  EXPECT_EQ(raised.OnOwnDurable(20), 8u);
  raised.OnConnected("b");
  EXPECT_EQ(raised.OnAck("b", Durable(11)), 11u);
  EXPECT_EQ(raised.k(), 1u);

  CommitRule lowered(Start(1, {{9, 0}}));
  EXPECT_EQ(lowered.OnOwnDurable(20), 8u);
  lowered.OnConnected("b");
  EXPECT_EQ(lowered.OnAck("b", Durable(11)), 20u);
}

TEST(CommitRuleTest, MoreThanThereAreNeverCommits) {
  CommitRule rule(Start(3));
  rule.OnConnected("b");
  rule.OnConnected("c");
  rule.OnOwnDurable(20);
  rule.OnAck("b", Durable(20));
  EXPECT_EQ(rule.OnAck("c", Durable(20)), 8u);
}

TEST(CommitRuleTest, AnswersAtTheLevelAskedForAndNeverBeforeTheCommit) {
  CommitRule rule(Start(1));
  rule.OnConnected("b");
  rule.OnOwnDurable(20);
  rule.OnAck("b", {E(3), 15, 13, 12, 1});
  EXPECT_FALSE(rule.Answerable(Level::kLocal, 0, 14));
  EXPECT_TRUE(rule.Answerable(Level::kLocal, 0, 13));
  EXPECT_FALSE(rule.Answerable(Level::kReceived, 1, 14));
  EXPECT_TRUE(rule.Answerable(Level::kReceived, 1, 13));
  EXPECT_FALSE(rule.Answerable(Level::kDurable, 2, 13));
  EXPECT_TRUE(rule.Answerable(Level::kDurable, 1, 13));
  EXPECT_FALSE(rule.Answerable(Level::kApplied, 1, 13));
  EXPECT_TRUE(rule.Answerable(Level::kApplied, 1, 12));
}

TEST(CommitRuleTest, AFollowerCountsAsConnectedFromItsFirstAcknowledgementToItsEnd) {
  CommitRule rule(Start(1));
  EXPECT_TRUE(rule.ConnectedEnough(0));
  rule.OnConnected("b");
  EXPECT_FALSE(rule.ConnectedEnough());
  rule.OnAck("b", Durable(8));
  EXPECT_TRUE(rule.ConnectedEnough());
  EXPECT_FALSE(rule.ConnectedEnough(2));
  rule.OnDisconnected("b");
  EXPECT_FALSE(rule.ConnectedEnough());
}

TEST(CommitRuleTest, AMemberCountsFromTheMomentThatItVotes) {
  CommitRule rule(Start(1));
  rule.OnOwnDurable(20);
  rule.OnConnected("d");
  EXPECT_EQ(rule.OnAck("d", Durable(15)), 8u);
  EXPECT_FALSE(rule.Answerable(Level::kReceived, 1, 8));
  EXPECT_FALSE(rule.ConnectedEnough());
  EXPECT_EQ(rule.OnVoterAppended(12, "d", true), 8u) << "under the old members";
  rule.OnConnected("b");
  EXPECT_EQ(rule.OnAck("b", Durable(12)), 15u) << "what follows the record, with the new one";
  EXPECT_TRUE(rule.ConnectedEnough());
  EXPECT_TRUE(rule.Answerable(Level::kReceived, 1, 15));
}

TEST(CommitRuleTest, AMemberThatVotesNoMoreCountsNoMoreAndTakesNothingBack) {
  CommitRule rule(Start(2));
  rule.OnOwnDurable(20);
  for (const char* id : {"b", "c"}) {
    rule.OnConnected(id);
    rule.OnAck(id, Durable(14));
  }
  ASSERT_EQ(rule.committed_seq(), 14u);
  EXPECT_EQ(rule.OnVoterAppended(15, "c", false), 14u);
  EXPECT_EQ(rule.OnAck("b", Durable(20)), 14u);
  EXPECT_EQ(rule.OnAck("c", Durable(20)), 15u) << "its own leaving, and nothing behind it";
  EXPECT_EQ(rule.connected(), 1u);
}

TEST(CommitRuleTest, AStreamThatEndsLateDoesNotTakeTheNextOneWithIt) {
  CommitRule rule(Start(1));
  rule.OnOwnDurable(20);
  rule.OnConnected("b");
  rule.OnAck("b", Durable(9));
  rule.OnConnected("b");
  rule.OnDisconnected("b");
  EXPECT_EQ(rule.OnAck("b", Durable(12)), 12u);
  EXPECT_TRUE(rule.ConnectedEnough());
  rule.OnDisconnected("b");
  EXPECT_FALSE(rule.ConnectedEnough());
}

TEST(CommitRuleTest, AStreamRefusedBeforeTheEpochMayEndWithinIt) {
  CommitRule rule(Start(1));
  rule.OnOwnDurable(20);
  rule.OnConnected("b");
  rule.OnDisconnected("b");  // the refused one, of which this rule was never told
  EXPECT_EQ(rule.OnAck("b", Durable(12)), 12u);
  EXPECT_TRUE(rule.ConnectedEnough());
  rule.OnDisconnected("b");
  EXPECT_FALSE(rule.ConnectedEnough());
}

// ---- Degrade.

using std::chrono::seconds;
constexpr MonoTime kNow{seconds(1000)};

CommitStart Degrading(uint32_t k, std::vector<KSetting> pending = {}) {
  CommitStart start = Start(k, std::move(pending));
  start.degrade = true;
  return start;
}

TEST(DegradeTest, CommitsAloneAfterTheWaitAndSaysSo) {
  CommitRule rule(Degrading(1));
  rule.OnOwnDurable(13);
  EXPECT_TRUE(rule.ConnectedEnough()) << "nothing is refused";
  EXPECT_EQ(rule.OnTick(kNow), 8u);
  EXPECT_EQ(rule.OnTick(kNow + seconds(4)), 8u);
  EXPECT_FALSE(rule.degraded());
  EXPECT_EQ(rule.OnTick(kNow + seconds(5)), 13u);
  EXPECT_TRUE(rule.degraded());
  EXPECT_TRUE(rule.Answerable(Level::kDurable, 1, 13));
  EXPECT_EQ(rule.OnOwnDurable(14), 14u) << "from then on at once";
}

TEST(DegradeTest, IsBackWithKOnceTheyHaveAllThatIsCommitted) {
  CommitRule rule(Degrading(1));
  rule.OnOwnDurable(13);
  rule.OnTick(kNow);
  rule.OnTick(kNow + seconds(5));
  rule.OnConnected("b");
  rule.OnAck("b", Durable(12));
  EXPECT_TRUE(rule.degraded());
  rule.OnAck("b", Durable(13));
  EXPECT_FALSE(rule.degraded());
  EXPECT_EQ(rule.OnOwnDurable(20), 13u);
  EXPECT_EQ(rule.OnAck("b", Durable(20)), 20u);
}

TEST(DegradeTest, TheWaitCountsForEachRecordAnew) {
  CommitRule rule(Degrading(1));
  rule.OnConnected("b");
  rule.OnOwnDurable(13);
  rule.OnTick(kNow);
  rule.OnAck("b", Durable(13));
  rule.OnOwnDurable(14);
  EXPECT_EQ(rule.OnTick(kNow + seconds(5)), 13u);
  EXPECT_FALSE(rule.degraded());
  EXPECT_EQ(rule.OnTick(kNow + seconds(10)), 14u);
}

TEST(DegradeTest, BlockNeverCommitsAlone) {
  CommitRule rule(Start(1));
  rule.OnOwnDurable(13);
  for (int s = 0; s < 100; ++s) EXPECT_EQ(rule.OnTick(kNow + seconds(s)), 8u);
}

TEST(DegradeTest, TheStartRecordIsCommittedAloneOnlyIfEverySettingInTheLogSaysSo) {
  for (const bool degrade : {false, true}) {
    CommitRule rule(Degrading(1, {{9, 1, degrade}}));
    rule.OnOwnDurable(11);
    rule.OnTick(kNow);
    EXPECT_EQ(rule.OnTick(kNow + seconds(5)), degrade ? 11u : 8u);
  }
}

TEST(DegradeTest, ASettingWithBlockEndsIt) {
  CommitRule rule(Degrading(1));
  rule.OnOwnDurable(13);
  rule.OnTick(kNow);
  rule.OnTick(kNow + seconds(5));
  rule.OnSettingAppended({14, 1});
  EXPECT_EQ(rule.OnOwnDurable(14), 14u);
  EXPECT_FALSE(rule.degraded());
  EXPECT_EQ(rule.OnOwnDurable(15), 14u);
}

// ---- Members.

TEST(VoterTest, AChangeOfMembersCountsForWhatFollowsItsRecord) {
  CommitRule rule(Start(1));
  for (const char* id : {"b", "c"}) rule.OnConnected(id);
  rule.OnOwnDurable(11);
  rule.OnAck("c", Durable(11));
  rule.OnVoterAppended(12, "c", false);
  rule.OnOwnDurable(13);
  EXPECT_EQ(rule.OnAck("c", Durable(13)), 12u) << "c has no say about 13";
  EXPECT_EQ(rule.OnAck("b", Durable(13)), 13u);
}

TEST(VoterTest, AMemberAndASettingBehindEachOtherCountInTurn) {
  CommitRule rule(Start(1));
  for (const char* id : {"b", "c", "d"}) rule.OnConnected(id);
  rule.OnAck("d", Durable(20));
  rule.OnOwnDurable(11);
  rule.OnAck("b", Durable(11));
  rule.OnVoterAppended(12, "d", true);
  rule.OnSettingAppended({13, 2});
  rule.OnOwnDurable(20);
  EXPECT_EQ(rule.OnAck("b", Durable(12)), 13u) << "12 by b, 13 by d, 14 needs two";
  EXPECT_EQ(rule.OnAck("b", Durable(15)), 15u);
}

// ---- The start record.

TEST(StartRecordTest, ASettingInItCountsAtOnceForThatVeryRecord) {
  CommitRule rule(Start(2, {{9, 2}}));
  rule.OnSettingAppended({11, 0});
  EXPECT_EQ(rule.OnOwnDurable(12), 12u);
  EXPECT_EQ(rule.k(), 0u);
  CommitRule raised(Start(0));
  raised.OnSettingAppended({11, 1});
  EXPECT_EQ(raised.OnOwnDurable(12), 8u);
  raised.OnConnected("b");
  EXPECT_EQ(raised.OnAck("b", Durable(12)), 12u);
}

TEST(StartRecordTest, MustBeDurableOnKOfEachSetOfVotersInTheLog) {
  CommitStart start = Start(1);
  start.pending_voters = {{"b", "c", "d"}, {"c", "d"}};
  CommitRule rule(std::move(start));
  rule.OnOwnDurable(12);
  for (const char* id : {"b", "c", "d"}) rule.OnConnected(id);
  EXPECT_EQ(rule.OnAck("b", Durable(12)), 8u) << "b may not vote any more";
  EXPECT_EQ(rule.OnAck("d", Durable(12)), 12u);
}

TEST(StartRecordTest, AllOfASetAreEnoughForAKOfAnotherOne) {
  CommitStart start = Start(2);
  start.pending_voters = {{"b"}};
  CommitRule rule(std::move(start));
  rule.OnOwnDurable(12);
  for (const char* id : {"b", "c"}) rule.OnConnected(id);
  rule.OnAck("c", Durable(12));
  EXPECT_EQ(rule.OnAck("b", Durable(12)), 11u);
}

}  // namespace
}  // namespace holdfast::replication
