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
  EXPECT_EQ(rule.OnVoter("d", true), 15u);
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
  EXPECT_EQ(rule.OnVoter("c", false), 14u);
  EXPECT_EQ(rule.connected(), 1u);
  rule.OnAck("b", Durable(20));
  EXPECT_EQ(rule.OnAck("c", Durable(20)), 14u);
  EXPECT_EQ(rule.OnVoter("c", true), 20u) << "its stream was known all the time";
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

}  // namespace
}  // namespace holdfast::replication
