#include "replication/core/log_track.h"

#include <gtest/gtest.h>

#include "tests/unit/replication/core/core_testing.h"

namespace holdfast::replication {
namespace {

// A secondary that follows a primary in epoch 2, which began at 4; three entries of epoch 1 are
// here and shown.
class FollowingTest : public ::testing::Test {
 protected:
  FollowingTest() : log_(TestLog().Add(E(1), 3).Add(E(2), 20)) { track_.Follow(E(2), 4); }
  BatchOutcome Send(uint64_t first, uint64_t to, uint64_t committed = 0) {
    return track_.OnBatch(log_.Batch(E(2), first, to, committed));
  }
  TestLog log_;
  LogTrack track_{LogStart{log_.at(3), {}, {log_.history[0]}}};
};

TEST_F(FollowingTest, AppendsWhatIsNextAndTellsTheEpochThatBegins) {
  const BatchOutcome out = Send(4, 6);
  ASSERT_FALSE(out.refusal.has_value()) << out.detail;
  EXPECT_EQ(out.skip, 0u);
  EXPECT_EQ(out.append, 3u);
  ASSERT_EQ(out.new_epochs.size(), 1u);
  EXPECT_EQ(out.new_epochs[0], log_.history[1]);
  EXPECT_EQ(track_.head(), log_.at(6));
  EXPECT_EQ(track_.durable_seq(), 3u);
}

TEST_F(FollowingTest, RefusesAGapAndStaysAsItWas) {
  const BatchOutcome out = Send(5, 6);
  EXPECT_EQ(out.refusal, BatchRefusal::kGap);
  EXPECT_EQ(out.detail, "expected seq 4, got 5");
  EXPECT_EQ(track_.head_seq(), 3u);
}

TEST_F(FollowingTest, RefusesABatchBeforeTheHelloAndAfterTheLinkIsGone) {
  track_.Unfollow();
  EXPECT_EQ(Send(4, 6).refusal, BatchRefusal::kNotAfterHello);
  const LogStart nothing;
  LogTrack fresh(nothing);
  EXPECT_EQ(fresh.OnBatch(log_.Batch(E(2), 1, 2)).refusal, BatchRefusal::kNotAfterHello);
}

TEST_F(FollowingTest, RefusesAnotherEpochsPrimaryOlderOrNewer) {
  const BatchOutcome old = track_.OnBatch(TestLog().Add(E(1), 5).Batch(E(1), 4, 5));
  EXPECT_EQ(old.refusal, BatchRefusal::kOldEpoch);
  EXPECT_EQ(old.detail, "expected a batch of epoch 2@a, got one of 1@a");
  EXPECT_EQ(track_.OnBatch(log_.Batch(E(3), 4, 6)).refusal, BatchRefusal::kOldEpoch);
  EXPECT_EQ(track_.OnBatch(log_.Batch(E(2, "b"), 4, 6)).refusal, BatchRefusal::kOldEpoch);
}

TEST_F(FollowingTest, RefusesAWrongChainDigest) {
  BatchInfo batch = log_.Batch(E(2), 4, 6);
  batch.previous_digest[0] ^= 1;
  EXPECT_EQ(track_.OnBatch(batch).refusal, BatchRefusal::kDigestMismatch);
  EXPECT_EQ(track_.head_seq(), 3u);
}

TEST_F(FollowingTest, SkipsDuplicatesThatMatch) {
  Send(4, 8);
  const BatchOutcome out = Send(6, 10);
  ASSERT_FALSE(out.refusal.has_value()) << out.detail;
  EXPECT_EQ(out.skip, 3u);
  EXPECT_EQ(out.append, 2u);
  EXPECT_EQ(track_.head(), log_.at(10));
  EXPECT_TRUE(out.new_epochs.empty());
}

TEST_F(FollowingTest, SkipsWhatWasShownLongAgo) {
  Send(4, 8, 6);
  track_.OnDurable(8);
  ASSERT_EQ(track_.committed_seq(), 6u);
  EXPECT_EQ(Send(1, 9).skip, 8u);
  EXPECT_EQ(track_.head_seq(), 9u);
}

TEST_F(FollowingTest, RefusesADuplicateWithOtherBytes) {
  Send(4, 8);
  BatchInfo other = log_.Batch(E(2), 6, 10);
  other.entries[1].digest[3] ^= 1;
  EXPECT_EQ(track_.OnBatch(other).refusal, BatchRefusal::kDigestMismatch);
  EXPECT_EQ(track_.head_seq(), 8u);
}

TEST_F(FollowingTest, RefusesEntriesThatAreNotDense) {
  BatchInfo batch = log_.Batch(E(2), 4, 6);
  batch.entries[1].seq = 9;
  EXPECT_EQ(track_.OnBatch(batch).refusal, BatchRefusal::kBadEntries);
  batch.first_seq = 0;
  EXPECT_EQ(track_.OnBatch(batch).refusal, BatchRefusal::kBadEntries);
}

TEST_F(FollowingTest, RefusesEpochsThatGoBackOrLieBeyondTheSenders) {
  for (const Epoch& epoch : {E(3), E(0), E(2, "b")}) {
    BatchInfo batch = log_.Batch(E(2), 4, 6);
    batch.entries[2].epoch = epoch;
    EXPECT_EQ(track_.OnBatch(batch).refusal, BatchRefusal::kBadEntries) << ToText(epoch);
  }
  Send(4, 6);
  BatchInfo back = log_.Batch(E(2), 7, 7);
  back.entries[0].epoch = E(1);
  EXPECT_EQ(track_.OnBatch(back).refusal, BatchRefusal::kBadEntries);
}

TEST_F(FollowingTest, RefusesMoreThanItMayKeepPending) {
  TestLog big = TestLog().Add(E(1), 3);
  big.Add(E(2), static_cast<int>(kPendingRecordsMax) + 1);
  const uint64_t full = 3 + kPendingRecordsMax;
  ASSERT_FALSE(track_.OnBatch(big.Batch(E(2), 4, full)).refusal.has_value());
  EXPECT_EQ(track_.OnBatch(big.Batch(E(2), full + 1, full + 1)).refusal,
            BatchRefusal::kTooManyPending);
}

TEST_F(FollowingTest, CommitsNoFurtherThanItIsDurable) {
  Send(4, 9);
  EXPECT_EQ(track_.OnCommitted(8), 3u);
  EXPECT_EQ(track_.OnDurable(6), 6u);
  EXPECT_EQ(track_.OnDurable(9), 8u);
  EXPECT_EQ(track_.committed(), log_.at(8));
}

TEST_F(FollowingTest, TellsBeforehandWhatADurableAppendWillCommit) {
  Send(4, 9);
  track_.OnCommitted(7);
  EXPECT_EQ(track_.CommittedOnceDurable(2), 3u);
  EXPECT_EQ(track_.CommittedOnceDurable(6), 6u);
  EXPECT_EQ(track_.CommittedOnceDurable(9), 7u);
  EXPECT_EQ(track_.committed_seq(), 3u) << "asking moves nothing";
  track_.OnCommitted(30);
  EXPECT_EQ(track_.CommittedOnceDurable(40), 9u) << "not beyond the head";
  EXPECT_EQ(track_.OnDurable(6), 6u);
  EXPECT_EQ(track_.CommittedOnceDurable(5), 6u);
}

TEST_F(FollowingTest, DoesNotGoBackOnAnOlderWord) {
  Send(4, 9);
  track_.OnDurable(9);
  EXPECT_EQ(track_.OnCommitted(8), 8u);
  EXPECT_EQ(track_.OnCommitted(5), 8u);
}

TEST_F(FollowingTest, ShowsNothingOfAnOlderEpochBeforeTheNewStartRecordIsCommitted) {
  const TestLog log = TestLog().Add(E(1), 6).Add(E(2), 2);
  LogTrack track(LogStart{log.at(3), {log.at(4), log.at(5), log.at(6)}, {log.history[0]}});
  track.Follow(E(2), 7);
  EXPECT_EQ(track.OnCommitted(6), 3u);
  EXPECT_EQ(track.CommittedOnceDurable(6), 3u);
  track.OnBatch(log.Batch(E(2), 7, 8));
  track.OnDurable(8);
  EXPECT_EQ(track.OnCommitted(6), 3u);
  EXPECT_EQ(track.OnCommitted(7), 7u);
}

TEST_F(FollowingTest, ForgetsTheOldPrimarysWordAboutWhatIsNotHere) {
  Send(4, 5);
  track_.OnDurable(5);
  track_.OnCommitted(9);
  ASSERT_EQ(track_.committed_seq(), 5u);
  track_.Unfollow();
  track_.Follow(E(3, "b"), 6);
  TestLog other = TestLog().Add(E(1), 3).Add(E(2), 2).Add(E(3, "b"), 6);
  track_.OnBatch(other.Batch(E(3, "b"), 6, 11));
  EXPECT_EQ(track_.OnDurable(11), 5u);
}

TEST_F(FollowingTest, CutsPendingAndItsEpochsButNeverWhatIsCommitted) {
  Send(4, 9, 4);
  track_.OnDurable(9);
  track_.Unfollow();
  EXPECT_TRUE(track_.CutAfter(3).refused);
  EXPECT_EQ(track_.head_seq(), 9u);
  const CutOutcome cut = track_.CutAfter(6);
  EXPECT_FALSE(cut.refused);
  EXPECT_EQ(cut.first_dropped_seq, 7u);
  EXPECT_EQ(cut.last_dropped_seq, 9u);
  EXPECT_EQ(track_.head(), log_.at(6));
  EXPECT_EQ(track_.durable_seq(), 6u);
  EXPECT_EQ(track_.CutAfter(6).first_dropped_seq, 0u);
}

TEST_F(FollowingTest, ForgetsAnEpochThatWasCutWhole) {
  Send(4, 9);
  track_.Unfollow();
  track_.CutAfter(3);
  EXPECT_EQ(track_.history(), std::vector<EpochStart>{log_.history[0]});
  EXPECT_EQ(track_.head(), log_.at(3));
}

TEST_F(FollowingTest, StartsAnewFromASnapshot) {
  Send(4, 5);
  track_.Unfollow();
  track_.Reset(log_.at(12), log_.history);
  EXPECT_EQ(track_.applied_seq(), 12u);
  EXPECT_EQ(track_.durable_seq(), 12u);
  EXPECT_EQ(Send(13, 14).refusal, BatchRefusal::kNotAfterHello);
  track_.Follow(E(2), 4);
  EXPECT_EQ(Send(13, 14).append, 2u);
}

TEST(LeadingTest, TheFirstOwnEntryBeginsTheEpochAndCommitsWhatWasPending) {
  const TestLog log = TestLog().Add(E(1), 3).Add(E(2, "b"), 2);
  LogTrack track(LogStart{log.at(2), {log.at(3)}, {log.history[0]}});
  track.Lead(E(2, "b"));
  EXPECT_EQ(track.AppendOwn(log.at(4)), log.history[1]);
  EXPECT_EQ(track.AppendOwn(log.at(5)), std::nullopt);
  track.OnDurable(4);
  EXPECT_EQ(track.OnCommitted(3), 2u);
  EXPECT_EQ(track.OnCommitted(5), 4u);
}

TEST(LeadingDeathTest, AbortsWhenShownBeforeCommittedOrDurableBeyondTheHead) {
  const LogStart nothing;
  LogTrack track(nothing);
  EXPECT_DEATH(track.OnApplied(1), "applied_ <= seq");
  EXPECT_DEATH(track.OnDurable(1), "seq <= head_.seq");
  EXPECT_DEATH(track.Lead(E(0)), "epoch.number");
}

TEST(LogStartTest, NamesWhatAStoreMayNotSay) {
  const TestLog log = TestLog().Add(E(1), 2).Add(E(2), 2);
  const auto& h = log.history;
  const EntryMeta none;  // named: g++ 12 takes a {} here for uninitialized in a release build
  EXPECT_EQ(LogStartFault({log.at(2), {log.at(3)}, h}), nullptr);
  EXPECT_STREQ(LogStartFault({log.at(2), {log.at(4)}, h}), "pending entries are not dense");
  EXPECT_STREQ(LogStartFault({log.at(2), {}, {}}), "a log without a history");
  EXPECT_STREQ(LogStartFault({none, {}, h}), "a history without a log");
  EXPECT_STREQ(LogStartFault({log.at(2), {}, h}), "the history does not end in the log's epoch");
  EXPECT_STREQ(LogStartFault({log.at(2), {log.at(3)}, {h[0], {E(2), 4, {}}}}),
               "the history goes beyond the log");
}

}  // namespace
}  // namespace holdfast::replication
