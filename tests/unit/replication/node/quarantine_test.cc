#include "replication/node/quarantine.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "replication/node/lost_names.h"
#include "replication/node/reapply.h"
#include "server/base/file.h"
#include "tests/unit/replication/node/node_fixture.h"

namespace holdfast::replication {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

// One node that was primary in epoch 1 and shows writes behind `fork_` that nobody else has.
class QuarantineTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(a_.Open().ok());
    ASSERT_TRUE(a_.ledger().StartEpoch(EpochOf(1)).ok());
    ASSERT_TRUE(a_.Begin().ok());
    ASSERT_TRUE(a_.AddUser("alice").ok());
    fork_ = a_.ledger().progress().committed_seq;
    ASSERT_TRUE(a_.AddUser("lost-bob").ok());
    v1::UserRow alice;
    a_.ledger().Read([&](const vault::StateReader& state, Position) {
      alice = *state.FindUserByName(1, "alice");
    });
    ASSERT_TRUE(a_.Write(vault::DeleteUser{.user_id = alice.id()}).ok());
  }
  Quarantine Make() {
    return Quarantine(
        {.data_folder = a_.folder(), .node_id = "a", .keys = a_.keys(), .clock = a_.clock()});
  }
  std::string File() const {
    return fmt::format("{}/quarantine/{}-{}-1.hfq", a_.folder(), fork_ + 1, fork_ + 2);
  }
  std::string Id(uint64_t behind) const { return fmt::format("1.{}", fork_ + behind); }

  const std::shared_ptr<const SecretBytes> root_ = NewRoot();
  TestNode a_{"a", root_};
  uint64_t fork_ = 0;
};

TEST_F(QuarantineTest, KeepsWhatWasShownBehindTheForkAndNamesIt) {
  {
    Quarantine quarantine = Make();
    const absl::Status kept = quarantine.Keep(a_.ledger(), fork_, EpochOf(2, "b"));
    ASSERT_TRUE(kept.ok()) << kept;
    ASSERT_TRUE(quarantine.Keep(a_.ledger(), fork_, EpochOf(2, "b")).ok());  // the same again
  }
  const Quarantine quarantine = Make();  // another process
  EXPECT_EQ(quarantine.held(), 2U);
  const std::vector<v1::LostWriteView> list = quarantine.List();
  ASSERT_EQ(list.size(), 2U);
  EXPECT_EQ(list[0].operation(), "user.add");
  EXPECT_THAT(list[0].names(), ElementsAre("user lost-bob"));
  EXPECT_EQ(list[0].wall_ms(), 1'700'000'000'000);
  EXPECT_EQ(list[1].operation(), "user.delete");
  EXPECT_THAT(list[1].names(), ElementsAre("user alice")) << "gone from the state by then";
}

TEST_F(QuarantineTest, TheFileShowsNothingAndIsRefusedWhenChanged) {
  ASSERT_TRUE(Make().Keep(a_.ledger(), fork_, EpochOf(2, "b")).ok());
  std::string bytes = *ReadFile(File(), 1 << 20);
  EXPECT_THAT(bytes, ::testing::Not(HasSubstr("lost-bob")));
  bytes.back() = static_cast<char>(bytes.back() ^ 1);
  ASSERT_TRUE(WriteFileAtomic(File(), bytes, 0600).ok());
  Quarantine quarantine = Make();
  EXPECT_EQ(quarantine.held(), 1U) << "not nothing";
  ASSERT_EQ(quarantine.List().size(), 1U);
  EXPECT_EQ(quarantine.List()[0].operation(), "unreadable");
  EXPECT_TRUE(absl::IsDataLoss(quarantine.Keep(a_.ledger(), fork_, EpochOf(2, "b"))));
  EXPECT_EQ(*ReadFile(File(), 1 << 20), bytes) << "left alone";
}

TEST_F(QuarantineTest, WhatTheLogNoLongerHeldIsCounted) {
  ASSERT_TRUE(a_.ledger().Trim({.records = 1}).ok());
  ASSERT_GT(a_.ledger().oldest_seq(), fork_ + 1);
  Quarantine quarantine = Make();
  ASSERT_TRUE(quarantine.Keep(a_.ledger(), fork_, EpochOf(2, "b")).ok());
  EXPECT_EQ(quarantine.held(), 2U);
  ASSERT_EQ(quarantine.List().size(), 2U);
  EXPECT_EQ(quarantine.List()[0].operation(), "trimmed");
  EXPECT_EQ(quarantine.List()[0].records(), 1U);
}

TEST_F(QuarantineTest, AWriteLeavesItOnceAndItsLineStays) {
  ASSERT_TRUE(Make().Keep(a_.ledger(), fork_, EpochOf(2, "b")).ok());
  {
    Quarantine quarantine = Make();
    EXPECT_TRUE(absl::IsNotFound(quarantine.Mark("7.7", v1::LOST_STATE_DROPPED, "admin")));
    ASSERT_TRUE(quarantine.Mark(Id(1), v1::LOST_STATE_DROPPED, "admin").ok());
  }
  Quarantine quarantine = Make();
  EXPECT_EQ(quarantine.held(), 1U);
  EXPECT_EQ(quarantine.List()[0].state(), v1::LOST_STATE_DROPPED);
  EXPECT_EQ(quarantine.List()[0].state_by(), "admin");
  const absl::Status again = quarantine.Mark(Id(1), v1::LOST_STATE_APPLIED, "admin");
  EXPECT_THAT(std::string(again.message()), HasSubstr("dropped already, by admin"));
}

// Another primary, where the same ids are something else.
TEST_F(QuarantineTest, AWriteIsDoneAgainByNames) {
  Quarantine quarantine = Make();
  ASSERT_TRUE(quarantine.Keep(a_.ledger(), fork_, EpochOf(2, "b")).ok());
  TestNode b("b", root_);
  ASSERT_TRUE(b.Open().ok());
  ASSERT_TRUE(b.ledger().StartEpoch(EpochOf(1, "b")).ok());
  ASSERT_TRUE(b.Begin().ok());
  for (const char* name : {"carol", "dave", "alice"}) ASSERT_TRUE(b.AddUser(name).ok());
  const auto command = [&](uint64_t behind) {
    absl::StatusOr<vault::Command> made = absl::UnknownError("");
    b.ledger().Read([&](const vault::StateReader& state, Position) {
      made = CommandFor(*quarantine.Find(Id(behind)), state, 1'700'000'000'001);
    });
    return made;
  };
  const auto add = command(1);
  ASSERT_TRUE(add.ok()) << add.status();
  ASSERT_TRUE(b.Write(add->body).ok());
  EXPECT_TRUE(b.Knows("lost-bob"));
  EXPECT_EQ(b.Write(add->body).status().code(), absl::StatusCode::kAlreadyExists);
  const auto remove = command(2);
  ASSERT_TRUE(remove.ok()) << remove.status();
  ASSERT_TRUE(b.Write(remove->body).ok());
  EXPECT_FALSE(b.Knows("alice"));
  EXPECT_TRUE(b.Knows("carol"));
  const auto gone = command(2);
  EXPECT_THAT(std::string(gone.status().message()), HasSubstr("user alice is not there"));
}

// Real nodes: `a` was primary and acknowledged alone, `b` went on without it.
class OldPrimaryTest : public ::testing::Test {
 protected:
  void SetUp() override {
    const absl::Status founded = a_.Found({b_.Row()});
    ASSERT_TRUE(founded.ok()) << founded;
    a_.Crash();
    ASSERT_TRUE(a_.Start().ok());
    ASSERT_TRUE(b_.Start({a_.Row(), b_.Row()}).ok());
    ASSERT_TRUE(Eventually([&] { return a_.Serves(); }));
    ASSERT_TRUE(a_.disk().AddUser("alice").ok());
    ASSERT_TRUE(Eventually([&] { return Same(); }));
    b_.Crash();
    ASSERT_TRUE(a_.disk().AddUser("lost-bob").ok());
    ASSERT_TRUE(SetLocked(a_.disk(), "alice").ok());
    a_.Crash();
    // As a promotion that accepts the loss leaves it.
    ASSERT_TRUE(b_.disk().Open().ok());
    const Epoch epoch = EpochOf(50, "b");
    const auto book = EpochBook::Open(b_.disk().store(), "b");
    ASSERT_TRUE(book.ok());
    ASSERT_TRUE((*book)->GrantSelf(epoch).ok());
    ASSERT_TRUE((*book)->Claim(epoch, Epoch{}).ok());
    ASSERT_TRUE(b_.disk().ledger().StartEpoch(epoch).ok());
    ASSERT_TRUE(b_.disk().AddUser("carol").ok());
    b_.Crash();
    ASSERT_TRUE(b_.Start().ok());
    ASSERT_TRUE(Eventually([&] { return b_.Serves(); }));
  }
  bool Same() {
    const EntryMeta last = a_.disk().ledger().Shape().last;
    return last == b_.disk().ledger().Shape().last && a_.shown() == last.seq &&
           b_.shown() == last.seq;
  }
  v1::Actor UserAsActor(const std::string& name) {
    v1::Actor actor;
    actor.set_user_name(name);
    b_.disk().ledger().Read([&](const vault::StateReader& state, Position) {
      const v1::UserRow* user = state.FindUserByName(1, name);
      actor.set_user_id(user == nullptr ? 0 : user->id());
    });
    return actor;
  }
  v1::Actor Operator() { return UserAsActor("admin"); }
  static absl::Status SetLocked(TestNode& node, const std::string& name) {
    uint64_t id = 0;
    node.ledger().Read([&](const vault::StateReader& state, Position) {
      id = state.FindUserByName(1, name)->id();
    });
    return node.Write(vault::SetUserLocked{.user_id = id, .locked = true}).status();
  }
  bool LockedOn(Member& member, const std::string& name) {
    bool locked = false;
    member.disk().ledger().Read([&](const vault::StateReader& state, Position) {
      const v1::UserRow* user = state.FindUserByName(1, name);
      locked = user != nullptr && user->locked();
    });
    return locked;
  }

  const std::shared_ptr<const SecretBytes> root_ = NewRoot();
  const crypto::CertificateAuthority authority_ =
      *crypto::CreateAuthority(kCluster, RealClock().Wall());
  Member a_{"a", authority_, root_};
  Member b_{"b", authority_, root_};
};

TEST_F(OldPrimaryTest, WhatItShowedAloneIsKeptAndDoneAgainByOrder) {
  ASSERT_TRUE(a_.Start().ok());
  ASSERT_TRUE(Eventually([&] { return Same(); })) << a_.node().Link().fault;
  EXPECT_EQ(a_.disk().StateDigestNow(), b_.disk().StateDigestNow());
  EXPECT_FALSE(a_.disk().Knows("lost-bob"));
  EXPECT_TRUE(a_.disk().Knows("carol"));
  EXPECT_EQ(a_.node().Me().lost_writes(), 2U);
  EXPECT_EQ(b_.node().Me().lost_writes(), 0U);
  const std::vector<v1::LostWriteView> lost = a_.node().LostWrites();
  ASSERT_EQ(lost.size(), 2U);
  EXPECT_THAT(lost[0].names(), ElementsAre("user lost-bob"));
  EXPECT_EQ(lost[1].operation(), "user.lock");

  const auto applied = a_.node().ApplyLost(lost[0].id(), Operator(), false);
  ASSERT_TRUE(applied.ok()) << applied.status();
  EXPECT_TRUE(b_.disk().Knows("lost-bob"));
  ASSERT_TRUE(Eventually([&] { return a_.disk().Knows("lost-bob"); }));
  EXPECT_EQ(a_.node().Me().lost_writes(), 1U);
  EXPECT_FALSE(a_.node().ApplyLost(lost[0].id(), Operator(), false).ok()) << "once";
  ASSERT_TRUE(a_.node().DropLost(lost[1].id(), "admin").ok());
  EXPECT_FALSE(LockedOn(b_, "alice"));
  a_.Crash();
  ASSERT_TRUE(a_.Start().ok());
  EXPECT_EQ(a_.node().Me().lost_writes(), 0U);
  EXPECT_EQ(a_.node().LostWrites().size(), 2U);
}

TEST_F(OldPrimaryTest, ThePrimaryLooksItselfWhetherTheUserMayOrderIt) {
  ASSERT_TRUE(a_.Start().ok());
  ASSERT_TRUE(Eventually([&] { return Same(); })) << a_.node().Link().fault;
  const std::string id = a_.node().LostWrites().at(0).id();
  v1::Actor other_name = Operator();
  other_name.set_user_name("carol");
  v1::Actor other_id = UserAsActor("carol");
  other_id.set_user_name("admin");
  for (const v1::Actor& by : {v1::Actor(), UserAsActor("carol"), other_name, other_id}) {
    const absl::Status status = a_.node().ApplyLost(id, by, true).status();
    EXPECT_TRUE(absl::IsPermissionDenied(status)) << status;
  }
  EXPECT_FALSE(b_.disk().Knows("lost-bob"));
  EXPECT_EQ(a_.node().Me().lost_writes(), 2U) << "still held";
}

TEST_F(OldPrimaryTest, WhatWasChangedSinceIsDoneAgainByForceOnly) {
  ASSERT_TRUE(SetLocked(b_.disk(), "alice").ok());
  ASSERT_TRUE(a_.Start().ok());
  ASSERT_TRUE(Eventually([&] { return Same(); })) << a_.node().Link().fault;
  const std::string id = a_.node().LostWrites().at(1).id();
  const auto refused = a_.node().ApplyLost(id, Operator(), false);
  EXPECT_THAT(std::string(refused.status().message()), HasSubstr("it was changed after the fork"));
  EXPECT_EQ(a_.node().Me().lost_writes(), 2U);
  const auto forced = a_.node().ApplyLost(id, Operator(), true);
  EXPECT_TRUE(forced.ok()) << forced.status();
}

}  // namespace
}  // namespace holdfast::replication
