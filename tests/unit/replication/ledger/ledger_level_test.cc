// Levels of one write, the policy degrade, idempotency keys, and a disk that is full for a while.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <thread>
#include <utility>

#include "server/vault/refusal.h"
#include "tests/unit/replication/ledger/ledger_fixture.h"

namespace holdfast::replication {
namespace {

using std::chrono::milliseconds;
using ::testing::HasSubstr;
using vault::Refusal;
using vault::RefusalOf;
using Answer = std::future<absl::StatusOr<WriteResult>>;

class LevelTest : public LedgerTest {
 protected:
  void SetUp() override {
    LedgerTest::SetUp();
    AddMember("b");
    node_.ledger().OnConnected("b");
    Ack(0, 0, 0);
  }
  void Ack(uint64_t received, uint64_t durable, uint64_t applied) {
    node_.ledger().OnAck("b", {.epoch = EpochOf(1),
                               .received_seq = received,
                               .durable_seq = durable,
                               .applied_seq = applied});
  }
  Answer At(Level level, uint32_t k, const std::string& name) {
    return node_.Submit(UserNamed(name), {.level = LevelAsk{level, k}});
  }
  static bool IsReady(const Answer& answer) {
    return answer.wait_for(milliseconds(30)) == std::future_status::ready;
  }
  uint64_t AwaitHead(uint64_t above) {
    while (node_.ledger().progress().durable_seq <= above) std::this_thread::yield();
    return node_.ledger().progress().durable_seq;
  }
  // A node that is slow under load must not look like a secondary that is silent.
  vault::SetSettings Patient(uint32_t k) {
    vault::SetSettings settings = Durable(k);
    settings.wait_ms = 20'000;
    return settings;
  }
  vault::SetSettings Degrade(uint32_t k, uint32_t wait_ms) {
    vault::SetSettings settings = Durable(k);
    settings.policy = v1::POLICY_DEGRADE;
    settings.wait_ms = wait_ms;
    return settings;
  }
};

TEST_F(LevelTest, AWriteMayAskForMoreThanTheCluster) {
  ASSERT_TRUE(node_.Write(Patient(0)).ok());
  const uint64_t before = node_.ledger().progress().head_seq;
  Answer applied = At(Level::kApplied, 1, "alice");
  const uint64_t seq = AwaitHead(before);
  Answer local = At(Level::kLocal, 0, "bob");  // does not wait for the one before it
  EXPECT_TRUE(local.get().ok());
  Ack(seq, seq, seq - 1);
  EXPECT_FALSE(IsReady(applied));
  Ack(seq, seq, seq);
  const auto result = applied.get();
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(result->level, (LevelAsk{Level::kApplied, 1}));
  EXPECT_FALSE(result->degraded);
}

TEST_F(LevelTest, AWeakerOneIsNotAnsweredBeforeItsCommit) {
  ASSERT_TRUE(node_.Write(Patient(1)).ok());
  const uint64_t before = node_.ledger().progress().head_seq;
  Ack(before, before, before);
  Answer local = At(Level::kLocal, 0, "alice");
  const uint64_t seq = AwaitHead(before);
  EXPECT_FALSE(IsReady(local));
  Ack(seq, seq, 0);
  EXPECT_TRUE(local.get().ok());
}

TEST_F(LevelTest, MoreThanAreConnectedIsRefusedBeforePlanning) {
  const uint64_t head = node_.ledger().progress().head_seq;
  EXPECT_EQ(RefusalOf(At(Level::kDurable, 2, "alice").get().status()),
            Refusal::kNotEnoughSecondaries);
  EXPECT_EQ(node_.ledger().progress().head_seq, head);
}

TEST_F(LevelTest, WhatIsUnknownNamesItsPosition) {
  const uint64_t before = node_.ledger().progress().head_seq;
  const absl::Status unknown = At(Level::kDurable, 1, "alice").get().status();
  EXPECT_EQ(RefusalOf(unknown), Refusal::kOutcomeUnknown);
  EXPECT_EQ(vault::PositionOf(unknown), (Position{.epoch = 1, .seq = before + 1}));
}

TEST_F(LevelTest, TheWaitOfTheClusterCounts) {
  vault::SetSettings settings = Durable(1);
  settings.wait_ms = 400;  // the test's own is 100
  ASSERT_TRUE(node_.Write(settings).ok());
  const MonoTime began = node_.clock().Mono();
  EXPECT_EQ(RefusalOf(node_.AddUser("alice").status()), Refusal::kOutcomeUnknown);
  EXPECT_GE(node_.clock().Mono() - began, milliseconds(400));
}

TEST_F(LevelTest, AShorterWaitDoesNotWaitForALongerOne) {
  ASSERT_TRUE(node_.Write(Patient(0)).ok());
  Answer patient = At(Level::kApplied, 1, "alice");
  vault::SetSettings hasty = Durable(0);
  hasty.wait_ms = 100;
  ASSERT_TRUE(node_.Write(hasty).ok());
  EXPECT_EQ(RefusalOf(At(Level::kApplied, 1, "bob").get().status()), Refusal::kOutcomeUnknown);
  EXPECT_FALSE(IsReady(patient));
  const uint64_t head = node_.ledger().progress().head_seq;
  Ack(head, head, head);
  EXPECT_TRUE(patient.get().ok());
}

// ---- Policy degrade.

TEST_F(LevelTest, DegradeAcknowledgesAloneAfterItsWaitAndSaysSo) {
  ASSERT_TRUE(node_.Write(Degrade(1, 1000)).ok());
  const MonoTime began = node_.clock().Mono();
  const auto first = node_.AddUser("alice");
  ASSERT_TRUE(first.ok()) << first.status();
  EXPECT_GE(node_.clock().Mono() - began, milliseconds(1000));
  EXPECT_TRUE(first->degraded);
  EXPECT_TRUE(node_.ledger().progress().degraded);
  EXPECT_TRUE(node_.Knows("alice"));
  const MonoTime again = node_.clock().Mono();
  EXPECT_TRUE(node_.AddUser("bob")->degraded);  // at once
  EXPECT_LT(node_.clock().Mono() - again, milliseconds(1000));
  const uint64_t head = node_.ledger().progress().head_seq;
  Ack(head, head, head);
  while (node_.ledger().progress().degraded) std::this_thread::yield();
  Answer carol = node_.Submit(UserNamed("carol"));
  const uint64_t seq = AwaitHead(head);
  Ack(seq, seq, seq);
  EXPECT_FALSE(carol.get()->degraded);
}

TEST_F(LevelTest, DegradeGivesUpALevelThatCommitsAlone) {
  vault::SetSettings settings = Degrade(1, 150);
  settings.level = v1::LEVEL_RECEIVED;
  ASSERT_TRUE(node_.Write(settings).ok());
  const auto first = node_.AddUser("alice");
  ASSERT_TRUE(first.ok()) << first.status();
  EXPECT_TRUE(first->degraded);
}

TEST_F(LevelTest, WhatIsGivenUpOnceLetsGoAllThatWaitForIt) {
  const auto set = [this](uint32_t wait_ms) {
    vault::SetSettings settings = Degrade(1, wait_ms);
    settings.level = v1::LEVEL_RECEIVED;
    return node_.Submit(settings, {.level = LevelAsk{Level::kLocal, 0}}).get().ok();
  };
  node_.ledger().OnDisconnected("b");
  ASSERT_TRUE(set(300));
  Answer first = node_.Submit(UserNamed("alice"));
  ASSERT_TRUE(set(20'000));
  Answer patient = node_.Submit(UserNamed("bob"));
  EXPECT_TRUE(first.get()->degraded);
  ASSERT_EQ(patient.wait_for(std::chrono::seconds(10)), std::future_status::ready);
  EXPECT_TRUE(patient.get()->degraded);
}

// Else its answer would queue behind all that the new position wakes.
TEST_F(LevelTest, AWriteIsAnsweredBeforeOthersAreToldThatItMoved) {
  ASSERT_TRUE(node_.Write(Patient(1)).ok());
  const uint64_t before = node_.ledger().progress().head_seq;
  const auto answer = node_.Submit(UserNamed("alice")).share();
  const uint64_t seq = AwaitHead(before);
  std::promise<bool> answered_first;
  bool told = false;
  const uint64_t id = node_.ledger().Subscribe([&] {
    if (told || node_.ledger().progress().committed_seq < seq) return;
    told = true;
    answered_first.set_value(answer.wait_for(milliseconds(0)) == std::future_status::ready);
  });
  Ack(seq, seq, seq);
  EXPECT_TRUE(answer.get().ok());
  EXPECT_TRUE(answered_first.get_future().get());
  node_.ledger().Unsubscribe(id);
}

// ---- Idempotency keys.

TEST_F(LedgerTest, TheSameRequestAgainIsAnsweredAtThePositionOfThen) {
  const auto first = node_.Submit(UserNamed("alice"), {}, "k").get();
  ASSERT_TRUE(first.ok()) << first.status();
  ASSERT_TRUE(node_.AddUser("bob").ok());
  const uint64_t head = node_.ledger().progress().head_seq;
  const auto again = node_.Submit(UserNamed("alice"), {}, "k").get();
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_TRUE(again->planned.repeated);
  EXPECT_EQ(again->planned.id, first->planned.id);
  EXPECT_EQ(again->position.seq, head);
  EXPECT_EQ(node_.ledger().progress().head_seq, head);
  node_.Crash();
  ASSERT_TRUE(node_.Open().ok());
  ASSERT_TRUE(node_.ledger().StartEpoch(EpochOf(2)).ok());
  EXPECT_TRUE(node_.Submit(UserNamed("alice"), {}, "k").get()->planned.repeated);
}

TEST_F(LevelTest, ARepeatedRequestWaitsForTheCommitOfTheFirst) {
  ASSERT_TRUE(node_.Write(Patient(1)).ok());
  const uint64_t before = node_.ledger().progress().head_seq;
  Ack(before, before, before);
  Answer first = node_.Submit(UserNamed("alice"), {}, "k");
  const uint64_t seq = AwaitHead(before);
  Answer again = node_.Submit(UserNamed("alice"), {}, "k");
  EXPECT_FALSE(IsReady(again));
  Ack(seq, seq, seq);
  EXPECT_TRUE(first.get().ok());
  EXPECT_TRUE(again.get()->planned.repeated);
  EXPECT_EQ(node_.ledger().progress().head_seq, seq);
}

// ---- A disk that is full for a while.

TEST_F(LevelTest, AFullDiskIsWaitedOutWithTheSameBytes) {
  const uint64_t before = node_.ledger().progress().head_seq;
  node_.disk().set_full(true);
  const absl::Status unknown = node_.AddUser("alice").status();
  EXPECT_EQ(RefusalOf(unknown), Refusal::kOutcomeUnknown);
  EXPECT_THAT(std::string(unknown.message()), HasSubstr("full"));
  const auto sent = node_.ledger().ReadLog(before + 1, 1, 1 << 20);
  ASSERT_TRUE(sent.ok() && sent->size() == 1);  // a stream may have it
  const absl::Status refused = node_.AddUser("bob").status();
  EXPECT_EQ(RefusalOf(refused), Refusal::kOverloaded);
  EXPECT_THAT(std::string(refused.message()), HasSubstr("full"));
  EXPECT_TRUE(absl::IsResourceExhausted(node_.ledger().progress().store_fault));
  EXPECT_TRUE(node_.ledger().progress().failure.ok());
  EXPECT_FALSE(node_.Knows("alice"));
  EXPECT_TRUE(absl::IsResourceExhausted(node_.ledger().AppendCleanStop().status()));
  node_.disk().set_full(false);
  while (!node_.ledger().progress().store_fault.ok()) std::this_thread::yield();
  const auto stored = node_.store().ReadLog(before + 1, 1, 1 << 20);
  ASSERT_TRUE(stored.ok() && stored->size() == 1);
  EXPECT_EQ(stored->front()->digest, sent->front()->digest);
  ASSERT_TRUE(node_.AddUser("carol").ok());
  EXPECT_TRUE(node_.Knows("alice"));
}

TEST_F(LevelTest, WhatCouldNotBeStoredGoesWithItsEpoch) {
  const uint64_t before = node_.ledger().progress().head_seq;
  node_.disk().set_full(true);
  EXPECT_FALSE(node_.AddUser("alice").ok());
  node_.ledger().StepDown();
  EXPECT_EQ(node_.ledger().progress().head_seq, before);
  EXPECT_TRUE(absl::IsResourceExhausted(node_.ledger().StartEpoch(EpochOf(2))));
  EXPECT_FALSE(node_.ledger().progress().leading);
  node_.disk().set_full(false);
  ASSERT_TRUE(node_.ledger().StartEpoch(EpochOf(3)).ok());
  EXPECT_TRUE(node_.AddUser("alice").ok());
}

TEST_F(FollowingTest, AFollowerWithoutRoomRefusesAndGoesOnLater) {
  ASSERT_TRUE(node_.AddUser("alice").ok());
  const uint64_t head = node_.ledger().progress().head_seq;
  Send(1, head - 1, head - 1);
  follower_.disk().set_full(true);
  const ForeignOutcome outcome = Send(head, head);
  EXPECT_EQ(outcome.refusal, BatchRefusal::kNoRoom);
  EXPECT_TRUE(outcome.failure.ok());
  EXPECT_EQ(follower_.ledger().progress().head_seq, head - 1);
  EXPECT_TRUE(follower_.ledger().progress().failure.ok());
  EXPECT_FALSE(follower_.Knows("alice"));
  follower_.disk().set_full(false);
  follower_.ledger().Follow(EpochOf(1), 1);  // after the next hello
  EXPECT_FALSE(Send(head, head).refusal.has_value());
  EXPECT_TRUE(follower_.Knows("alice"));
}

// ---- A store whose server is away for a while.

TEST_F(LevelTest, AStoreThatIsAwayIsWaitedForWithTheSameBytes) {
  const uint64_t before = node_.ledger().progress().head_seq;
  node_.disk().set_away(true);
  const absl::Status unknown = node_.AddUser("alice").status();
  EXPECT_EQ(RefusalOf(unknown), Refusal::kOutcomeUnknown);
  EXPECT_THAT(std::string(unknown.message()), HasSubstr("is away"));
  const auto sent = node_.ledger().ReadLog(before + 1, 1, 1 << 20);
  ASSERT_TRUE(sent.ok() && sent->size() == 1);
  const absl::Status refused = node_.AddUser("bob").status();
  EXPECT_EQ(RefusalOf(refused), Refusal::kOverloaded);
  EXPECT_THAT(std::string(refused.message()), HasSubstr("is away"));
  EXPECT_TRUE(absl::IsUnavailable(node_.ledger().progress().store_fault));
  EXPECT_TRUE(node_.ledger().progress().failure.ok());
  node_.disk().set_away(false);
  node_.disk().set_full(true);  // one fault after the other
  while (absl::IsUnavailable(node_.ledger().progress().store_fault)) std::this_thread::yield();
  EXPECT_TRUE(absl::IsResourceExhausted(node_.ledger().progress().store_fault));
  node_.disk().set_full(false);
  while (!node_.ledger().progress().store_fault.ok()) std::this_thread::yield();
  EXPECT_EQ(node_.store().ReadLog(before + 1, 1, 1 << 20)->front()->digest, sent->front()->digest);
  ASSERT_TRUE(node_.AddUser("carol").ok());
  EXPECT_TRUE(node_.Knows("alice"));
}

TEST_F(FollowingTest, AFollowerWhoseStoreIsAwayRefusesAndGoesOnLater) {
  ASSERT_TRUE(node_.AddUser("alice").ok());
  const uint64_t head = node_.ledger().progress().head_seq;
  Send(1, head - 1, head - 1);
  follower_.disk().set_away(true);
  const ForeignOutcome outcome = Send(head, head);
  EXPECT_EQ(outcome.refusal, BatchRefusal::kNoRoom);
  EXPECT_TRUE(outcome.failure.ok());
  EXPECT_EQ(follower_.ledger().progress().head_seq, head - 1);
  EXPECT_TRUE(follower_.ledger().progress().failure.ok());
  follower_.disk().set_away(false);
  follower_.ledger().Follow(EpochOf(1), 1);
  EXPECT_FALSE(Send(head, head).refusal.has_value());
  EXPECT_TRUE(follower_.Knows("alice"));
}

}  // namespace
}  // namespace holdfast::replication
