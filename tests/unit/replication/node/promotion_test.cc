#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <future>

#include "replication/node/node.h"
#include "server/vault/refusal.h"
#include "tests/unit/replication/node/node_fixture.h"

namespace holdfast::replication {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using namespace std::chrono_literals;
using vault::Refusal;

vault::SetSettings Local() {
  return {.level = v1::LEVEL_LOCAL, .k = 0, .policy = v1::POLICY_BLOCK};
}
vault::SetSettings Durable(uint32_t k) {
  return {.level = v1::LEVEL_DURABLE, .k = k, .policy = v1::POLICY_BLOCK};
}
std::optional<Refusal> WhyNot(const absl::StatusOr<PromoteResult>& result) {
  return vault::RefusalOf(result.status());
}

// Nodes over TLS on loopback; `a` has founded the cluster and is primary.
class Nodes : public ::testing::Test {
 protected:
  void Found(std::vector<Member*> others, const vault::SetSettings& settings) {
    members_ = {&a_};
    std::vector<v1::MemberRow> rows;
    for (Member* other : others) {
      rows.push_back(other->Row());
      members_.push_back(other);
    }
    ASSERT_TRUE(a_.Found(rows).ok());
    a_.Crash();
    for (Member* member : members_) Start(*member);
    ASSERT_TRUE(Eventually([&] { return a_.Serves(); }));
    ASSERT_TRUE(Eventually([&] { return Same(a_); }));
    const auto set = a_.disk().Write(settings);
    ASSERT_TRUE(set.ok()) << set.status();
    ASSERT_TRUE(Eventually([&] { return Same(a_); }));
  }
  void Start(Member& member) {
    std::vector<v1::MemberRow> told;
    if (&member != &a_) {
      for (Member* each : members_) told.push_back(each->Row());
    }
    const absl::Status started = member.Start(told);
    ASSERT_TRUE(started.ok()) << started;
    up_.insert(&member);
  }
  // Returns when the others have seen it.
  void Kill(Member& member) {
    member.Crash();
    up_.erase(&member);
    EXPECT_TRUE(Eventually([&] {
      return std::none_of(up_.begin(), up_.end(), [&](Member* other) {
        return other->node().Link().live && other->node().Link().primary == member.name();
      });
    }));
  }
  void Stop(Member& member) {
    member.node().Stop();
    Kill(member);
  }
  bool Same(Member& as) {
    const EntryMeta last = as.disk().ledger().Shape().last;
    return last.seq > 0 && std::all_of(up_.begin(), up_.end(), [&](Member* member) {
             return member->disk().ledger().Shape().last == last && member->shown() == last.seq;
           });
  }
  void ExpectSame(Member& as) {
    ASSERT_TRUE(Eventually([&] { return Same(as); }));
    for (Member* member : up_)
      EXPECT_EQ(member->disk().StateDigestNow(), as.disk().StateDigestNow());
  }
  void Add(Member& member, const std::string& user) {
    const auto added = member.disk().AddUser(user);
    ASSERT_TRUE(added.ok()) << added.status();
  }
  absl::StatusOr<PromoteResult> Promote(Member& member, PromoteOrder order = {}) {
    std::promise<absl::StatusOr<PromoteResult>> said;
    member.node().Promote(std::move(order), [&](absl::StatusOr<PromoteResult> result) {
      said.set_value(std::move(result));
    });
    return said.get_future().get();
  }
  absl::StatusOr<SwitchoverResult> Switchover(Member& from, Member& to) {
    std::promise<absl::StatusOr<SwitchoverResult>> said;
    from.node().Switchover(to.name(), [&](absl::StatusOr<SwitchoverResult> result) {
      said.set_value(std::move(result));
    });
    return said.get_future().get();
  }
  uint64_t Granted(Member& member) { return member.node().Me().granted().number(); }

  const std::shared_ptr<const SecretBytes> root_ = NewRoot();
  const crypto::CertificateAuthority authority_ =
      *crypto::CreateAuthority(kCluster, RealClock().Wall());
  Member a_{"a", authority_, root_};
  Member b_{"b", authority_, root_};
  Member c_{"c", authority_, root_};
  std::vector<Member*> members_;
  std::set<Member*> up_;
};

class PromotionTest : public Nodes {};

TEST_F(PromotionTest, WithThreeNodesAndKOneASecondaryTakesOverWithoutAnyWord) {
  ASSERT_NO_FATAL_FAILURE(Found({&b_, &c_}, Durable(1)));
  Add(a_, "alice");
  Kill(a_);
  const auto promoted = Promote(b_);
  ASSERT_TRUE(promoted.ok()) << promoted.status();
  EXPECT_EQ(promoted->complete, true);
  EXPECT_THAT(promoted->grants, ElementsAre("b", "c"));
  EXPECT_TRUE(b_.Serves());
  EXPECT_TRUE(b_.disk().Knows("alice"));
  Add(b_, "bob");
  ExpectSame(b_);
  Start(a_);  // It finds whom to follow, and does not go on as primary.
  ExpectSame(b_);
  EXPECT_FALSE(a_.Serves());
  EXPECT_TRUE(a_.disk().Knows("bob"));
}

TEST_F(PromotionTest, WhoLacksWhatAGranterHasFetchesItFirst) {
  ASSERT_NO_FATAL_FAILURE(Found({&b_, &c_}, Durable(1)));
  Kill(b_);
  for (int i = 0; i < 20; ++i) Add(a_, "user" + std::to_string(i));  // c has them
  Kill(a_);
  Start(b_);
  const auto promoted = Promote(b_);
  ASSERT_TRUE(promoted.ok()) << promoted.status();
  EXPECT_EQ(promoted->complete, true);
  EXPECT_TRUE(b_.disk().Knows("user19"));
  ExpectSame(b_);
}

TEST_F(PromotionTest, WhileAPrimaryIsThereAnOrderIsRefusedAndNothingIsPromised) {
  ASSERT_NO_FATAL_FAILURE(Found({&b_, &c_}, Durable(1)));
  const uint64_t before = Granted(c_);
  EXPECT_EQ(WhyNot(Promote(b_, {.old_primary_is_down = true})), Refusal::kPrimaryReachable);
  EXPECT_EQ(Granted(c_), before);
  EXPECT_TRUE(a_.Serves());
  const auto again = Promote(a_);
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_TRUE(again->was_primary);
  Add(a_, "alice");
}

TEST_F(PromotionTest, ADryRunPromisesNothingAndSaysWhatWouldBe) {
  ASSERT_NO_FATAL_FAILURE(Found({&b_, &c_}, Durable(1)));
  Kill(a_);
  ASSERT_TRUE(Eventually([&] { return !b_.node().Link().live && !c_.node().Link().live; }));
  const uint64_t before = Granted(c_);
  const auto would = Promote(b_, {.dry_run = true});
  ASSERT_TRUE(would.ok()) << would.status();
  EXPECT_TRUE(would->dry_run);
  EXPECT_TRUE(would->refused.ok()) << would->refused;
  EXPECT_EQ(would->complete, true);
  EXPECT_THAT(would->grants, ElementsAre("b", "c"));
  EXPECT_EQ(Granted(b_), before);
  EXPECT_EQ(Granted(c_), before);
  EXPECT_FALSE(b_.Serves());
  Kill(c_);
  const auto alone = Promote(b_, {.dry_run = true});
  ASSERT_TRUE(alone.ok()) << alone.status();
  EXPECT_FALSE(alone->refused.ok());
}

// The vault would refuse such settings as the epoch's first write: too late, the epoch is claimed.
TEST_F(PromotionTest, ALevelThatCannotBeSetIsRefusedBeforeAnythingIsPromised) {
  ASSERT_NO_FATAL_FAILURE(Found({&b_, &c_}, Durable(1)));
  Kill(a_);
  const uint64_t granted = Granted(c_);
  vault::SetSettings local = Local();
  local.k = 1;
  for (const vault::SetSettings& bad : {Durable(0), Durable(3), local}) {
    const auto refused = Promote(b_, {.old_primary_is_down = true, .lowered = bad});
    EXPECT_EQ(WhyNot(refused), Refusal::kInvalidInput) << refused.status();
  }
  EXPECT_EQ(Granted(c_), granted);
  EXPECT_TRUE(Promote(b_).ok());
}

// What a candidate said of its k counts until its epoch is shown, and no longer.
TEST_F(PromotionTest, ALevelThatWasLoweredOnceCostsNoGrantLater) {
  ASSERT_NO_FATAL_FAILURE(Found({&b_, &c_}, Durable(1)));
  Kill(a_);
  ASSERT_TRUE(Promote(b_, {.old_primary_is_down = true, .lowered = Local()}).ok());
  Start(a_);
  ExpectSame(b_);
  ASSERT_TRUE(b_.disk().Write(Durable(1)).ok());
  ExpectSame(b_);
  Kill(b_);
  const auto promoted = Promote(c_);
  ASSERT_TRUE(promoted.ok()) << promoted.status();
  EXPECT_THAT(promoted->grants, ElementsAre("c", "a"));
}

TEST_F(PromotionTest, OfTwoNodesWithKOneTheLastOneNeedsTheWordAndALowerLevel) {
  ASSERT_NO_FATAL_FAILURE(Found({&b_}, Durable(1)));
  Add(a_, "alice");
  Kill(a_);
  const auto refused = Promote(b_);
  EXPECT_EQ(WhyNot(refused), Refusal::kOldPrimaryMayRun) << refused.status();
  EXPECT_THAT(std::string(refused.status().message()), HasSubstr("--old-primary-is-down"));
  const auto promoted = Promote(b_, {.old_primary_is_down = true, .lowered = Local()});
  ASSERT_TRUE(promoted.ok()) << promoted.status();
  EXPECT_EQ(promoted->complete, true);
  EXPECT_TRUE(b_.disk().Knows("alice"));
  Add(b_, "bob");
  Start(a_);
  ExpectSame(b_);
}

TEST_F(PromotionTest, WithTheLevelLocalItIsTheOperatorsWordAndLossThatCount) {
  ASSERT_NO_FATAL_FAILURE(Found({&b_}, Local()));
  Kill(a_);
  const auto refused = Promote(b_);
  EXPECT_EQ(WhyNot(refused), Refusal::kNotEnoughGrants) << refused.status();
  EXPECT_THAT(std::string(refused.status().message()), HasSubstr("--old-primary-is-down"));
  const auto loses = Promote(b_, {.old_primary_is_down = true});
  EXPECT_EQ(WhyNot(loses), Refusal::kWouldLoseData) << loses.status();
  EXPECT_THAT(std::string(loses.status().message()), HasSubstr("--accept-loss unknown"));
  const auto promoted =
      Promote(b_, {.old_primary_is_down = true, .accept_loss = {.unknown = true}});
  ASSERT_TRUE(promoted.ok()) << promoted.status();
  EXPECT_NE(promoted->complete, true);
  Add(b_, "bob");
}

TEST_F(PromotionTest, ACleanStopProvesThatNothingIsMissing) {
  ASSERT_NO_FATAL_FAILURE(Found({&b_}, Local()));
  Add(a_, "alice");
  Stop(a_);
  const auto promoted = Promote(b_, {.old_primary_is_down = true});
  ASSERT_TRUE(promoted.ok()) << promoted.status();
  EXPECT_EQ(promoted->complete, true);
  EXPECT_TRUE(b_.disk().Knows("alice"));
}

TEST_F(PromotionTest, APrimaryThatWaitsForItsPeerGoesOnByTheWord) {
  ASSERT_NO_FATAL_FAILURE(Found({&b_}, Durable(1)));
  Add(a_, "alice");
  Kill(a_);
  Kill(b_);
  Start(a_);
  ASSERT_TRUE(Eventually([&] { return !a_.node().Me().waiting().empty(); }));
  EXPECT_EQ(WhyNot(Promote(a_)), Refusal::kOldPrimaryMayRun);
  EXPECT_EQ(a_.node().role(), Role::kRestarting);  // It waits on.
  const auto promoted = Promote(a_, {.old_primary_is_down = true, .lowered = Local()});
  ASSERT_TRUE(promoted.ok()) << promoted.status();
  EXPECT_TRUE(a_.disk().Knows("alice"));
}

// It waits for a follower, and the follower, which has shown what was given up, for a snapshot of
// what waits (docs/adr/0006).
TEST_F(PromotionTest, WhoGivesUpWhatEveryFollowerHasShownServesAndTheyKeepWhatWasLost) {
  ASSERT_NO_FATAL_FAILURE(Found({&b_, &c_}, Durable(1)));
  Kill(b_);
  for (int i = 0; i < 20; ++i) Add(a_, "user" + std::to_string(i));
  ASSERT_TRUE(Eventually([&] { return Same(a_); }));
  Kill(a_);
  Kill(c_);
  Start(b_);
  std::promise<absl::StatusOr<PromoteResult>> said;
  b_.node().Promote({.old_primary_is_down = true, .accept_loss = {.unknown = true}},
                    [&](absl::StatusOr<PromoteResult> result) { said.set_value(result); });
  ASSERT_TRUE(Eventually([&] { return b_.node().role() == Role::kStarting; }));
  EXPECT_FALSE(b_.Serves());
  Start(c_);
  const auto promoted = said.get_future().get();
  ASSERT_TRUE(promoted.ok()) << promoted.status();
  Add(b_, "bob");
  Start(a_);
  ExpectSame(b_);
  for (Member* back : {&a_, &c_}) {
    EXPECT_TRUE(Eventually([&] { return back->Reads(); }));
    EXPECT_FALSE(back->disk().Knows("user0"));
    EXPECT_EQ(back->node().LostWrites().size(), 20U);
  }
}

// The record that nobody knows to be committed is on the one follower whose rows are not believed.
TEST_F(PromotionTest, APrimaryGoesOnWithAFollowerWhoseRowsCannotBeTrusted) {
  ASSERT_NO_FATAL_FAILURE(Found({&b_}, Durable(1)));
  Add(a_, "alice");
  const std::string file = a_.disk().folder() + "/committed";
  std::filesystem::copy_file(file, file + ".before");
  Add(a_, "zoe");
  ASSERT_TRUE(Eventually([&] { return Same(a_); }));
  v1::RowChange change;
  b_.disk().ledger().Read([&](const vault::StateReader& state, Position) {
    *change.mutable_put()->mutable_user() = *state.FindUserByName(1, "alice");
  });
  change.mutable_put()->mutable_user()->set_super_administrator(true);
  Kill(a_);
  Kill(b_);
  std::filesystem::rename(file + ".before", file);  // as if its last position had not been written
  ASSERT_TRUE(b_.disk().ChangeRowsByHand(change).ok());
  Start(b_);
  ASSERT_NE(b_.disk().ledger().progress().distrust, "");
  Start(a_);
  ASSERT_TRUE(Eventually([&] { return a_.Serves(); }));
  Add(a_, "bob");
  EXPECT_TRUE(Eventually([&] { return b_.Reads(); }));
  ExpectSame(a_);
  EXPECT_TRUE(b_.disk().Knows("zoe"));
}

class SwitchoverTest : public Nodes {
 protected:
  void ThereAndBack() {
    Add(a_, "alice");
    const auto handed = Switchover(a_, b_);
    ASSERT_TRUE(handed.ok()) << handed.status();
    EXPECT_EQ(handed->to, "b");
    EXPECT_TRUE(Eventually([&] { return b_.Serves(); }));
    EXPECT_FALSE(a_.Serves());
    Add(b_, "bob");
    ExpectSame(b_);
    const auto again = Switchover(a_, b_);
    ASSERT_TRUE(again.ok()) << again.status();
    EXPECT_EQ(again->from, "b");
    const auto back = Switchover(b_, a_);
    ASSERT_TRUE(back.ok()) << back.status();
    ASSERT_TRUE(Eventually([&] { return a_.Serves(); }));
    Add(a_, "carol");
    ExpectSame(a_);
  }
};

TEST_F(SwitchoverTest, TheTargetServesAndTheOldPrimaryFollows) {
  ASSERT_NO_FATAL_FAILURE(Found({&b_, &c_}, Durable(1)));
  ThereAndBack();
}

TEST_F(SwitchoverTest, WithTheLevelLocalToo) {
  ASSERT_NO_FATAL_FAILURE(Found({&b_}, Local()));
  ThereAndBack();
}

TEST_F(SwitchoverTest, NobodyHandsOverToWhoDoesNotFollow) {
  ASSERT_NO_FATAL_FAILURE(Found({&b_, &c_}, Durable(1)));
  Kill(b_);
  ASSERT_TRUE(Eventually([&] { return a_.node().Followers().size() == 1; }));
  EXPECT_EQ(vault::RefusalOf(Switchover(a_, b_).status()), Refusal::kNotCaughtUp);
  EXPECT_TRUE(a_.Serves());
  Add(a_, "alice");
  EXPECT_EQ(vault::RefusalOf(Switchover(c_, c_).status()), Refusal::kNotPrimary);
}

TEST_F(SwitchoverTest, ATargetThatDiesAfterTheRecordIsAskedAgainWhenItComesBack) {
  ASSERT_NO_FATAL_FAILURE(Found({&b_}, Local()));
  Add(a_, "alice");
  std::promise<absl::StatusOr<SwitchoverResult>> said;
  a_.node().Switchover("b", [&](auto result) { said.set_value(std::move(result)); });
  Kill(b_);
  Start(b_);
  // Whoever of the two it is: one serves, with everything, and the other follows.
  said.get_future().wait();
  Member* now = nullptr;
  ASSERT_TRUE(Eventually([&] {
    now = b_.Serves() ? &b_ : &a_;
    return now->disk().AddUser("bob").ok();
  }));
  ExpectSame(*now);
  EXPECT_TRUE(a_.disk().Knows("alice"));
}

TEST_F(SwitchoverTest, ARecordThatTheDiskDoesNotTakeLeavesEverythingAsItWas) {
  ASSERT_NO_FATAL_FAILURE(Found({&b_}, Durable(1)));
  a_.disk().disk().set_full(true);
  EXPECT_EQ(vault::RefusalOf(Switchover(a_, b_).status()), Refusal::kLedgerClosed);
  a_.disk().disk().set_full(false);
  EXPECT_TRUE(a_.Serves());
  EXPECT_FALSE(b_.Serves());
  Add(a_, "zoe");
  ThereAndBack();
}

TEST_F(Nodes, AMemberThatIsForgottenIsCutOff) {
  ASSERT_NO_FATAL_FAILURE(Found({&b_, &c_}, Durable(1)));
  const auto forgotten = a_.disk().Write(vault::ForgetMember{.node_id = "c"});
  ASSERT_TRUE(forgotten.ok()) << forgotten.status();
  EXPECT_TRUE(Eventually([&] { return a_.node().Followers().size() == 1; }));
  EXPECT_TRUE(Eventually([&] { return !c_.node().Link().live; }));
  up_.erase(&c_);
  Add(a_, "alice");
  ExpectSame(a_);
  EXPECT_FALSE(c_.disk().Knows("alice"));
}

TEST_F(Nodes, WhatIsDeniedIsRefusedAndReportedUntilTheRowsHaveIt) {
  ASSERT_NO_FATAL_FAILURE(Found({&b_}, Local()));
  Add(a_, "mallory");
  ASSERT_TRUE(Eventually([&] { return Same(a_); }));
  v1::Denial denial;
  denial.set_id("1");
  denial.set_user_name("mallory");
  ASSERT_TRUE(b_.node().denials().Add(denial).ok());
  ASSERT_TRUE(b_.node().denials().Add(denial).ok());
  EXPECT_EQ(b_.node().denials().All().size(), 1U);
  EXPECT_TRUE(b_.node().denials().DeniesUser("mallory"));
  EXPECT_FALSE(b_.node().denials().DeniesUser("alice"));
  Kill(b_);
  Start(b_);
  EXPECT_TRUE(b_.node().denials().DeniesUser("mallory"));
  const auto told = [&] {
    for (const v1::NodeReport& report : a_.node().Reports()) {
      if (report.node_id() == "b" && report.denials_size() == 1) return true;
    }
    return false;
  };
  ASSERT_TRUE(Eventually(told));
  uint64_t user = 0;
  a_.disk().ledger().Read([&](const vault::StateReader& state, Position) {
    user = state.FindUserByName(1, "mallory")->id();
  });
  ASSERT_TRUE(a_.disk().Write(vault::SetUserLocked{.user_id = user, .locked = true}).ok());
  EXPECT_TRUE(Eventually([&] { return b_.node().denials().empty(); }));
  EXPECT_TRUE(Eventually([&] { return !told(); }));
  ASSERT_TRUE(a_.disk().Write(vault::SetUserLocked{.user_id = user, .locked = false}).ok());
  ASSERT_TRUE(Eventually([&] { return Same(a_); }));
  EXPECT_FALSE(b_.node().denials().DeniesUser("mallory"));  // The rows decide by now.
}

}  // namespace
}  // namespace holdfast::replication
