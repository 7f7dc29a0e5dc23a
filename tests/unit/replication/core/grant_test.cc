#include "replication/core/grant.h"

#include <gtest/gtest.h>

#include "tests/unit/replication/core/core_testing.h"

namespace holdfast::replication {
namespace {

VoterFacts Voter() { return {.last = {E(4), 8, {}}, .setting_k = 1, .pending_k = {}}; }

TEST(GrantTest, PersistsFirstAndTellsThePositionAsOfBefore) {
  EpochGuard guard("b", {.granted = E(4), .own = {}, .resumed_from = {}});
  const GrantDecision d = DecideGrant({E(5), {}, true}, guard, Voter());
  EXPECT_TRUE(d.answer.granted);
  ASSERT_TRUE(d.persist.has_value());
  EXPECT_EQ(d.persist->granted, E(5));
  EXPECT_EQ(d.answer.granted_before, E(4));
  EXPECT_EQ(d.answer.last.seq, 8u);
}

TEST(GrantTest, GrantsTheSameAskAgainAndWritesAgainForTheFirstMayNotBeDone) {
  EpochGuard guard("b", {.granted = E(5), .own = {}, .resumed_from = {}});
  const GrantDecision d = DecideGrant({E(5), {}, true}, guard, Voter());
  EXPECT_TRUE(d.answer.granted);
  EXPECT_EQ(d.persist, guard.promises());
}

TEST(GrantTest, RefusesOlderEqualAndEmptyEpochs) {
  for (const Epoch& epoch : {E(3), E(4, "c"), E(0), Epoch{9, ""}}) {
    EpochGuard guard("b", {.granted = E(4), .own = {}, .resumed_from = {}});
    const GrantDecision d = DecideGrant({epoch, {}, true}, guard, Voter());
    EXPECT_FALSE(d.answer.granted) << ToText(epoch);
    EXPECT_FALSE(d.persist.has_value());
    EXPECT_EQ(guard.granted(), E(4));
  }
}

TEST(GrantTest, ThePrimaryAndWhoFollowsALiveOneDoNotGrant) {
  EpochGuard guard("b", {.granted = E(4), .own = {}, .resumed_from = {}});
  VoterFacts primary = Voter();
  primary.primary = true;
  EXPECT_FALSE(DecideGrant({E(5), {}, true}, guard, primary).answer.granted);
  VoterFacts follows = Voter();
  follows.following = "c";
  EXPECT_FALSE(DecideGrant({E(5), {}, true}, guard, follows).answer.granted);
  EXPECT_EQ(guard.granted(), E(4));
  follows.following = "a";  // Its old link to the candidate has not broken yet.
  EXPECT_TRUE(DecideGrant({E(5), {}, true}, guard, follows).answer.granted);
}

// ---- the guard

TEST(EpochGuardTest, TakesAHigherEpochAndAsksToPersistIt) {
  EpochGuard guard("b", {.granted = E(4), .own = {}, .resumed_from = {}});
  const EpochOutcome out = guard.OnSeen(E(6));
  EXPECT_EQ(out.seen, EpochSeen::kHigher);
  EXPECT_EQ(out.persist->granted, E(6));
  EXPECT_EQ(guard.OnSeen(E(5)).seen, EpochSeen::kOlder);
  EXPECT_EQ(guard.OnSeen(E(6, "c")).seen, EpochSeen::kConflict);
  EXPECT_EQ(guard.OnSeen(E(6)).seen, EpochSeen::kCurrent);
  EXPECT_FALSE(guard.OnSeen(E(6)).persist.has_value());
}

TEST(EpochGuardTest, ClaimsNothingBelowItsPromises) {
  EpochGuard guard("b", {.granted = E(4), .own = {}, .resumed_from = {}});
  EXPECT_FALSE(guard.Claim(E(3, "b"), {}).has_value());
  EXPECT_FALSE(guard.Claim(E(4, "b"), {}).has_value()) << "that number was promised to a";
  EXPECT_FALSE(guard.Claim(E(5, "b"), {}).has_value()) << "something is promised to a";
  guard.GrantSelf(E(5, "b"));
  const auto claimed = guard.Claim(E(5, "b"), E(2, "b"));
  ASSERT_TRUE(claimed.has_value());
  EXPECT_EQ(*claimed, (EpochPromises{E(5, "b"), E(5, "b"), E(2, "b"), {}, E(4)}));
}

TEST(ConflictTest, WhoAcknowledgedNothingYieldsAndTwoThatDidAreASplit) {
  EXPECT_EQ(JudgeConflict({"a", "b", true, false}), Conflict::kKeep);
  EXPECT_EQ(JudgeConflict({"a", "b", false, true}), Conflict::kYield);
  EXPECT_EQ(JudgeConflict({"a", "b", true, true}), Conflict::kSplit);
  EXPECT_EQ(JudgeConflict({"a", "b", false, false}), Conflict::kYield);
  EXPECT_EQ(JudgeConflict({"b", "a", false, false}), Conflict::kKeep);
}

}  // namespace
}  // namespace holdfast::replication
