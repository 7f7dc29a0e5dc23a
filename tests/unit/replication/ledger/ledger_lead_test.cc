// How an epoch begins and ends, and what a candidate fetches.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "server/vault/refusal.h"
#include "tests/unit/replication/ledger/ledger_fixture.h"

namespace holdfast::replication {
namespace {

using std::chrono::milliseconds;
using ::testing::ElementsAre;
using vault::Refusal;
using vault::RefusalOf;

bool IsReady(const std::future<absl::StatusOr<WriteResult>>& answer) {
  return answer.wait_for(milliseconds(50)) == std::future_status::ready;
}

TEST_F(LedgerTest, HeldWritesWaitAndAreNeitherPlannedNorRefused) {
  node_.ledger().HoldWrites();
  const uint64_t head = node_.ledger().progress().head_seq;
  auto answer = node_.Submit(UserNamed("alice"));
  EXPECT_FALSE(IsReady(answer));
  EXPECT_EQ(node_.ledger().progress().head_seq, head);
  node_.ledger().ReleaseWrites();
  EXPECT_TRUE(answer.get().ok());
}

TEST_F(LedgerTest, HeldWritesHearOfTheEndOfThisPrimaryAndWhatWasAppendedIsConfirmed) {
  AddMember("b");
  ASSERT_TRUE(node_.Write(Durable(1)).ok());
  node_.ledger().OnConnected("b");
  node_.ledger().OnAck("b", AckOf(node_.ledger().progress().head_seq));
  auto first = node_.Submit(UserNamed("alice"));
  while (node_.ledger().progress().durable_seq != node_.ledger().progress().head_seq ||
         node_.ledger().progress().head_seq == node_.ledger().progress().committed_seq) {
    std::this_thread::yield();
  }
  node_.ledger().HoldWrites();
  auto held = node_.Submit(UserNamed("bob"));
  node_.ledger().OnAck("b", AckOf(node_.ledger().progress().head_seq));
  EXPECT_TRUE(first.get().ok());
  EXPECT_FALSE(IsReady(held));
  node_.ledger().StepDown();
  EXPECT_EQ(RefusalOf(held.get().status()), Refusal::kNotPrimary);
}

TEST_F(LedgerTest, AHandOverIsTheLastRecordOfItsEpoch) {
  node_.ledger().HoldWrites();
  auto queued = node_.Submit(UserNamed("alice"));
  const auto seq = node_.ledger().AppendHandOver("b");
  ASSERT_TRUE(seq.ok()) << seq.status();
  EXPECT_EQ(*seq, node_.ledger().progress().head_seq);
  EXPECT_TRUE(node_.ledger().progress().ended);
  node_.ledger().ReleaseWrites();  // comes too late
  EXPECT_FALSE(IsReady(queued));
  EXPECT_TRUE(absl::IsFailedPrecondition(node_.ledger().AppendHandOver("c").status()));
  node_.ledger().StepDown();
  EXPECT_EQ(RefusalOf(queued.get().status()), Refusal::kNotPrimary);
  EXPECT_EQ(node_.ledger().progress().head_seq, *seq);
  const LogTail end{.kind = LogTail::Kind::kHandOver, .target = "b"};
  EXPECT_EQ(node_.ledger().Held().end, end);
  node_.Crash();
  ASSERT_TRUE(node_.Open().ok());
  EXPECT_EQ(node_.ledger().Held().end, end);
  EXPECT_EQ(node_.ledger().progress().end, end);
  ASSERT_TRUE(node_.ledger().StartEpoch(EpochOf(2)).ok());
  EXPECT_EQ(node_.ledger().Held().end, LogTail{});
  EXPECT_TRUE(node_.AddUser("bob").ok());
}

// Sent before it is stored, it could be all that others know, and its author not (docs/adr/0002).
TEST_F(LedgerTest, AHandOverThatTheDiskDoesNotTakeIsSeenByNobody) {
  node_.ledger().HoldWrites();
  const uint64_t head = node_.ledger().progress().head_seq;
  node_.disk().set_full(true);
  EXPECT_TRUE(absl::IsResourceExhausted(node_.ledger().AppendHandOver("b").status()));
  EXPECT_EQ(node_.ledger().progress().head_seq, head);
  EXPECT_FALSE(node_.ledger().progress().ended);
  EXPECT_TRUE(node_.ledger().ReadLog(head + 1, 8, 1 << 20)->empty());
  node_.disk().set_full(false);
  node_.ledger().ReleaseWrites();
  EXPECT_TRUE(node_.AddUser("alice").ok());
  EXPECT_TRUE(node_.ledger().AppendHandOver("b").ok());
}

TEST_F(FollowingTest, ACleanStopReachesTheFollower) {
  const auto seq = node_.ledger().AppendCleanStop();
  ASSERT_TRUE(seq.ok());
  auto late = node_.Submit(UserNamed("alice"));
  Send(1, *seq);
  EXPECT_EQ(follower_.ledger().Held().end, LogTail{.kind = LogTail::Kind::kCleanStop});
  node_.ledger().Close();
  EXPECT_EQ(RefusalOf(late.get().status()), Refusal::kNotPrimary);
  EXPECT_EQ(follower_.ledger().progress().head_seq, *seq);
}

TEST_F(LedgerTest, ALoweredLevelCountsForTheStartRecordItself) {
  AddMember("b");
  ASSERT_TRUE(node_.Write(Durable(1)).ok());
  node_.ledger().StepDown();
  // More than there are voters: refused before anything is appended.
  const uint64_t head = node_.ledger().progress().head_seq;
  EXPECT_FALSE(node_.ledger().StartEpoch(EpochOf(2), Durable(5)).ok());
  EXPECT_EQ(node_.ledger().progress().head_seq, head);
  EXPECT_FALSE(node_.ledger().progress().leading);
  ASSERT_TRUE(node_.ledger().StartEpoch(EpochOf(2), Durable(0)).ok());
  EXPECT_TRUE(node_.AddUser("alice").ok());  // nobody confirms, nobody has to
  EXPECT_TRUE(node_.ledger().progress().epoch_start_committed);
  EXPECT_EQ(node_.ledger().Held().setting_k, 0U);
}

TEST_F(LedgerTest, AnEpochBeginsOnTheLogThatWasJudgedOrNotAtAll) {
  const EntryMeta judged = node_.ledger().Shape().last;
  ASSERT_TRUE(node_.AddUser("alice").ok());
  node_.ledger().StepDown();
  const EntryMeta last = node_.ledger().Shape().last;
  EXPECT_TRUE(
      absl::IsFailedPrecondition(node_.ledger().StartEpoch(EpochOf(2), std::nullopt, judged)));
  EXPECT_EQ(node_.ledger().Shape().last, last);
  EXPECT_FALSE(node_.ledger().progress().leading);
  EXPECT_TRUE(node_.ledger().StartEpoch(EpochOf(2), std::nullopt, last).ok());
}

TEST_F(LedgerTest, PendingMembersAreTold) {
  AddMember("b");
  ASSERT_TRUE(node_.Write(Durable(1)).ok());
  EXPECT_THAT(node_.ledger().Members().committed, ElementsAre("a", "b"));
  node_.ledger().OnConnected("b");
  node_.ledger().OnAck("b", AckOf(node_.ledger().progress().head_seq));
  vault::CreateInvite invite{
      .node_id = "c", .token_hash = std::string(32, 'i'), .expires_ms = 1'800'000'000'000};
  EXPECT_EQ(RefusalOf(node_.Write(invite).status()), Refusal::kOutcomeUnknown);
  vault::JoinMember join{.invite_hash = std::string(32, 'i')};
  join.member = MemberOf("c", 'c');
  EXPECT_EQ(RefusalOf(node_.Write(join).status()), Refusal::kOutcomeUnknown);
  const Membership members = node_.ledger().Members();
  EXPECT_THAT(members.committed, ElementsAre("a", "b"));
  EXPECT_THAT(members.pending, ElementsAre(ElementsAre("a", "b", "c")));
}

// ---- What a candidate fetches.

class FetchTest : public FollowingTest {
 protected:
  absl::Status Fetch(uint64_t first, size_t records = 128) {
    auto entries = node_.ledger().ReadLog(first, records, 1 << 20);
    EXPECT_TRUE(entries.ok());
    return follower_.ledger().AppendFetched(*node_.ledger().DigestAt(first - 1), *entries);
  }
};

TEST_F(FetchTest, ATailIsTakenAndStaysPending) {
  const uint64_t shown = node_.ledger().progress().head_seq;
  Send(1, shown);
  ASSERT_TRUE(node_.AddUser("alice").ok());
  EXPECT_TRUE(absl::IsFailedPrecondition(Fetch(shown + 1)));  // it follows
  follower_.ledger().Unfollow();
  ASSERT_TRUE(Fetch(shown).ok());  // the first one is here already
  EXPECT_EQ(follower_.ledger().progress().head_seq, shown + 1);
  EXPECT_FALSE(follower_.Knows("alice"));
  follower_.Crash();
  ASSERT_TRUE(follower_.Open().ok());
  EXPECT_EQ(follower_.ledger().progress().head_seq, shown + 1);
  ASSERT_TRUE(follower_.ledger().StartEpoch(EpochOf(2, "b")).ok());
  ASSERT_TRUE(follower_.AddUser("bob").ok());
  EXPECT_TRUE(follower_.Knows("alice"));
}

TEST_F(FetchTest, WhatDiffersIsCutFirstButNothingThatWasShown) {
  const uint64_t shown = node_.ledger().progress().head_seq;
  Send(1, shown);
  follower_.ledger().Unfollow();
  // The follower leads for a moment, alone with what it appends; then the first node goes on.
  ASSERT_TRUE(follower_.ledger().StartEpoch(EpochOf(2, "b")).ok());
  while (!follower_.ledger().progress().epoch_start_committed) std::this_thread::yield();
  follower_.ledger().StepDown();
  ASSERT_TRUE(node_.AddUser("alice").ok());
  const uint64_t head = follower_.ledger().progress().head_seq;
  EXPECT_TRUE(absl::IsFailedPrecondition(Fetch(shown + 1)));  // it has shown that record
  EXPECT_EQ(follower_.ledger().progress().head_seq, head);
}

TEST_F(FetchTest, APendingTailOfAnotherEpochIsReplaced) {
  AddMember("b");
  ASSERT_TRUE(node_.Write(Durable(1)).ok());
  const uint64_t shown = node_.ledger().progress().head_seq;
  Send(1, shown);
  follower_.ledger().Unfollow();
  ASSERT_TRUE(follower_.ledger().StartEpoch(EpochOf(2, "b")).ok());  // nobody confirms it
  follower_.ledger().StepDown();
  node_.ledger().StepDown();
  ASSERT_TRUE(node_.ledger().StartEpoch(EpochOf(3, "a")).ok());
  EXPECT_EQ(follower_.ledger().progress().head_seq, shown + 1);
  const absl::Status fetched = Fetch(shown + 1);
  ASSERT_TRUE(fetched.ok()) << fetched;
  EXPECT_EQ(follower_.ledger().Shape().last, node_.ledger().Shape().last);
  EXPECT_EQ(follower_.ledger().Shape().history, node_.ledger().Shape().history);
}

TEST_F(FetchTest, AGapOrAForgedEntryChangesNothing) {
  ASSERT_TRUE(node_.AddUser("alice").ok());
  follower_.ledger().Unfollow();
  EXPECT_TRUE(absl::IsFailedPrecondition(Fetch(2)));
  auto entries = node_.ledger().ReadLog(1, 2, 1 << 20);
  LogEntry forged = *entries->back();
  forged.record += 'x';
  entries->back() = std::make_shared<const LogEntry>(forged);
  EXPECT_FALSE(follower_.ledger().AppendFetched(Digest{}, *entries).ok());
  EXPECT_EQ(follower_.ledger().progress().head_seq, 0U);
}

}  // namespace
}  // namespace holdfast::replication
