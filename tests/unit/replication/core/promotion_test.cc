#include "replication/core/promotion.h"

#include <gtest/gtest.h>

#include "tests/unit/replication/core/core_testing.h"

namespace holdfast::replication {
namespace {

// Three nodes; a was primary in epoch 4, b is the candidate.
CandidateFacts Candidate(uint32_t k, PromotionOrder order = {}) {
  const TestLog log = TestLog().Add(E(1), 3).Add(E(4), 5);
  return {.self = "b",
          .members = {"a", "c"},
          .promises = {.granted = E(4), .own = {}, .resumed_from = {}, .granted_ks = {}},
          .log = {.shape = log.shape(),
                  .committed_seq = 6,
                  .setting_k = k,
                  .pending_k = {},
                  .degrade = false,
                  .voters = {"a", "b", "c"},
                  .pending_voters = {}},
          .following = {},
          .mode = CandidateMode::kOrder,
          .order = order};
}
GrantAnswer Grant(std::string id, uint32_t k = 1, EntryMeta last = {E(4), 8, {}}) {
  GrantAnswer out;
  out.node_id = std::move(id);
  out.granted = true;
  out.granted_before = E(4);
  out.last = last;
  out.setting_k = k;
  return out;
}
Grants Of(std::vector<GrantAnswer> all) {
  Grants out;
  for (GrantAnswer& grant : all) out[grant.node_id] = grant;
  return out;
}
const PromotionOrder kWord{.old_primary_is_down = true, .accept_loss = {}, .k = {}};

TEST(PromotionTest, WithBlockTheQuorumProvesThatNothingIsMissing) {
  const auto verdict = JudgePromotion(Candidate(1), Of({Grant("c")}), {});
  EXPECT_FALSE(verdict.refusal.has_value());
  EXPECT_EQ(verdict.complete, true);
  EXPECT_EQ(verdict.needed, 2u);
  EXPECT_EQ(verdict.lost_records, 0u);
}

TEST(PromotionTest, WithoutTheQuorumItSaysWhatIsMissing) {
  EXPECT_EQ(JudgePromotion(Candidate(1), {}, {}).refusal, PromotionRefusal::kNotEnoughGrants);
  // The fence is there, only the proof is not.
  const auto proof = JudgePromotion(Candidate(1, kWord), {}, {});
  EXPECT_EQ(proof.refusal, PromotionRefusal::kWouldLoseData);
  EXPECT_EQ(proof.complete, std::nullopt);
  PromotionOrder order = kWord;
  order.accept_loss.unknown = true;
  const auto accepted = JudgePromotion(Candidate(1, order), {}, {});
  EXPECT_FALSE(accepted.refusal.has_value());
  EXPECT_EQ(accepted.complete, std::nullopt);
  order.accept_loss = {.records = 1000, .unknown = false};
  EXPECT_EQ(JudgePromotion(Candidate(1, order), {}, {}).refusal, PromotionRefusal::kWouldLoseData);
}

TEST(PromotionTest, AcceptedLossDoesNotFenceTheOldPrimary) {
  PromotionOrder order;
  order.accept_loss.unknown = true;
  EXPECT_EQ(JudgePromotion(Candidate(1, order), {}, {}).refusal,
            PromotionRefusal::kOldPrimaryMayRun);
}

TEST(PromotionTest, CountsWithTheSmallestAndTheLargestKThatAnybodyKnows) {
  GrantAnswer lowered = Grant("c");
  lowered.granted_k = {0};
  EXPECT_EQ(JudgePromotion(Candidate(1), Of({lowered}), {}).needed, 3u);
  GrantAnswer raised = Grant("c");
  raised.pending_k = {2};
  EXPECT_EQ(JudgePromotion(Candidate(1), Of({raised}), {}).refusal,
            PromotionRefusal::kOldPrimaryMayRun);
  CandidateFacts own = Candidate(1);
  own.promises.granted_ks = {{E(5), 0}};
  EXPECT_EQ(JudgePromotion(own, Of({Grant("c")}), {}).needed, 3u);
}

TEST(PromotionTest, WithoutKOrWithDegradeAllMustGrantOrBeStopped) {
  for (const bool degrade : {false, true}) {
    const uint32_t k = degrade ? 1 : 0;
    PromotionOrder unknown;
    unknown.accept_loss.unknown = true;
    CandidateFacts facts = Candidate(k, unknown);
    facts.log.degrade = degrade;
    EXPECT_EQ(JudgePromotion(facts, Of({Grant("c", k)}), {}).refusal,
              PromotionRefusal::kOldPrimaryMayRun);
    facts.order = kWord;
    EXPECT_EQ(JudgePromotion(facts, Of({Grant("c", k)}), {}).refusal,
              PromotionRefusal::kWouldLoseData);
    facts.order.accept_loss.unknown = true;
    EXPECT_FALSE(JudgePromotion(facts, Of({Grant("c", k)}), {}).refusal.has_value());
    facts.order = {};
    const auto all = JudgePromotion(facts, Of({Grant("a", k), Grant("c", k)}), {});
    EXPECT_FALSE(all.refusal.has_value());
    EXPECT_EQ(all.complete, true);
  }
}

TEST(PromotionTest, AGranterThatKnowsOfDegradeIsBelieved) {
  GrantAnswer knows = Grant("c");
  knows.degrade = true;
  EXPECT_TRUE(JudgePromotion(Candidate(1), Of({knows}), {}).refusal.has_value());
}

TEST(PromotionTest, WhoeverIsAheadIsFetchedFrom) {
  const auto ahead = JudgePromotion(Candidate(1), Of({Grant("c", 1, {E(4), 11, {}})}), {});
  EXPECT_EQ(ahead.fetch_from, "c");
  EXPECT_EQ(ahead.complete, true);
  const auto gone = JudgePromotion(Candidate(1), Of({Grant("c", 1, {E(4), 11, {}})}), {"c"});
  EXPECT_EQ(gone.refusal, PromotionRefusal::kWouldLoseData);
  EXPECT_EQ(gone.complete, false);
  EXPECT_EQ(gone.lost_records, 3u);
  for (const uint64_t accepted : {2, 3}) {
    CandidateFacts facts = Candidate(1);
    facts.order.accept_loss.records = accepted;
    EXPECT_EQ(JudgePromotion(facts, Of({Grant("c", 1, {E(4), 11, {}})}), {"c"}).refusal.has_value(),
              accepted < 3);
  }
}

TEST(PromotionTest, HowMuchOfANewerEpochIsMissingCannotBeKnown) {
  const auto gone = JudgePromotion(Candidate(1), Of({Grant("c", 1, {E(5, "c"), 7, {}})}), {"c"});
  EXPECT_EQ(gone.refusal, PromotionRefusal::kWouldLoseData);
  EXPECT_EQ(gone.lost_records, std::nullopt);
  EXPECT_EQ(gone.lost_at_least, 1u);
}

TEST(PromotionTest, AnotherNodeAtTheSamePlaceMayBeFetchedFromInstead) {
  const Grants grants = Of({Grant("a", 1, {E(4), 11, {}}), Grant("c", 1, {E(4), 11, {}})});
  EXPECT_EQ(JudgePromotion(Candidate(1), grants, {"a"}).fetch_from, "c");
  EXPECT_EQ(JudgePromotion(Candidate(1), grants, {"c"}).fetch_from, "a");
}

TEST(PromotionTest, EachSetOfVotersMustBeSatisfied) {
  CandidateFacts facts = Candidate(1);
  facts.log.pending_voters = {{"a", "b", "c", "d"}};
  EXPECT_TRUE(JudgePromotion(facts, Of({Grant("c")}), {}).refusal.has_value());
  EXPECT_FALSE(JudgePromotion(facts, Of({Grant("c"), Grant("d")}), {}).refusal.has_value());
}

TEST(PromotionTest, WhoDoesNotVoteByItsLogIsRefusedWhateverIsAccepted) {
  CandidateFacts facts = Candidate(1, kWord);
  facts.order.accept_loss.unknown = true;
  facts.log.pending_voters = {{"a", "c"}};  // as a fetched tail may say
  EXPECT_EQ(JudgePromotion(facts, Of({Grant("a"), Grant("c")}), {}).refusal,
            PromotionRefusal::kNotEnoughGrants);
}

TEST(PromotionTest, AllOfASetAreEnoughWhateverKWasToldBefore) {
  GrantAnswer knows = Grant("a");
  knows.pending_k = {5};
  EXPECT_FALSE(JudgePromotion(Candidate(1), Of({knows, Grant("c")}), {}).refusal.has_value());
}

TEST(PromotionTest, ACleanStopProvesCompletenessButFencesNobody) {
  CandidateFacts facts = Candidate(0);
  facts.log.shape.tail.kind = LogTail::Kind::kCleanStop;
  EXPECT_EQ(JudgePromotion(facts, Of({Grant("c", 0)}), {}).refusal,
            PromotionRefusal::kOldPrimaryMayRun);
  facts.order = kWord;
  const auto verdict = JudgePromotion(facts, Of({Grant("c", 0)}), {});
  EXPECT_FALSE(verdict.refusal.has_value());
  EXPECT_EQ(verdict.complete, true);
}

// Found by tests/model (LOWERED_K_NEEDS_GRANTS): b alone goes on with k = 0; a and c, started
// again, are a quorum for the k = 1 that they know, and lack what b has acknowledged alone.
TEST(PromotionTest, ALogThatEndsInALastRecordStandsForGrantsOnlyWhereKIsNotLowered) {
  for (const auto& tail :
       {LogTail{LogTail::Kind::kCleanStop, ""}, LogTail{LogTail::Kind::kHandOver, "b"}}) {
    CandidateFacts facts = Candidate(1, kWord);
    facts.log.shape.tail = tail;
    EXPECT_FALSE(JudgePromotion(facts, {}, {}).refusal.has_value());
    facts.order.k = 1;
    EXPECT_FALSE(JudgePromotion(facts, {}, {}).refusal.has_value());
    facts.order.k = 0;
    const auto refused = JudgePromotion(facts, {}, {});
    EXPECT_EQ(refused.refusal, PromotionRefusal::kNotEnoughGrants);
    EXPECT_NE(refused.message.find("lower k"), std::string::npos) << refused.message;
    EXPECT_FALSE(JudgePromotion(facts, Of({Grant("c")}), {}).refusal.has_value());
    facts.order.accept_loss.unknown = true;
    EXPECT_FALSE(JudgePromotion(facts, {}, {}).refusal.has_value());
  }
}

TEST(PromotionTest, ACleanStopProvesNothingWhenALaterEpochWasGranted) {
  CandidateFacts facts = Candidate(0);
  facts.log.shape.tail.kind = LogTail::Kind::kCleanStop;
  facts.log.voters = {"a", "b", "c", "d"};
  facts.log.setting_k = 1;
  GrantAnswer later = Grant("c");
  later.granted_before = E(5, "d");
  EXPECT_TRUE(JudgePromotion(facts, Of({later}), {}).refusal.has_value());
  EXPECT_FALSE(JudgePromotion(facts, Of({Grant("c")}), {}).refusal.has_value());
}

TEST(PromotionTest, ATakeOverNeedsWhoHandedOverAndWithoutKNobodyElse) {
  for (const uint32_t k : {0u, 1u}) {
    CandidateFacts facts = Candidate(k);
    facts.mode = CandidateMode::kTakeOver;
    facts.log.shape.tail = {LogTail::Kind::kHandOver, "b"};
    EXPECT_FALSE(JudgePromotion(facts, Of({Grant("a", k)}), {}).refusal.has_value());
    EXPECT_EQ(JudgePromotion(facts, Of({Grant("c", k)}), {}).refusal,
              PromotionRefusal::kOldPrimaryMayRun);
    EXPECT_TRUE(JudgePromotion(facts, {}, {}).refusal.has_value());
  }
}

TEST(PromotionTest, ATakeOverWhoseProofIsLostNeedsTheGrantsOfAnyPromotion) {
  CandidateFacts facts = Candidate(0);
  facts.mode = CandidateMode::kTakeOver;
  facts.log.shape.tail = {LogTail::Kind::kHandOver, "b"};
  facts.promises.granted = E(6, "b");  // it may hide a 5 that was promised to another: not known
  EXPECT_TRUE(JudgePromotion(facts, Of({Grant("a", 0)}), {}).refusal.has_value());
  EXPECT_FALSE(JudgePromotion(facts, Of({Grant("a", 0), Grant("c", 0)}), {}).refusal.has_value());
}

// What a node promised to itself, again and again, hides nothing when the rival is known.
TEST(PromotionTest, ATakeOverThatWasStoppedManyTimesKeepsItsRightUntilSomebodyElseWasPromised) {
  CandidateFacts facts = Candidate(0);
  facts.mode = CandidateMode::kTakeOver;
  facts.log.shape.tail = {LogTail::Kind::kHandOver, "b"};
  facts.promises.granted = E(9, "b");
  facts.promises.rival = E(4);
  GrantAnswer author = Grant("a", 0);
  author.granted_before = E(8, "b");
  author.rival_before = E(4);
  EXPECT_FALSE(JudgePromotion(facts, Of({author}), {}).refusal.has_value());
  author.rival_before = E(5, "c");
  EXPECT_TRUE(JudgePromotion(facts, Of({author}), {}).refusal.has_value());
  author.rival_before = {};
  EXPECT_TRUE(JudgePromotion(facts, Of({author}), {}).refusal.has_value()) << "not known";
  author.rival_before = E(4);
  facts.promises.rival = E(5, "c");
  EXPECT_TRUE(JudgePromotion(facts, Of({author}), {}).refusal.has_value());
}

// It may have committed alone, in a history in which it votes: all that vote in this one do not
// know of it.
TEST(PromotionTest, AnEpochPromisedToANodeThatDoesNotVoteHereIsFencedAndNotProvenComplete) {
  CandidateFacts facts = Candidate(0);
  facts.log.voters = {"b", "c"};
  GrantAnswer other = Grant("c", 0);
  EXPECT_FALSE(JudgePromotion(facts, Of({other}), {}).refusal.has_value());
  other.granted_before = E(5);
  EXPECT_EQ(JudgePromotion(facts, Of({other}), {}).refusal, PromotionRefusal::kOldPrimaryMayRun);
  facts.order = kWord;
  EXPECT_EQ(JudgePromotion(facts, Of({other}), {}).refusal, PromotionRefusal::kWouldLoseData);
  facts.order.accept_loss.unknown = true;
  EXPECT_FALSE(JudgePromotion(facts, Of({other}), {}).refusal.has_value());
  other.granted_before = E(6, "b");
  other.rival_before = E(5);
  facts.order = {};
  EXPECT_TRUE(JudgePromotion(facts, Of({other}), {}).refusal.has_value());
  EXPECT_FALSE(JudgePromotion(facts, Of({other, Grant("a", 0)}), {}).refusal.has_value())
      << "it has granted this one";
  facts.log.voters = {"a", "b", "c"};
  EXPECT_FALSE(JudgePromotion(facts, Of({other, Grant("a", 0)}), {}).refusal.has_value());
}

TEST(PromotionTest, AHandOverToAnotherNodeNeedsItsGrantOrTheWord) {
  CandidateFacts facts = Candidate(1);
  facts.log.shape.tail = {LogTail::Kind::kHandOver, "c"};
  EXPECT_EQ(JudgePromotion(facts, Of({Grant("a")}), {}).refusal,
            PromotionRefusal::kOldPrimaryMayRun);
  EXPECT_FALSE(JudgePromotion(facts, Of({Grant("c")}), {}).refusal.has_value());
  facts.order = kWord;
  EXPECT_FALSE(JudgePromotion(facts, Of({Grant("a")}), {}).refusal.has_value());
}

TEST(PromotionTest, ARestartGoesOnOnlyIfNobodyIsAhead) {
  CandidateFacts facts = Candidate(1);
  facts.self = "a";
  facts.mode = CandidateMode::kRestart;
  EXPECT_FALSE(JudgePromotion(facts, Of({Grant("c", 1, {E(4), 99, {}})}), {}).refusal.has_value())
      << "of its own epoch: never committed";
  const auto verdict = JudgePromotion(facts, Of({Grant("c", 1, {E(4, "c"), 3, {}})}), {});
  EXPECT_EQ(verdict.message, "not complete: node c is ahead at 4@c:3, this node ends at 4@a:8");
}

}  // namespace
}  // namespace holdfast::replication
