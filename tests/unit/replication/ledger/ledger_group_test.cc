// What is planned together while earlier records wait to be committed.
#include <gtest/gtest.h>

#include <string>
#include <thread>
#include <vector>

#include "tests/unit/replication/ledger/ledger_fixture.h"

namespace holdfast::replication {
namespace {

using Answer = std::future<absl::StatusOr<WriteResult>>;

class GroupTest : public LedgerTest {
 protected:
  explicit GroupTest(std::chrono::milliseconds longest = std::chrono::hours(1)) {
    node_.UseGroupWait(longest);
  }
  void SetUp() override {
    LedgerTest::SetUp();
    AddMember("b");
    vault::SetSettings patient = Durable(1);
    patient.wait_ms = 20'000;
    ASSERT_TRUE(node_.Write(patient).ok());
    node_.ledger().OnConnected("b");
    AckAll();
    node_.ledger().HoldWrites();
    for (const char* name : {"ann", "bob", "cid"}) Submit(name);
    node_.ledger().ReleaseWrites();
    AwaitDurable(3);
    appends_ = node_.appends();
  }
  void AckAll() { node_.ledger().OnAck("b", AckOf(node_.ledger().progress().head_seq)); }
  void Submit(const std::string& name) { answers_.push_back(node_.Submit(UserNamed(name))); }
  // `count` records behind what is committed.
  void AwaitDurable(uint64_t count) {
    const auto durable = [this] {
      const LedgerProgress progress = node_.ledger().progress();
      return progress.durable_seq - progress.committed_seq;
    };
    while (durable() < count) std::this_thread::yield();
  }
  void ExpectAllAnswered() {
    for (Answer& answer : answers_) EXPECT_TRUE(answer.get().ok());
  }

  std::vector<Answer> answers_;
  int appends_ = 0;  // before the test
};

TEST_F(GroupTest, IsAppendedAtOnceWhenItIsAsLargeAsTheLast) {
  Submit("dan");
  answers_.back().wait_for(std::chrono::milliseconds(30));  // alone it does not go
  for (const char* name : {"eve", "fay"}) Submit(name);
  AwaitDurable(6);
  EXPECT_EQ(node_.appends(), appends_ + 1);
  AckAll();
  ExpectAllAnswered();
}

TEST_F(GroupTest, ASmallerOneGoesWhenTheLastIsCommitted) {
  for (const char* name : {"dan", "eve"}) Submit(name);
  AckAll();
  AwaitDurable(2);
  EXPECT_EQ(node_.appends(), appends_ + 1);
  AckAll();
  ExpectAllAnswered();
}

class ShortWaitTest : public GroupTest {
 protected:
  static constexpr std::chrono::milliseconds kLongest{50};
  ShortWaitTest() : GroupTest(kLongest) {}
};

TEST_F(ShortWaitTest, ASmallerOneGoesWhenItHasWaited) {
  const MonoTime asked = node_.clock().Mono();
  Submit("dan");
  AwaitDurable(4);
  EXPECT_GE(node_.clock().Mono() - asked, kLongest);
  AckAll();
  ExpectAllAnswered();
}

}  // namespace
}  // namespace holdfast::replication
