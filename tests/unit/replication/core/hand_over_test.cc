#include "replication/core/hand_over.h"

#include <gtest/gtest.h>

#include "replication/core/grant.h"
#include "replication/core/switchover.h"
#include "tests/unit/replication/core/core_testing.h"

namespace holdfast::replication {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
constexpr MonoTime kNow{seconds(1000)};

// ---- The primary, until it steps down.

constexpr SwitchoverProgress kThere{.head = 10,
                                    .committed = 10,
                                    .target_votes = true,
                                    .target_streams = true,
                                    .target_durable = 10};

TEST(SwitchoverTest, DrainsThenAppendsThenStepsDownOnceTheTargetHasTheRecord) {
  SwitchoverMachine m("b", kNow);
  SwitchoverProgress p = kThere;
  p.target_durable = 9;
  EXPECT_TRUE(m.Begin(p).hold_writes);
  EXPECT_FALSE(m.OnProgress(p, kNow).append_hand_over);
  EXPECT_TRUE(m.OnProgress(kThere, kNow).append_hand_over);
  EXPECT_FALSE(m.OnProgress(kThere, kNow).append_hand_over) << "once";
  m.OnHandOverAppended(11);
  p.committed = p.head = 11;
  p.target_durable = 10;
  EXPECT_FALSE(m.OnProgress(p, kNow).step_down);
  p.target_durable = 11;
  EXPECT_TRUE(m.OnProgress(p, kNow).step_down);
  EXPECT_TRUE(m.done());
}

TEST(SwitchoverTest, RefusesATargetThatIsNotCaughtUp) {
  SwitchoverProgress p = kThere;
  p.head = 10 + kSwitchoverBehindMax + 1;
  SwitchoverMachine far("b", kNow);
  EXPECT_TRUE(far.Begin(p).abandon);
  EXPECT_TRUE(far.not_caught_up());
  p = kThere;
  p.target_streams = false;
  EXPECT_TRUE(SwitchoverMachine("b", kNow).Begin(p).abandon);
  p = kThere;
  p.target_votes = false;
  EXPECT_TRUE(SwitchoverMachine("b", kNow).Begin(p).abandon);
}

TEST(SwitchoverTest, GoesOnAsIfNothingWasAskedWhenItTakesTooLong) {
  SwitchoverMachine m("b", kNow);
  SwitchoverProgress p = kThere;
  p.target_durable = 9;
  m.Begin(p);
  EXPECT_FALSE(m.OnProgress(p, kNow + milliseconds(4999)).abandon);
  EXPECT_TRUE(m.OnProgress(p, kNow + seconds(5)).abandon);
  EXPECT_FALSE(m.not_caught_up());
}

TEST(SwitchoverTest, OnceTheRecordIsAppendedThereIsNoWayBack) {
  SwitchoverMachine m("b", kNow);
  m.Begin(kThere);
  m.OnProgress(kThere, kNow);
  m.OnHandOverAppended(11);
  SwitchoverProgress p = kThere;
  p.target_streams = false;
  EXPECT_FALSE(m.OnProgress(p, kNow + seconds(4)).abandon);
  const SwitchoverEffects out = m.OnProgress(p, kNow + seconds(5));
  EXPECT_TRUE(out.step_down);
  EXPECT_FALSE(out.abandon);
}

// ---- Handed over.

TakeOverAsk Ask() { return {E(4), {E(4), 11, {}}}; }

TEST(HandOverTest, AsksAgainAndAgainUntilTheTargetDecides) {
  HandOverMachine m("b", Ask());
  EXPECT_TRUE(m.OnTick(kNow).ask);
  EXPECT_FALSE(m.OnTick(kNow + milliseconds(199)).ask);
  EXPECT_TRUE(m.OnTick(kNow + milliseconds(200)).ask);
  EXPECT_FALSE(m.OnAnswer({TakeOverOutcome::kUnderWay, {}, ""}).accepted.has_value());
  EXPECT_TRUE(m.OnTick(kNow + milliseconds(400)).ask);
  EXPECT_EQ(m.OnAnswer({TakeOverOutcome::kAccepted, E(5, "b"), ""}).accepted, E(5, "b"));
  EXPECT_FALSE(m.OnTick(kNow + seconds(1)).ask);
}

TEST(HandOverTest, ARefusalOrANewerPrimaryEndsIt) {
  HandOverMachine refused("b", Ask());
  EXPECT_TRUE(refused.OnAnswer({TakeOverOutcome::kRefused, E(5, "c"), ""}).refused);
  HandOverMachine superseded("b", Ask());
  EXPECT_FALSE(superseded.OnEpochSeen(E(4)).superseded);
  EXPECT_TRUE(superseded.OnEpochSeen(E(6, "c")).superseded);
  EXPECT_FALSE(superseded.OnTick(kNow).ask);
}

TEST(HandOverTest, OnlyItsOwnHandOverToSomebodyElseMakesItAsk) {
  LogShape log{{}, {E(4), 11, {}}, {LogTail::Kind::kHandOver, "b"}};
  EXPECT_EQ(HandedOverTo("a", log), "b");
  EXPECT_EQ(HandedOverTo("b", log), std::nullopt);
  EXPECT_EQ(HandedOverTo("c", log), std::nullopt);
  log.tail.kind = LogTail::Kind::kCleanStop;
  EXPECT_EQ(HandedOverTo("a", log), std::nullopt);
}

// ---- The target.

TakeOverFacts Target() {
  return {.self = "b",
          .promises = {.granted = E(4), .own = {}, .resumed_from = {}, .granted_ks = {}},
          .log = {{}, {E(4), 11, {}}, {LogTail::Kind::kHandOver, "b"}},
          .under_way = false};
}

TEST(TakeOverTest, BeginsOnceAndAcceptsWhenItsEpochIsOnDisk) {
  TakeOverFacts facts = Target();
  EXPECT_TRUE(DecideTakeOver(Ask(), facts).begin);
  facts.under_way = true;
  facts.promises.granted = E(5, "b");
  const TakeOverDecision under_way = DecideTakeOver(Ask(), facts);
  EXPECT_FALSE(under_way.begin);
  EXPECT_EQ(under_way.answer.outcome, TakeOverOutcome::kUnderWay);
  facts.promises.own = E(5, "b");
  const TakeOverDecision accepted = DecideTakeOver(Ask(), facts);
  EXPECT_EQ(accepted.answer.outcome, TakeOverOutcome::kAccepted);
  EXPECT_EQ(accepted.answer.epoch, E(5, "b"));
  EXPECT_FALSE(accepted.begin);
}

TEST(TakeOverTest, RefusesWhatItPromisedToAnotherAndWhatItDoesNotHave) {
  TakeOverFacts facts = Target();
  facts.promises.granted = E(5, "c");
  EXPECT_EQ(DecideTakeOver(Ask(), facts).answer.outcome, TakeOverOutcome::kRefused);
  facts = Target();
  facts.log.last.seq = 10;
  EXPECT_EQ(DecideTakeOver(Ask(), facts).answer.outcome, TakeOverOutcome::kRefused);
  facts = Target();
  facts.log.tail.target = "c";
  EXPECT_EQ(DecideTakeOver(Ask(), facts).answer.outcome, TakeOverOutcome::kRefused);
  facts = Target();
  facts.trusted = false;
  EXPECT_EQ(DecideTakeOver(Ask(), facts).answer.outcome, TakeOverOutcome::kRefused);
}

TEST(TakeOverTest, WhoAcceptedAndWasStoppedGoesOnByItselfWhileNobodyElseWasPromised) {
  TakeOverFacts facts = Target();
  EXPECT_FALSE(GoesOnToTakeOver(facts)) << "not accepted yet: it is asked";
  facts.promises.granted = facts.promises.own = E(7, "b");
  EXPECT_TRUE(GoesOnToTakeOver(facts));
  facts.promises.granted = E(8, "b");
  EXPECT_TRUE(GoesOnToTakeOver(facts)) << "another try";
  facts.promises.granted = E(9, "c");
  EXPECT_FALSE(GoesOnToTakeOver(facts));
  facts.promises.granted = E(8, "b");
  facts.trusted = false;
  EXPECT_FALSE(GoesOnToTakeOver(facts));
  facts.trusted = true;
  facts.log.tail = {};
  EXPECT_FALSE(GoesOnToTakeOver(facts)) << "its epoch has a record";
}

// ---- What grants tell, and what equal numbers do.

TEST(RivalTest, IsTheNewestPromiseToAnotherNodeThanTheNewest) {
  EpochGuard guard("b", {.granted = E(4), .own = {}, .resumed_from = {}, .granted_ks = {}});
  EXPECT_EQ(guard.promises().rival, Epoch{});
  guard.OnSeen(E(5));
  EXPECT_EQ(guard.promises().rival, Epoch{});
  guard.GrantSelf(E(6, "b"));
  guard.GrantSelf(E(7, "b"));
  EXPECT_EQ(guard.promises().rival, E(5));
  guard.OnSeen(E(8, "c"));
  EXPECT_EQ(guard.promises().rival, E(7, "b"));
  const VoterFacts facts{.following = {}, .last = {E(4), 8, {}}, .pending_k = {}};
  const GrantAsk ask{.epoch = E(9, "c"), .last = {}, .k = {}};
  EXPECT_EQ(DecideGrant(ask, guard, facts).answer.rival_before, E(7, "b"));
}

TEST(GrantedKTest, IsToldToLaterCandidatesUntilARecordOfThatEpochIsCommitted) {
  EpochGuard guard("b", {.granted = E(4), .own = {}, .resumed_from = {}, .granted_ks = {}});
  const VoterFacts facts{.following = {}, .last = {E(4), 8, {}}, .setting_k = 1, .pending_k = {}};
  GrantAsk ask{.epoch = E(5), .last = {}, .k = 0};
  const GrantDecision first = DecideGrant(ask, guard, facts);
  EXPECT_TRUE(first.answer.granted_k.empty()) << "as of before this grant";
  ASSERT_TRUE(first.persist.has_value());
  EXPECT_EQ(first.persist->granted_ks.size(), 1u);
  EXPECT_TRUE(DecideGrant(ask, guard, facts).answer.granted_k.empty()) << "the same ask again";
  ask = {.epoch = E(6, "c"), .last = {}, .k = {}};
  EXPECT_EQ(DecideGrant(ask, guard, facts).answer.granted_k, std::vector<uint32_t>{0});
  guard.OnCommitted(E(4));
  EXPECT_EQ(guard.promises().granted_ks.size(), 1u);
  guard.OnCommitted(E(5));
  EXPECT_TRUE(guard.promises().granted_ks.empty());
}

TEST(GrantedKTest, ManyOrdersKeepTheSmallestTheLargestAndTheNewest) {
  EpochGuard guard("b", {.granted = E(4), .own = {}, .resumed_from = {}, .granted_ks = {}});
  guard.NoteGrantedK(E(5), 0);
  guard.NoteGrantedK(E(6), 9);
  for (uint64_t n = 7; n < 60; ++n) guard.NoteGrantedK(E(n), 3);
  const auto& all = guard.promises().granted_ks;
  EXPECT_LE(all.size(), kGrantedKsMax);
  EXPECT_EQ(all.front().k, 0u);
  EXPECT_EQ(all[1].k, 9u);
  EXPECT_EQ(all.back().epoch, E(59));
}

TEST(GrantTest, ADryRunPromisesNothingAndDoesNotCareForTheNumber) {
  EpochGuard guard("b", {.granted = E(9, "c"), .own = {}, .resumed_from = {}, .granted_ks = {}});
  const GrantAsk ask{.epoch = E(5), .last = {}, .dry_run = true, .k = {}};
  VoterFacts facts{.following = {}, .last = {E(4), 8, {}}, .pending_k = {}};
  const GrantDecision would = DecideGrant(ask, guard, facts);
  EXPECT_TRUE(would.answer.granted);
  EXPECT_FALSE(would.persist.has_value());
  EXPECT_EQ(would.answer.granted_before, E(9, "c"));
  EXPECT_EQ(guard.granted(), E(9, "c"));
  facts.following = "c";
  const GrantDecision follows = DecideGrant(ask, guard, facts);
  EXPECT_FALSE(follows.answer.granted);
  EXPECT_EQ(follows.answer.follows, "c");
}

TEST(YieldTest, GivesUpItsOwnNumberForGoodAndNobodyElses) {
  EpochGuard guard("b",
                   {.granted = E(4, "b"), .own = E(4, "b"), .resumed_from = {}, .granted_ks = {}});
  EXPECT_FALSE(guard.Yield(E(5)).has_value());
  const auto yielded = guard.Yield(E(4, "a"));
  ASSERT_TRUE(yielded.has_value());
  EXPECT_EQ(yielded->granted, E(4, "a"));
  EXPECT_FALSE(guard.Claim(E(4, "b"), {}).has_value());
  EXPECT_FALSE(guard.Yield(E(4, "c")).has_value()) << "that one was promised to a";
}

}  // namespace
}  // namespace holdfast::replication
