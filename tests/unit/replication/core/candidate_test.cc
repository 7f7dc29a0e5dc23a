#include "replication/core/candidate.h"

#include <gtest/gtest.h>

#include "tests/unit/replication/core/core_testing.h"

namespace holdfast::replication {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using Names = std::vector<std::string>;
constexpr MonoTime kNow{seconds(1000)};

// a was primary in epoch 4, and its log ends there.
CandidateFacts Was(uint32_t k, Names members = {"b"}) {
  const TestLog log = TestLog().Add(E(1), 3).Add(E(4, "a"), 5);
  CandidateFacts out;
  out.self = "a";
  out.members = members;
  out.promises = {.granted = E(4), .own = E(4), .resumed_from = E(1), .granted_ks = {}};
  out.log.shape = log.shape();
  out.log.committed_seq = 6;
  out.log.setting_k = k;
  out.log.voters = std::move(members);
  out.log.voters.push_back("a");
  return out;
}
// b followed it, and is told to become primary.
CandidateFacts Ordered(uint32_t k, Names members = {"a", "c"}) {
  CandidateFacts out = Was(k, members);
  out.self = "b";
  out.log.voters = std::move(members);
  out.log.voters.push_back("b");
  out.promises = {.granted = E(4), .own = {}, .resumed_from = {}, .granted_ks = {}};
  out.mode = CandidateMode::kOrder;
  return out;
}
GrantAnswer Answer(std::string id, const Epoch& asked, EntryMeta last = {E(4), 8, {}}) {
  GrantAnswer out;
  out.node_id = std::move(id);
  out.asked = asked;
  out.granted = true;
  out.granted_before = E(4);
  out.last = last;
  out.setting_k = 1;
  return out;
}
GrantAnswer Would(std::string id, uint32_t k = 1, EntryMeta last = {E(4), 8, {}}) {
  GrantAnswer out = Answer(std::move(id), E(5, "b"), last);
  out.dry_run = true;
  out.setting_k = k;
  return out;
}
MemberReport Report(std::string id, Epoch epoch, bool primary) {
  return {.node_id = std::move(id),
          .primary = primary,
          .epoch = epoch,
          .granted = epoch,
          .last = {epoch, 8, {}},
          .committed_seq = 8};
}

// ---- A restart without k.

TEST(CandidateWithoutKTest, AloneResumesAtOnce) {
  CandidateMachine m(Was(0, {}), kNow);
  EXPECT_EQ(m.Begin(kNow).resume, E(5));
  EXPECT_TRUE(m.done());
}

TEST(CandidateWithoutKTest, ResumesWhenAllHaveAnsweredAndNobodyKnowsMore) {
  CandidateMachine m(Was(0, {"b", "c"}), kNow);
  EXPECT_EQ(m.Begin(kNow).look, (Names{"b", "c"}));
  EXPECT_FALSE(m.OnGrantAnswer(Would("b", 0), kNow).resume.has_value());
  EXPECT_EQ(m.OnGrantAnswer(Would("c", 0), kNow).resume, E(5));
}

TEST(CandidateWithoutKTest, AsksThreeSecondsWhenSomebodyIsSilentOrRefusesConnections) {
  CandidateMachine m(Was(0), kNow);
  m.Begin(kNow);
  EXPECT_FALSE(m.OnUnreachable("b", kNow).resume.has_value());
  EXPECT_EQ(m.OnTick(kNow + seconds(1)).look, Names{"b"});
  EXPECT_FALSE(m.OnTick(kNow + milliseconds(2999)).resume.has_value());
  EXPECT_EQ(m.OnTick(kNow + seconds(3)).resume, E(5));
}

TEST(CandidateWithoutKTest, GivesUpWhenSomebodyKnowsAHigherEpochOrIsASplit) {
  std::vector<GrantAnswer> answers(4, Would("b", 0));
  answers[0].granted_before = E(6, "c");
  answers[1].last.epoch = E(5, "b");
  answers[2].last.epoch = E(4, "b");
  answers[3].follows = "c";
  for (const GrantAnswer& answer : answers) {
    CandidateMachine m(Was(0), kNow);
    m.Begin(kNow);
    EXPECT_TRUE(m.OnGrantAnswer(answer, kNow).give_up) << m.Waiting();
    EXPECT_FALSE(m.OnTick(kNow + seconds(4)).resume.has_value());
  }
  CandidateMachine m(Was(0), kNow);
  m.Begin(kNow);
  EXPECT_TRUE(m.OnReport(Report("b", E(5, "b"), true)).give_up);
}

TEST(CandidateWithoutKTest, OnlyWhoKnowsTheNewestEpochGoesOn) {
  const auto give_up = [](EpochPromises promises) {
    CandidateFacts facts = Was(0, {});
    facts.promises = std::move(promises);
    return CandidateMachine(facts, kNow).Begin(kNow).give_up;
  };
  EXPECT_TRUE(give_up({E(5, "b"), E(4), {}, {}})) << "promised to another";
  EXPECT_TRUE(give_up({E(6), E(6), E(1), {}})) << "without its start record";
  EXPECT_FALSE(give_up({E(6), E(6), E(4), {}})) << "a crash between the claim and the record";
  EXPECT_FALSE(give_up({E(5), E(4), {}, {}})) << "nothing can hide between 4 and 5";
  EXPECT_TRUE(give_up({E(6), E(4), {}, {}})) << "5 may have been promised to another";
}

TEST(CandidateWithoutKTest, ANodeWhoseLogEndsInAnothersEpochNeverTries) {
  CandidateFacts facts = Was(0, {});
  facts.log.shape = TestLog().Add(E(4, "b"), 2).shape();
  EXPECT_FALSE(WasPrimary(facts));
  EXPECT_TRUE(CandidateMachine(facts, kNow).Begin(kNow).give_up);
}

TEST(CandidateWithoutKTest, AfterItsOwnHandOverItNeedsTheGrantOfTheTarget) {
  CandidateFacts facts = Was(0, {"b", "c"});
  facts.log.shape.tail = {LogTail::Kind::kHandOver, "b"};
  CandidateMachine m(facts, kNow);
  m.Begin(kNow);
  EXPECT_FALSE(m.OnGrantAnswer(Would("c", 0), kNow).resume.has_value());
  for (int s = 1; s < 10; ++s) EXPECT_FALSE(m.OnTick(kNow + seconds(s)).resume.has_value());
  EXPECT_EQ(m.OnGrantAnswer(Would("b", 0), kNow + seconds(10)).grant_self, E(5));
  m.OnSelfGranted(kNow + seconds(10));
  GrantAnswer c = Answer("c", E(5));
  c.setting_k = 0;
  EXPECT_FALSE(m.OnGrantAnswer(c, kNow + seconds(10)).resume.has_value());
  GrantAnswer b = Answer("b", E(5));
  b.setting_k = 0;
  EXPECT_EQ(m.OnGrantAnswer(b, kNow + seconds(10)).resume, E(5));
}

TEST(CandidateWithoutKTest, EndsWhenItPromisesANewerEpochItselfOrHearsOfOne) {
  CandidateMachine voter(Was(0, {"b", "c"}), kNow);
  voter.Begin(kNow);
  EpochPromises promises = Was(0).promises;
  promises.granted = E(5, "b");
  EXPECT_TRUE(voter.OnSelfGrantRefused(promises).give_up);
  CandidateMachine told(Was(0, {"b", "c"}), kNow);
  told.Begin(kNow);
  MemberReport report = Report("b", E(4), false);
  report.granted = E(5, "b");
  EXPECT_TRUE(told.OnReport(report).give_up);
}

// ---- A restart with k.

TEST(CandidateWithKTest, LooksAndPromisesNothingUntilThatWouldSuffice) {
  CandidateMachine m(Was(1), kNow);
  EXPECT_EQ(m.Begin(kNow).look, Names{"b"});
  for (int s = 1; s < 60; ++s) {
    const CandidateEffects out = m.OnTick(kNow + seconds(s));
    EXPECT_FALSE(out.grant_self.has_value() || out.resume.has_value());
    EXPECT_EQ(out.look, Names{"b"});
  }
  EXPECT_EQ(m.OnGrantAnswer(Would("b"), kNow + seconds(60)).grant_self, E(5));
  EXPECT_EQ(m.OnSelfGranted(kNow + seconds(60)).ask_grants, Names{"b"});
  EXPECT_EQ(m.OnGrantAnswer(Answer("b", E(5)), kNow + seconds(60)).resume, E(5));
}

TEST(CandidateWithKTest, AGrantToItselfIsAskedForUntilItIsOnDisk) {
  CandidateMachine m(Was(1), kNow);
  m.Begin(kNow);
  ASSERT_EQ(m.OnGrantAnswer(Would("b"), kNow).grant_self, E(5));
  EXPECT_FALSE(m.OnTick(kNow + milliseconds(999)).grant_self.has_value());
  EXPECT_EQ(m.OnTick(kNow + seconds(1)).grant_self, E(5));
  EXPECT_EQ(m.OnTick(kNow + seconds(2)).grant_self, E(5));
  EXPECT_EQ(m.OnSelfGranted(kNow + seconds(2)).ask_grants, Names{"b"});
  EXPECT_FALSE(m.OnTick(kNow + seconds(3)).grant_self.has_value());
}

TEST(CandidateWithKTest, DoesNotCountRefusalsStrangersOrAnswersToAnotherAsk) {
  CandidateMachine m(Was(1), kNow);
  m.Begin(kNow);
  m.OnGrantAnswer(Would("b"), kNow);
  m.OnSelfGranted(kNow);
  GrantAnswer refused = Answer("b", E(5));
  refused.granted = false;
  EXPECT_FALSE(m.OnGrantAnswer(refused, kNow).resume.has_value());
  EXPECT_FALSE(m.OnGrantAnswer(Answer("stranger", E(5)), kNow).resume.has_value());
  EXPECT_FALSE(m.OnGrantAnswer(Answer("b", E(4)), kNow).resume.has_value());
  EXPECT_FALSE(m.OnGrantAnswer(Would("b"), kNow).resume.has_value());
  EXPECT_TRUE(m.OnGrantAnswer(Answer("b", E(5)), kNow).resume.has_value());
}

TEST(CandidateWithKTest, TriesTheNextNumberWhenARefuserHasPromisedThisOneToAnother) {
  CandidateMachine m(Was(1), kNow);
  m.Begin(kNow);
  m.OnGrantAnswer(Would("b"), kNow);
  m.OnSelfGranted(kNow);
  GrantAnswer refused = Answer("b", E(5));
  refused.granted = false;
  refused.granted_before = E(5, "b");
  m.OnGrantAnswer(refused, kNow);
  EXPECT_EQ(m.OnTick(kNow + seconds(1)).grant_self, E(6));
}

TEST(CandidateWithKTest, CountsWithTheKOfWhatItPromisedMeanwhile) {
  CandidateFacts facts = Was(1, {"b", "c"});
  CandidateMachine m(facts, kNow);
  m.Begin(kNow);
  EpochPromises promises = facts.promises;
  promises.granted = E(5, "c");
  promises.granted_ks = {{E(5, "c"), 0}};
  EXPECT_FALSE(m.OnSelfGrantRefused(promises).give_up);
  m.OnUnreachable("c", kNow);
  EXPECT_FALSE(m.OnGrantAnswer(Would("b"), kNow).grant_self.has_value()) << "c may be alone";
}

TEST(CandidateWithKTest, TakesUpANumberThatItGrantedItselfBeforeACrash) {
  CandidateFacts facts = Was(1);
  facts.promises.granted = E(5);
  CandidateMachine m(facts, kNow);
  m.Begin(kNow);
  EXPECT_EQ(m.OnGrantAnswer(Would("b"), kNow).grant_self, E(5));
}

TEST(CandidateWithKTest, IsNotCompleteWhenAGranterHasANewerEpoch) {
  CandidateMachine m(Was(1), kNow);
  m.Begin(kNow);
  EXPECT_FALSE(m.OnGrantAnswer(Would("b", 1, {E(4, "b"), 3, {}}), kNow).grant_self.has_value());
  EXPECT_EQ(m.Waiting(), "not complete: node b is ahead at 4@b:3, this node ends at 4@a:8");
}

// ---- By order.

TEST(CandidateByOrderTest, WaitsForTheSilentOneSecondAndForTheRefusingNotAtAll) {
  CandidateMachine silent(Ordered(1), kNow);
  EXPECT_EQ(silent.Begin(kNow).look, (Names{"a", "c"}));
  EXPECT_FALSE(silent.OnGrantAnswer(Would("c"), kNow).grant_self.has_value());
  EXPECT_FALSE(silent.OnTick(kNow + milliseconds(999)).grant_self.has_value());
  EXPECT_EQ(silent.OnTick(kNow + seconds(1)).grant_self, E(5, "b"));

  CandidateMachine refusing(Ordered(1), kNow);
  refusing.Begin(kNow);
  refusing.OnUnreachable("a", kNow);
  EXPECT_EQ(refusing.OnGrantAnswer(Would("c"), kNow).grant_self, E(5, "b"));
  EXPECT_EQ(refusing.OnSelfGranted(kNow).ask_grants, Names{"c"});
  EXPECT_EQ(refusing.OnGrantAnswer(Answer("c", E(5, "b")), kNow).resume, E(5, "b"));
  EXPECT_EQ(refusing.GrantedBy(), (Names{"b", "c"}));
  EXPECT_EQ(refusing.verdict().complete, true);
}

TEST(CandidateByOrderTest, RefusesWhileAPrimaryIsReachable) {
  for (const char* follows : {"a", "c"}) {
    CandidateMachine m(Ordered(1), kNow);
    m.Begin(kNow);
    GrantAnswer answer = Would("c");
    answer.granted = false;
    answer.follows = follows;
    EXPECT_TRUE(m.OnGrantAnswer(answer, kNow).give_up);
    EXPECT_EQ(m.verdict().refusal, PromotionRefusal::kPrimaryReachable);
  }
  CandidateMachine reported(Ordered(1), kNow);
  reported.Begin(kNow);
  EXPECT_TRUE(reported.OnReport(Report("a", E(4), true)).give_up);
  CandidateFacts facts = Ordered(1);
  facts.following = "a";
  CandidateMachine at_once(facts, kNow);
  EXPECT_TRUE(at_once.Begin(kNow).give_up);
  EXPECT_EQ(at_once.Said().front().reason, "not asked");
}

TEST(CandidateByOrderTest, PromisesNothingWhenItWouldNotSuffice) {
  CandidateMachine m(Ordered(1), kNow);
  m.Begin(kNow);
  m.OnUnreachable("a", kNow);
  const CandidateEffects out = m.OnUnreachable("c", kNow);
  EXPECT_TRUE(out.give_up);
  EXPECT_FALSE(out.grant_self.has_value());
  EXPECT_EQ(m.verdict().refusal, PromotionRefusal::kNotEnoughGrants);
  ASSERT_EQ(m.Said().size(), 2u);
  EXPECT_FALSE(m.Said()[0].answered);
}

TEST(CandidateByOrderTest, ADryRunEndsAfterTheLook) {
  CandidateFacts facts = Ordered(1);
  facts.order.dry_run = true;
  CandidateMachine m(facts, kNow);
  m.Begin(kNow);
  m.OnUnreachable("a", kNow);
  const CandidateEffects out = m.OnGrantAnswer(Would("c"), kNow);
  EXPECT_TRUE(out.give_up);
  EXPECT_FALSE(out.grant_self.has_value());
  EXPECT_FALSE(m.verdict().refusal.has_value());
  EXPECT_EQ(m.GrantedBy(), (Names{"b", "c"}));
}

TEST(CandidateByOrderTest, FetchesTheTailOfWhoeverIsAheadAndAsksItsNewMembers) {
  CandidateMachine m(Ordered(1), kNow);
  m.Begin(kNow);
  m.OnUnreachable("a", kNow);
  m.OnGrantAnswer(Would("c", 1, {E(4), 11, {}}), kNow);
  m.OnSelfGranted(kNow);
  EXPECT_EQ(m.OnGrantAnswer(Answer("c", E(5, "b"), {E(4), 11, {}}), kNow).fetch,
            (FetchTail{"c", 7}));
  CandidateLog log = Ordered(1).log;
  log.shape.last = {E(4), 11, {}};
  log.pending_voters = {{"a", "b", "c", "d"}};
  const CandidateEffects out = m.OnFetched(log, kNow);
  EXPECT_FALSE(out.resume.has_value());
  EXPECT_EQ(out.ask_grants, Names{"d"});
  EXPECT_EQ(m.OnGrantAnswer(Answer("d", E(5, "b"), {}), kNow).resume, E(5, "b"));
}

// Two served in one number: what the other one has cannot be put behind what is here.
TEST(CandidateByOrderTest, WhoIsAheadStillAfterTheFetchIsALossThatMustBeAccepted) {
  for (const bool accepted : {false, true}) {
    CandidateFacts facts = Ordered(1);
    facts.order.accept_loss.unknown = accepted;
    CandidateMachine m(facts, kNow);
    m.Begin(kNow);
    const EntryMeta theirs{E(4, "c"), 9, {}};
    m.OnUnreachable("a", kNow);
    m.OnGrantAnswer(Would("c", 1, theirs), kNow);
    m.OnSelfGranted(kNow);
    ASSERT_EQ(m.OnGrantAnswer(Answer("c", E(5, "b"), theirs), kNow).fetch, (FetchTail{"c", 7}));
    const CandidateEffects out = m.OnFetched(facts.log, kNow);
    EXPECT_FALSE(out.fetch.has_value());
    EXPECT_EQ(out.resume.has_value(), accepted);
    EXPECT_EQ(out.give_up, !accepted);
    EXPECT_EQ(m.verdict().refusal == PromotionRefusal::kWouldLoseData, !accepted);
  }
}

TEST(CandidateByOrderTest, AFailedFetchIsALossThatMustBeAccepted) {
  for (const uint64_t accepted : {0, 3}) {
    CandidateFacts facts = Ordered(1);
    facts.order.accept_loss.records = accepted;
    CandidateMachine m(facts, kNow);
    m.Begin(kNow);
    m.OnUnreachable("a", kNow);
    m.OnGrantAnswer(Would("c", 1, {E(4), 11, {}}), kNow);
    m.OnSelfGranted(kNow);
    m.OnGrantAnswer(Answer("c", E(5, "b"), {E(4), 11, {}}), kNow);
    const CandidateEffects out = m.OnTick(kNow + kFetchWithin);
    EXPECT_EQ(out.resume.has_value(), accepted == 3);
    EXPECT_EQ(m.verdict().lost_records, 3u);
    EXPECT_EQ(m.verdict().complete, false);
  }
}

TEST(CandidateByOrderTest, TheKOfTheOrderIsToldWithTheAsks) {
  CandidateFacts facts = Ordered(1);
  facts.order.k = 0;
  const CandidateMachine m(facts, kNow);
  EXPECT_EQ(m.Ask(/*dry_run=*/false).k, 0u);
  EXPECT_TRUE(m.Ask(/*dry_run=*/true).dry_run);
}

TEST(CandidateByOrderTest, EndsWhenTheGrantsDoNotCome) {
  CandidateMachine m(Ordered(1), kNow);
  m.Begin(kNow);
  m.OnUnreachable("a", kNow);
  m.OnGrantAnswer(Would("c"), kNow);
  m.OnSelfGranted(kNow);
  EXPECT_FALSE(m.OnTick(kNow + milliseconds(999)).give_up);
  EXPECT_TRUE(m.OnTick(kNow + seconds(1)).give_up);
  EXPECT_EQ(m.verdict().refusal, PromotionRefusal::kNotEnoughGrants);
}

// ---- Taking over.

TEST(CandidateTakeOverTest, AsksForGrantsAtOnceAndIgnoresWhatItsAuthorWas) {
  CandidateFacts facts = Ordered(0);
  facts.mode = CandidateMode::kTakeOver;
  facts.log.shape.tail = {LogTail::Kind::kHandOver, "b"};
  CandidateMachine m(facts, kNow);
  EXPECT_EQ(m.Begin(kNow).grant_self, E(5, "b"));
  EXPECT_EQ(m.OnSelfGranted(kNow).ask_grants, (Names{"a", "c"}));
  EXPECT_FALSE(m.OnReport(Report("a", E(4), true)).give_up);
  GrantAnswer a = Answer("a", E(5, "b"));
  a.setting_k = 0;
  EXPECT_EQ(m.OnGrantAnswer(a, kNow).resume, E(5, "b"));
}

}  // namespace
}  // namespace holdfast::replication
