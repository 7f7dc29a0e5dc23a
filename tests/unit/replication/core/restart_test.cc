#include "replication/core/restart.h"

#include <gtest/gtest.h>

#include "tests/unit/replication/core/core_testing.h"

namespace holdfast::replication {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
constexpr MonoTime kNow{seconds(1000)};

RestartFacts Facts(uint32_t k, std::vector<std::string> others = {"b"}) {
  const TestLog log = TestLog().Add(E(1), 3).Add(E(4, "a"), 5);
  return {.self = "a",
          .others = std::move(others),
          .promises = {.granted = E(4), .own = E(4), .resumed_from = E(1)},
          .log = log.shape(),
          .setting_k = k,
          .pending_k = {},
          .old_primary_is_down = false};
}
MemberReport Report(std::string id, Epoch epoch = E(4), Epoch granted = E(4),
                    bool primary = false) {
  return {.node_id = std::move(id),
          .primary = primary,
          .epoch = epoch,
          .granted = granted,
          .last = {epoch, 8, {}},
          .committed_seq = 8};
}

// ---- k = 0

TEST(RestartWithoutKTest, AloneResumesAtOnce) {
  RestartMachine m(Facts(0, {}), kNow);
  EXPECT_EQ(m.Begin(kNow).resume, E(5));
  EXPECT_TRUE(m.done());
}

TEST(RestartWithoutKTest, ResumesWhenAllHaveAnsweredAndNobodyKnowsMore) {
  RestartMachine m(Facts(0, {"b", "c"}), kNow);
  EXPECT_TRUE(m.Begin(kNow).ask_reports);
  EXPECT_FALSE(m.OnReport(Report("b"), kNow).resume.has_value());
  EXPECT_EQ(m.OnReport(Report("c"), kNow).resume, E(5));
}

TEST(RestartWithoutKTest, AsksThreeSecondsWhenSomebodyIsSilent) {
  RestartMachine m(Facts(0), kNow);
  m.Begin(kNow);
  EXPECT_TRUE(m.OnTick(kNow + seconds(1)).ask_reports);
  EXPECT_FALSE(m.OnTick(kNow + milliseconds(2999)).resume.has_value());
  EXPECT_EQ(m.OnTick(kNow + seconds(3)).resume, E(5));
}

TEST(RestartWithoutKTest, GivesUpWhenSomebodyKnowsAHigherEpoch) {
  for (const MemberReport& report :
       {Report("b", E(5, "b")), Report("b", E(4), E(6, "c")),
        Report("b", E(5, "b"), E(5, "b"), true), Report("b", E(4), E(7, "a"))}) {
    RestartMachine m(Facts(0), kNow);
    m.Begin(kNow);
    EXPECT_TRUE(m.OnReport(report, kNow).give_up);
    EXPECT_FALSE(m.OnTick(kNow + seconds(4)).resume.has_value());
  }
}

TEST(RestartWithoutKTest, GivesUpWhenItsNewestEpochIsAnothers) {
  RestartFacts facts = Facts(0, {});
  facts.promises.granted = E(5, "b");
  RestartMachine m(facts, kNow);
  EXPECT_TRUE(m.Begin(kNow).give_up);
}

TEST(RestartWithoutKTest, GivesUpWithoutTheStartRecordOfItsNewestEpoch) {
  RestartFacts facts = Facts(0, {});
  facts.promises = {.granted = E(6), .own = E(6), .resumed_from = E(1)};
  RestartMachine m(facts, kNow);
  EXPECT_TRUE(m.Begin(kNow).give_up);
}

TEST(RestartWithoutKTest, GoesOnAfterACrashBetweenTheClaimAndTheStartRecord) {
  RestartFacts facts = Facts(0, {});
  facts.promises = {.granted = E(6), .own = E(6), .resumed_from = E(4)};
  EXPECT_EQ(RestartMachine(facts, kNow).Begin(kNow).resume, E(7));
}

TEST(RestartWithoutKTest, AnEqualNumberOfAnotherNodeCountsAsHigherThanTheLog) {
  RestartFacts facts = Facts(0);
  facts.promises = {.granted = E(6), .own = E(6), .resumed_from = E(4)};
  RestartMachine m(facts, kNow);
  m.Begin(kNow);
  EXPECT_TRUE(m.OnReport(Report("b", E(6, "b"), E(6, "b")), kNow).give_up);
}

TEST(RestartWithoutKTest, ANodeWhoseLogEndsInAnothersEpochNeverTries) {
  RestartFacts facts = Facts(0, {});
  facts.log = TestLog().Add(E(4, "b"), 2).shape();
  EXPECT_FALSE(WasPrimary(facts));
  EXPECT_TRUE(RestartMachine(facts, kNow).Begin(kNow).give_up);
}

// ---- k > 0

GrantAnswer Grant(std::string id, const Epoch& asked, EntryMeta last = {E(4), 8, {}}) {
  return {.node_id = std::move(id),
          .asked = asked,
          .granted = true,
          .granted_before = E(4),
          .last = last,
          .setting_k = 1,
          .pending_k = {},
          .reason = {}};
}
// Self-granted and asking.
RestartMachine Asking(RestartFacts facts) {
  RestartMachine m(std::move(facts), kNow);
  m.Begin(kNow);
  m.OnSelfGranted(kNow);
  return m;
}

TEST(RestartWithKTest, GrantsItselfBeforeItAsks) {
  RestartMachine m(Facts(1), kNow);
  const RestartEffects first = m.Begin(kNow);
  EXPECT_EQ(first.grant_self, E(5));
  EXPECT_TRUE(first.ask_grants.empty());
  EXPECT_EQ(m.OnSelfGranted(kNow).ask_grants, std::vector<std::string>{"b"});
}

TEST(RestartWithKTest, ALoneOneOfTwoWaitsForItsPeer) {
  RestartMachine m = Asking(Facts(1));
  for (int s = 1; s < 60; ++s) EXPECT_FALSE(m.OnTick(kNow + seconds(s)).resume.has_value());
  EXPECT_EQ(m.Waiting(), "waits for grants of epoch 5@a; has 1 of 2");
  EXPECT_EQ(m.OnGrantAnswer(Grant("b", E(5)), kNow).resume, E(5));
}

TEST(RestartWithKTest, TheOperatorsWordReplacesTheOtherGrantsButNotTheQuorum) {
  RestartFacts facts = Facts(1);
  facts.old_primary_is_down = true;
  RestartMachine two(facts, kNow);
  two.Begin(kNow);
  EXPECT_EQ(two.OnSelfGranted(kNow).resume, E(5));
  facts.others = {"b", "c"};
  RestartMachine three = Asking(facts);
  EXPECT_FALSE(three.done());
  EXPECT_TRUE(three.OnGrantAnswer(Grant("c", E(5)), kNow).resume.has_value());
}

TEST(RestartWithKTest, CountsWithTheSmallestAndTheLargestKThatAnybodyKnows) {
  RestartFacts facts = Facts(1, {"b", "c"});
  facts.pending_k = {0};  // N - 0 = all three
  RestartMachine lowered = Asking(facts);
  EXPECT_FALSE(lowered.OnGrantAnswer(Grant("b", E(5)), kNow).resume.has_value());
  EXPECT_TRUE(lowered.OnGrantAnswer(Grant("c", E(5)), kNow).resume.has_value());

  RestartMachine raised = Asking(Facts(1, {"b", "c"}));
  GrantAnswer knows_two = Grant("b", E(5));
  knows_two.pending_k = {2};  // 2 + 1 grants
  EXPECT_FALSE(raised.OnGrantAnswer(knows_two, kNow).resume.has_value());
  EXPECT_TRUE(raised.OnGrantAnswer(Grant("c", E(5)), kNow).resume.has_value());
}

TEST(RestartWithKTest, DoesNotCountRefusalsStrangersOrAnswersToAnotherAsk) {
  RestartMachine m = Asking(Facts(1));
  GrantAnswer refused = Grant("b", E(5));
  refused.granted = false;
  EXPECT_FALSE(m.OnGrantAnswer(refused, kNow).resume.has_value());
  EXPECT_FALSE(m.OnGrantAnswer(Grant("stranger", E(5)), kNow).resume.has_value());
  EXPECT_FALSE(m.OnGrantAnswer(Grant("b", E(4)), kNow).resume.has_value());
  EXPECT_TRUE(m.OnGrantAnswer(Grant("b", E(5)), kNow).resume.has_value());
}

TEST(RestartWithKTest, TriesAgainAboveWhatARefuserHasGranted) {
  RestartMachine m = Asking(Facts(1));
  GrantAnswer refused = Grant("b", E(5));
  refused.granted = false;
  refused.granted_before = E(9, "b");
  m.OnGrantAnswer(refused, kNow);
  EXPECT_EQ(m.OnTick(kNow + seconds(1)).grant_self, E(10));
}

TEST(RestartWithKTest, TriesTheNextNumberWhenARefuserHasPromisedThisOneToAnother) {
  RestartMachine m = Asking(Facts(1));
  GrantAnswer refused = Grant("b", E(5));
  refused.granted = false;
  refused.granted_before = E(5, "b");
  m.OnGrantAnswer(refused, kNow);
  EXPECT_EQ(m.OnTick(kNow + seconds(1)).grant_self, E(6));
  EXPECT_TRUE(m.OnTick(kNow + seconds(3)).grant_self == std::nullopt) << "once";
}

TEST(RestartWithKTest, AsksThoseAgainThatAreSilent) {
  RestartMachine m = Asking(Facts(2, {"b", "c"}));
  m.OnGrantAnswer(Grant("b", E(5)), kNow);
  EXPECT_TRUE(m.OnTick(kNow + milliseconds(900)).ask_grants.empty());
  EXPECT_EQ(m.OnTick(kNow + seconds(1)).ask_grants, std::vector<std::string>{"c"});
}

TEST(RestartWithKTest, IsNotCompleteWhenAGranterHasANewerEpoch) {
  RestartMachine m = Asking(Facts(1));
  const RestartEffects out = m.OnGrantAnswer(Grant("b", E(5), {E(4, "b"), 3, {}}), kNow);
  EXPECT_FALSE(out.resume.has_value());
  EXPECT_EQ(m.Waiting(), "not complete: node b is ahead at 4@b:3, this node ends at 4@a:8");
}

TEST(RestartWithKTest, WhatOthersHaveBeyondItsOwnDiskOfItsOwnEpochWasNeverCommitted) {
  RestartMachine m = Asking(Facts(1));
  EXPECT_EQ(m.OnGrantAnswer(Grant("b", E(5), {E(4), 99, {}}), kNow).resume, E(5));
}

TEST(RestartWithKTest, GivesUpForALivePrimary) {
  RestartMachine m = Asking(Facts(1, {"b", "c"}));
  EXPECT_TRUE(m.OnReport(Report("b", E(6, "b"), E(6, "b"), true), kNow).give_up);
  EXPECT_FALSE(m.OnGrantAnswer(Grant("c", E(5)), kNow).resume.has_value());
}

TEST(RestartWithKTest, PicksAnotherNumberWhenItsOwnGuardHasPromisedMore) {
  RestartMachine m(Facts(1), kNow);
  m.Begin(kNow);
  EXPECT_EQ(m.OnSelfGrantRefused(E(8, "b")).grant_self, E(9));
}

// ---- the voter

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
  EXPECT_EQ(guard.NextEpoch(), E(5, "b"));
  EXPECT_EQ(guard.NextEpoch(7), E(8, "b"));
  EXPECT_FALSE(guard.Claim(E(3, "b"), {}).has_value());
  EXPECT_FALSE(guard.Claim(E(4, "b"), {}).has_value()) << "that number was promised to a";
  EXPECT_FALSE(guard.Claim(E(5, "b"), {}).has_value()) << "something is promised to a";
  guard.GrantSelf(E(5, "b"));
  const auto claimed = guard.Claim(E(5, "b"), E(2, "b"));
  ASSERT_TRUE(claimed.has_value());
  EXPECT_EQ(*claimed, (EpochPromises{E(5, "b"), E(5, "b"), E(2, "b")}));
}

TEST(ConflictTest, WhoAcknowledgedNothingYieldsAndTwoThatDidAreASplit) {
  EXPECT_EQ(JudgeConflict({"a", "b", true, false}), Conflict::kKeep);
  EXPECT_EQ(JudgeConflict({"a", "b", false, true}), Conflict::kYield);
  EXPECT_EQ(JudgeConflict({"a", "b", true, true}), Conflict::kSplit);
  EXPECT_EQ(JudgeConflict({"a", "b", false, false}), Conflict::kYield);
  EXPECT_EQ(JudgeConflict({"b", "a", false, false}), Conflict::kKeep);
}

TEST(RestartByOrderTest, NeedsGrantsEvenWithoutKAndEvenOfANodeThatWasNotPrimary) {
  RestartFacts facts = Facts(0);
  facts.self = "d";
  facts.ordered = true;
  RestartMachine m(facts, kNow);
  EXPECT_EQ(m.Begin(kNow).grant_self, E(5, "d"));
  EXPECT_FALSE(m.OnSelfGranted(kNow).resume.has_value()) << "1 of 2";
  facts.ordered = false;
  RestartMachine without(facts, kNow);
  EXPECT_TRUE(without.Begin(kNow).give_up);
}

}  // namespace
}  // namespace holdfast::replication
