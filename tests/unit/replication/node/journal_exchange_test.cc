// The journals of two nodes on their way to each other.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/replication/node/node_fixture.h"

namespace holdfast::replication {
namespace {

class JournalExchangeTest : public ::testing::Test {
 protected:
  void SetUp() override {
    const absl::Status founded = a_.Found({b_.Row()});
    ASSERT_TRUE(founded.ok()) << founded;
    a_.Crash();
    ASSERT_NO_FATAL_FAILURE(Start(a_));
    ASSERT_NO_FATAL_FAILURE(Start(b_));
  }
  void Start(Member& member) {
    const absl::Status started = member.Start({a_.Row(), b_.Row()});
    ASSERT_TRUE(started.ok()) << started;
    member.journal().SetCollectors({{.name = Other(member).name(), .keeps = true}});
  }
  Member& Other(Member& member) { return &member == &a_ ? b_ : a_; }
  static void Add(Member& member, int count, size_t bytes = 10) {
    for (int i = 0; i < count; ++i) {
      v1::AuditRecord record;
      record.set_reason(std::string(bytes, 'x'));
      ASSERT_TRUE(member.journal().AppendAndWait(record).ok());
    }
  }
  static uint64_t Has(Member& member, const std::string& node_id) {
    return member.audit().Highest(node_id).value_or(0);
  }
  // Each has all of the other's journal, and each knows that the other has.
  bool Exchanged() {
    for (Member* member : {&a_, &b_}) {
      const uint64_t head = member->journal().head();
      if (Has(Other(*member), member->name()) != head) return false;
      if (member->journal().collected().by_all != head) return false;
    }
    return true;
  }
  void ExpectNoGaps(Member& member) {
    const auto coverage = member.audit().Coverage();
    ASSERT_TRUE(coverage.ok()) << coverage.status();
    for (const storage::AuditCoverage& each : *coverage) EXPECT_TRUE(each.gaps.empty());
  }

  const std::shared_ptr<const SecretBytes> root_ = NewRoot();
  const crypto::CertificateAuthority authority_ =
      *crypto::CreateAuthority(kCluster, RealClock().Wall());
  Member a_{"a", authority_, root_};
  Member b_{"b", authority_, root_};
};

TEST_F(JournalExchangeTest, GoBothWaysAndTheOwnerKnowsHowFar) {
  Add(a_, 30);
  Add(b_, 20);
  ASSERT_TRUE(Eventually([this] { return Exchanged(); }));
  EXPECT_EQ(Has(b_, "a"), 30u);
  EXPECT_EQ(Has(a_, "b"), 20u);
}

TEST_F(JournalExchangeTest, GoOnWithoutAGapThroughCrashesOnBothSides) {
  for (Member* member : {&b_, &a_, &b_}) {
    Add(a_, 25);
    Add(b_, 25);
    member->Crash();
    Add(Other(*member), 25);
    ASSERT_NO_FATAL_FAILURE(Start(*member));
  }
  ASSERT_TRUE(Eventually([this] { return Exchanged(); }));
  EXPECT_EQ(a_.journal().head() + b_.journal().head(), 9u * 25);
  ExpectNoGaps(a_);
  ExpectNoGaps(b_);
}

TEST_F(JournalExchangeTest, AnOwnerThatWasRestartedHearsAgainHowFarTheOthersAre) {
  Add(a_, 5);
  ASSERT_TRUE(Eventually([this] { return Exchanged(); }));
  a_.Crash();
  ASSERT_NO_FATAL_FAILURE(Start(a_));
  EXPECT_TRUE(Eventually([this] { return Exchanged(); }));
}

TEST_F(JournalExchangeTest, WhatHadGoneBeforeTheFirstAskIsWhereCoverageBegins) {
  b_.Crash();
  Add(a_, 160, 30'000);  // more than a segment
  const auto gone = a_.journal().TrimOlderThan(WallTime::max());
  ASSERT_TRUE(gone.ok()) << gone.status();
  ASSERT_GT(*gone, 0u);
  ASSERT_NO_FATAL_FAILURE(Start(b_));
  ASSERT_TRUE(Eventually([this] { return Exchanged(); }));
  const auto coverage = b_.audit().Coverage();
  ASSERT_TRUE(coverage.ok()) << coverage.status();
  for (const storage::AuditCoverage& each : *coverage) {
    if (each.node_id != "a") continue;
    EXPECT_EQ(each.gaps, (std::vector<storage::AuditCoverage::Gap>{{.first = 1, .last = *gone}}));
  }
}

}  // namespace
}  // namespace holdfast::replication
