// A store whose server is away, or silent, when it should answer: what was written is found out.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <thread>
#include <vector>

#include "server/vault/refusal.h"
#include "tests/unit/replication/ledger/ledger_fixture.h"

namespace holdfast::replication {
namespace {

using std::chrono::milliseconds;
using ::testing::HasSubstr;
using vault::Refusal;
using vault::RefusalOf;

void AwaitKnown(Ledger& ledger) {
  while (!ledger.progress().store_fault.ok()) std::this_thread::yield();
}

// The parameter: the write whose answer is lost is in the store all the same.
class LostWriteTest : public FollowingTest, public testing::WithParamInterface<bool> {
 protected:
  static bool Lands() { return GetParam(); }
  static void Lose(TestNode& node) { node.disk().set_away(true, Lands()); }
  static void Back(TestNode& node) { node.disk().set_away(false); }
  uint64_t InStore(TestNode& node) {
    return node.store().Load([](v1::Row&&) { return absl::OkStatus(); })->last.seq;
  }
};

INSTANTIATE_TEST_SUITE_P(Answer, LostWriteTest, testing::Bool(),
                         [](const auto& lands) { return lands.param ? "Lands" : "DoesNot"; });

TEST_P(LostWriteTest, AHandOverIsInTheLogOnceItIsThere) {
  node_.ledger().HoldWrites();
  const uint64_t head = node_.ledger().progress().head_seq;
  Lose(node_);
  EXPECT_TRUE(absl::IsUnavailable(node_.ledger().AppendHandOver("b").status()));
  EXPECT_EQ(node_.ledger().progress().head_seq, head);
  EXPECT_TRUE(node_.ledger().ReadLog(head + 1, 8, 1 << 20)->empty()) << "nobody is sent it";
  node_.ledger().ReleaseWrites();  // comes too late
  auto write = node_.Submit(UserNamed("alice"));
  EXPECT_EQ(RefusalOf(write.get().status()), Refusal::kOverloaded) << "after its time, not before";
  EXPECT_TRUE(absl::IsUnavailable(node_.ledger().AppendHandOver("b").status()));
  Back(node_);
  AwaitKnown(node_.ledger());
  EXPECT_EQ(node_.ledger().progress().ended, Lands());
  EXPECT_EQ(node_.ledger().progress().head_seq, head + (Lands() ? 1 : 0));
  const auto seq = node_.ledger().AppendHandOver("b");
  ASSERT_TRUE(seq.ok()) << seq.status();
  EXPECT_EQ(*seq, head + 1);
  EXPECT_EQ(InStore(node_), head + 1);
  EXPECT_EQ(node_.ledger().ReadLog(head + 1, 8, 1 << 20)->size(), 1U);
  while (node_.ledger().progress().committed_seq != head + 1) std::this_thread::yield();
  EXPECT_TRUE(node_.ledger().progress().failure.ok());
}

TEST_P(LostWriteTest, ThePrimaryGoesOnWhenTheHandOverIsNotThere) {
  Lose(node_);
  EXPECT_TRUE(absl::IsUnavailable(node_.ledger().AppendHandOver("b").status()));
  Back(node_);
  AwaitKnown(node_.ledger());
  auto write = node_.Submit(UserNamed("alice"));
  if (!Lands()) {
    EXPECT_TRUE(write.get().ok());
    return;
  }
  node_.ledger().StepDown();
  EXPECT_EQ(RefusalOf(write.get().status()), Refusal::kNotPrimary);
}

TEST_P(LostWriteTest, ACleanStopIsWhatTheNextStartFinds) {
  const uint64_t head = node_.ledger().progress().head_seq;
  Lose(node_);
  EXPECT_TRUE(absl::IsUnavailable(node_.ledger().AppendCleanStop().status()));
  node_.ledger().StepDown();
  EXPECT_EQ(node_.ledger().progress().head_seq, head);
  EXPECT_TRUE(node_.ledger().ReadLog(head + 1, 8, 1 << 20)->empty());
  Back(node_);
  node_.Crash();
  ASSERT_TRUE(node_.Open().ok());
  EXPECT_EQ(node_.ledger().progress().head_seq, head + (Lands() ? 1 : 0));
  EXPECT_EQ(node_.ledger().Held().end.kind,
            Lands() ? LogTail::Kind::kCleanStop : LogTail::Kind::kOpen);
}

TEST_P(LostWriteTest, ALastRecordIsFoundOutAlsoBySomebodyWhoLeadsNoMore) {
  const uint64_t head = node_.ledger().progress().head_seq;
  Lose(node_);
  EXPECT_TRUE(absl::IsUnavailable(node_.ledger().AppendHandOver("b").status()));
  node_.ledger().StepDown();
  EXPECT_EQ(node_.ledger().Shape().last.seq, head);
  Back(node_);
  EXPECT_TRUE(node_.ledger().Settle().ok());
  EXPECT_EQ(node_.ledger().Shape().last.seq, head + (Lands() ? 1 : 0));
  EXPECT_EQ(node_.ledger().Held().end.kind,
            Lands() ? LogTail::Kind::kHandOver : LogTail::Kind::kOpen);
  ASSERT_TRUE(node_.ledger().StartEpoch(EpochOf(2)).ok());
  EXPECT_TRUE(node_.AddUser("alice").ok());
}

TEST_P(LostWriteTest, WhoSteppedDownKeepsWhatIsThereAndDropsWhatIsNot) {
  const uint64_t head = node_.ledger().progress().head_seq;
  Lose(node_);
  EXPECT_EQ(RefusalOf(node_.AddUser("alice").status()), Refusal::kOutcomeUnknown);
  node_.ledger().StepDown();
  EXPECT_EQ(node_.ledger().progress().head_seq, head);
  EXPECT_EQ(node_.ledger().Held().last.seq, head);
  EXPECT_TRUE(absl::IsUnavailable(node_.ledger().progress().store_fault));
  EXPECT_TRUE(absl::IsUnavailable(node_.ledger().StartEpoch(EpochOf(2))));
  EXPECT_FALSE(node_.ledger().progress().leading);
  EXPECT_FALSE(node_.Knows("alice"));
  Back(node_);
  AwaitKnown(node_.ledger());
  // Without secondaries its rows were in the same transaction: it is shown, as after a restart.
  EXPECT_EQ(node_.Knows("alice"), Lands());
  EXPECT_EQ(node_.ledger().progress().head_seq, head + (Lands() ? 1 : 0));
  ASSERT_TRUE(node_.ledger().StartEpoch(EpochOf(3)).ok());
  EXPECT_EQ(node_.AddUser("alice").ok(), !Lands());
  EXPECT_TRUE(node_.AddUser("bob").ok());
}

TEST_P(LostWriteTest, WhatWasLostWithALevelStaysPendingAndCanBeCut) {
  AddMember("b");
  ASSERT_TRUE(node_.Write(Durable(1)).ok());
  node_.ledger().OnConnected("b");
  const uint64_t head = node_.ledger().progress().head_seq;
  node_.ledger().OnAck("b", AckOf(head));
  Lose(node_);
  EXPECT_EQ(RefusalOf(node_.AddUser("alice").status()), Refusal::kOutcomeUnknown);
  node_.ledger().OnAck("b", AckOf(head + 1));  // the secondary has it, this node not
  node_.ledger().StepDown();
  EXPECT_TRUE(absl::IsUnavailable(node_.ledger().CutAfter(head)));
  Back(node_);
  EXPECT_TRUE(node_.ledger().CutAfter(head).ok());
  EXPECT_EQ(node_.ledger().progress().head_seq, head);
  EXPECT_EQ(InStore(node_), head);
  EXPECT_FALSE(node_.Knows("alice"));
}

TEST_P(LostWriteTest, ACutIsDoneWhenItIsThere) {
  const uint64_t before = node_.ledger().progress().head_seq;
  ASSERT_TRUE(node_.AddUser("alice").ok());
  Send(1, before);
  follower_.ledger().Unfollow();
  Lose(follower_);
  EXPECT_TRUE(absl::IsUnavailable(follower_.ledger().CutAfter(before)));
  follower_.ledger().Follow(EpochOf(1), 1);
  EXPECT_TRUE(Send(before + 1, before + 1).refusal.has_value());
  Back(follower_);
  AwaitKnown(follower_.ledger());
  EXPECT_EQ(follower_.ledger().progress().head_seq, before + (Lands() ? 0 : 1));
  EXPECT_EQ(InStore(follower_), before + (Lands() ? 0 : 1));
  follower_.ledger().Follow(EpochOf(1), 1);
  EXPECT_FALSE(Send(before + 1, before + 1).refusal.has_value());
  EXPECT_TRUE(follower_.Knows("alice"));
}

TEST_P(LostWriteTest, ABatchOfTheStreamIsKeptWhenItIsThere) {
  ASSERT_TRUE(node_.AddUser("alice").ok());
  const uint64_t head = node_.ledger().progress().head_seq;
  Send(1, head - 1, head - 1);
  Lose(follower_);
  EXPECT_EQ(Send(head, head).refusal, BatchRefusal::kNoRoom);
  EXPECT_EQ(follower_.ledger().Shape().last.seq, head - 1) << "what the next hello says";
  EXPECT_FALSE(follower_.Knows("alice"));
  Back(follower_);
  follower_.ledger().Follow(EpochOf(1), 1);
  if (Lands()) {  // The hello before said less.
    EXPECT_TRUE(Send(head, head).refusal.has_value());
    follower_.ledger().Follow(EpochOf(1), 1);
  }
  EXPECT_FALSE(Send(head, head).refusal.has_value());
  EXPECT_TRUE(follower_.Knows("alice"));
  EXPECT_EQ(follower_.StateDigestNow(), node_.StateDigestNow());
}

TEST_P(LostWriteTest, ASnapshotIsPutInPlaceWhenItIsThere) {
  ASSERT_TRUE(node_.AddUser("alice").ok());
  std::vector<v1::RowChange> rows;
  const auto point = CopyInto(rows);
  ASSERT_TRUE(point.ok());
  follower_.ledger().Unfollow();
  Lose(follower_);
  EXPECT_TRUE(absl::IsUnavailable(Replace(*point, rows)));
  EXPECT_EQ(follower_.ledger().progress().committed_seq, 0U);
  EXPECT_TRUE(absl::IsUnavailable(Replace(*point, rows)));
  Back(follower_);
  AwaitKnown(follower_.ledger());
  EXPECT_EQ(follower_.Knows("alice"), Lands());
  EXPECT_EQ(InStore(follower_), Lands() ? point->seq : 0);
  EXPECT_TRUE(Replace(*point, rows).ok());
  EXPECT_TRUE(follower_.Knows("alice"));
  EXPECT_TRUE(follower_.ledger().progress().failure.ok());
}

TEST_F(LedgerTest, AWriteIsAnsweredInItsTimeWhileTheStoreLetsTheWriterWait) {
  const uint64_t head = node_.ledger().progress().head_seq;
  node_.disk().set_hanging(true);
  auto sent = node_.Submit(UserNamed("alice"));
  while (node_.ledger().progress().head_seq == head) std::this_thread::yield();
  auto queued = node_.Submit(UserNamed("bob"));
  const absl::Status unknown = sent.get().status();
  EXPECT_EQ(RefusalOf(unknown), Refusal::kOutcomeUnknown);
  EXPECT_THAT(std::string(unknown.message()), HasSubstr("does not answer"));
  const absl::Status refused = queued.get().status();
  EXPECT_EQ(RefusalOf(refused), Refusal::kOverloaded);
  EXPECT_THAT(std::string(refused.message()), HasSubstr("nothing was written"));
  node_.disk().set_hanging(false);
  EXPECT_TRUE(node_.AddUser("carol").ok());
  EXPECT_TRUE(node_.Knows("alice"));
  EXPECT_FALSE(node_.Knows("bob"));
}

}  // namespace
}  // namespace holdfast::replication
