// What operators order a real node, by the right of the users of a vault.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <future>

#include "server/desk/lost_desk.h"
#include "server/desk/order_desk.h"
#include "server/vault/refusal.h"
#include "tests/support/state_desk.h"
#include "tests/unit/replication/node/node_fixture.h"

namespace holdfast::desk {
namespace {

using vault::Refusal;

class OrdersTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(member_.Found({}).ok());
    member_.Crash();
    ASSERT_TRUE(member_.Start().ok());
    ann_ = desk_.AddUser("ann", v1::ROLE_PASSWORD_USER, "t-ann");
  }
  CallerPtr LogIn(const std::string& token) {
    return *desk_.AuthenticateToken(SecretBytes::CopyOf(token), "192.0.2.7");
  }
  // Holds the journal's thread: who waits for a record waits meanwhile.
  std::promise<void> HoldJournal() {
    std::promise<void> release;
    std::promise<void> held;
    member_.journal().Append({}, [&held, go = release.get_future().share()](const absl::Status&) {
      held.set_value();
      go.wait();
    });
    held.get_future().wait();
    return release;
  }
  size_t Journaled(const std::string& operation) {
    const auto read = member_.journal().Read(1, 10'000, 64 << 20);
    EXPECT_TRUE(read.ok()) << read.status();
    size_t count = 0;
    for (const v1::AuditRecord& record : read->records()) {
      count += record.operation() == operation ? 1 : 0;
    }
    return count;
  }
  bool Locked(uint64_t user_id) {
    bool locked = false;
    desk_.ReadState(
        [&](const vault::StateReader& state) { locked = state.FindUser(user_id)->locked(); });
    return locked;
  }

  const crypto::CertificateAuthority authority_ =
      *crypto::CreateAuthority(replication::kCluster, RealClock().Wall());
  replication::Member member_{"a", authority_, replication::NewRoot()};
  StateDesk desk_;
  uint64_t ann_ = 0;
};

TEST_F(OrdersTest, WhoMayNotTakesNoPlaceAmongTheOrdersThatWait) {
  LostDesk lost({.desk = desk_,
                 .node = member_.node(),
                 .journal = member_.journal(),
                 .clock = member_.disk().clock(),
                 .node_id = "a"});
  const CallerPtr ann = LogIn("t-ann");
  std::promise<void> release = HoldJournal();
  std::atomic<size_t> refused = 0;
  for (size_t i = 0; i < 2 * kLostOrdersMax; ++i) {
    lost.Apply(ann, "1.7", false, [&](const absl::StatusOr<Position>& done) {
      refused += vault::RefusalOf(done.status()) == Refusal::kNotPermitted ? 1 : 0;
    });
  }
  std::promise<absl::Status> admin;
  lost.Drop(LogIn(StateDesk::kAdminToken), "1.7",
            [&](const absl::StatusOr<Position>& done) { admin.set_value(done.status()); });
  release.set_value();
  EXPECT_NE(vault::RefusalOf(admin.get_future().get()), Refusal::kOverloaded);
  EXPECT_TRUE(replication::Eventually([&] { return refused == 2 * kLostOrdersMax; }));
  EXPECT_GT(Journaled("lost_write.apply"), 0U);
  EXPECT_LT(Journaled("lost_write.apply"), kLostOrdersMax) << "many of a kind are counted";
  EXPECT_EQ(Journaled("lost_write.drop"), 1U);
}

// A denial that was carried out and has gone from the reports is a new one when it comes again.
TEST_F(OrdersTest, WhatNoReportNamesAnyMoreIsForgotten) {
  OrderDesk orders({.desk = desk_,
                    .node = member_.node(),
                    .journal = member_.journal(),
                    .clock = member_.disk().clock(),
                    .node_id = "a"});
  v1::NodeReport report;
  report.set_node_id("b");
  v1::Denial& denial = *report.add_denials();
  denial.set_id("d1");
  denial.set_node_id("b");
  denial.set_user_name("ann");
  desk_.SetReports({report});
  orders.CarryOutDenials();
  EXPECT_TRUE(Locked(ann_));
  desk_.Do(vault::SetUserLocked{.user_id = ann_, .locked = false});
  orders.CarryOutDenials();
  EXPECT_FALSE(Locked(ann_)) << "tried just now";
  desk_.SetReports({});
  orders.CarryOutDenials();
  desk_.SetReports({report});
  orders.CarryOutDenials();
  EXPECT_TRUE(Locked(ann_));
}

}  // namespace
}  // namespace holdfast::desk
