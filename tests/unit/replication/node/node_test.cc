#include "replication/node/node.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <future>

#include "replication/peer/peer_client.h"
#include "server/base/encoding.h"
#include "tests/unit/replication/node/node_fixture.h"

namespace holdfast::replication {
namespace {

using ::testing::HasSubstr;
using namespace std::chrono_literals;

// Two nodes over TLS on loopback: `a` has founded the cluster, `b` has joined.
class NodeTest : public ::testing::Test {
 protected:
  void SetUp() override {
    const absl::Status founded = a_.Found({b_.Row()});
    ASSERT_TRUE(founded.ok()) << founded;
    a_.Crash();
    ASSERT_NO_FATAL_FAILURE(StartA());
    ASSERT_NO_FATAL_FAILURE(StartB());
    ASSERT_TRUE(Eventually([&] { return a_.Serves() && Same(); }));
  }
  void StartA(uint64_t log_records = 1'000'000) {
    const absl::Status started = a_.Start({}, log_records);
    ASSERT_TRUE(started.ok()) << started;
  }
  void StartB() {
    const absl::Status started = b_.Start({a_.Row(), b_.Row()});
    ASSERT_TRUE(started.ok()) << started;
  }
  void Add(const std::string& user) {
    const auto added = a_.disk().AddUser(user);
    ASSERT_TRUE(added.ok()) << added.status();
  }
  bool Same() {
    const EntryMeta theirs = a_.disk().ledger().Shape().last;
    return theirs.seq > 0 && b_.disk().ledger().Shape().last == theirs && b_.shown() == theirs.seq;
  }
  void ExpectSame() {
    ASSERT_TRUE(Eventually([&] { return Same(); }))
        << "a at " << a_.head() << ", b at " << b_.head() << " " << b_.node().Link().fault;
    EXPECT_EQ(a_.disk().StateDigestNow(), b_.disk().StateDigestNow());
  }
  PeerState StateOfB() { return b_.node().Link().state; }

  const std::shared_ptr<const SecretBytes> root_ = NewRoot();
  const crypto::CertificateAuthority authority_ =
      *crypto::CreateAuthority(kCluster, RealClock().Wall());
  Member a_{"a", authority_, root_};
  Member b_{"b", authority_, root_};
};

TEST_F(NodeTest, WhatIsWrittenOnThePrimaryIsShownOnTheSecondary) {
  Add("alice");
  ExpectSame();
  EXPECT_TRUE(b_.disk().Knows("alice"));
  EXPECT_TRUE(b_.Reads());
  EXPECT_FALSE(b_.Serves());
  EXPECT_TRUE(Eventually([&] { return StateOfB() == PeerState::kStreaming; }));
  EXPECT_EQ(a_.node().Followers().size(), 1U);
}

TEST_F(NodeTest, AKilledSecondaryGoesOnWhereItWas) {
  Add("alice");
  ExpectSame();
  b_.Crash();
  Add("bob");
  StartB();
  EXPECT_TRUE(b_.disk().Knows("alice"));  // before it has heard of anybody
  ExpectSame();
  EXPECT_TRUE(b_.disk().Knows("bob"));
}

TEST_F(NodeTest, AKilledPrimaryGoesOnInAHigherEpoch) {
  Add("alice");
  ExpectSame();
  const Epoch before = a_.disk().ledger().Shape().last.epoch;
  a_.Crash();
  EXPECT_TRUE(b_.Reads());
  StartA();
  ASSERT_TRUE(Eventually([&] { return a_.Serves(); }));
  EXPECT_GT(a_.disk().ledger().Shape().last.epoch.number, before.number);
  Add("bob");
  ExpectSame();
  EXPECT_TRUE(b_.disk().Knows("bob"));
}

TEST_F(NodeTest, ASecondaryBehindATrimmedLogGetsASnapshot) {
  const uint64_t had = b_.head();
  b_.Crash();
  for (int i = 0; i < 30; ++i) Add("user" + std::to_string(i));
  a_.Crash();
  StartA(/*log_records=*/5);
  ASSERT_TRUE(Eventually([&] { return a_.Serves(); }));
  Add("last");
  ASSERT_TRUE(Eventually([&] { return a_.disk().ledger().oldest_seq() > had + 1; }));
  StartB();
  ExpectSame();
  EXPECT_TRUE(b_.disk().Knows("user0"));
  EXPECT_TRUE(b_.disk().Knows("last"));
  Add("after");
  ExpectSame();
  b_.Crash();  // What came as a snapshot is there after a restart too.
  a_.Crash();
  StartB();
  EXPECT_TRUE(b_.disk().Knows("user0"));
  EXPECT_TRUE(b_.disk().Knows("after"));
  EXPECT_TRUE(b_.Reads());
}

TEST_F(NodeTest, AGrantIsForTheAskersOwnEpochAndRefusedOnceAHigherOneWasGiven) {
  a_.Crash();
  const auto client = PeerClient::Make(b_.Address(), "b", a_.tls());
  v1::GrantRequest ask;
  ask.mutable_epoch()->set_number(50);
  ask.mutable_epoch()->set_node_id("c");
  EXPECT_EQ(client->Grant(ask, 5s).status().code(), absl::StatusCode::kPermissionDenied);
  const EntryMeta last = b_.disk().ledger().Shape().last;
  ask.mutable_epoch()->set_node_id("a");
  ask.mutable_last_epoch()->set_number(last.epoch.number);
  ask.mutable_last_epoch()->set_node_id(last.epoch.node_id);
  ask.set_last_seq(last.seq);
  ask.set_restart(true);
  absl::StatusOr<v1::GrantResponse> answer = absl::UnknownError("not asked");
  ASSERT_TRUE(Eventually([&] {
    answer = client->Grant(ask, 5s);
    return answer.ok() && answer->granted();
  })) << (answer.ok() ? answer->reason() : std::string(answer.status().message()));
  EXPECT_EQ(answer->last_seq(), last.seq);
  ask.mutable_epoch()->set_number(49);
  answer = client->Grant(ask, 5s);
  ASSERT_TRUE(answer.ok()) << answer.status();
  EXPECT_FALSE(answer->granted());
  EXPECT_EQ(answer->granted_before().number(), 50U);
  b_.Crash();  // The promise is on the disk.
  StartB();
  ASSERT_TRUE(Eventually([&] {
    answer = client->Grant(ask, 5s);
    return answer.ok();
  }));
  EXPECT_FALSE(answer->granted());
  EXPECT_EQ(answer->granted_before().number(), 50U);
}

TEST_F(NodeTest, WhoIsNoMemberIsNotAnswered) {
  const PeerTls stranger = MakeTls(authority_, "c");
  const auto answer = PeerClient::Make(a_.Address(), "a", stranger)->Exchange({}, 5s);
  EXPECT_EQ(answer.status().code(), absl::StatusCode::kPermissionDenied);
  EXPECT_THAT(std::string(answer.status().message()), HasSubstr("c is not a member"));
  const PeerTls second = MakeTls(authority_, "b");  // the right name, another certificate
  const auto other = PeerClient::Make(a_.Address(), "a", second)->Exchange({}, 5s);
  EXPECT_EQ(other.status().code(), absl::StatusCode::kPermissionDenied);
  EXPECT_THAT(std::string(other.status().message()), HasSubstr("not the one that it joined with"));
}

TEST_F(NodeTest, ReportsAreAnsweredToTheEndAndAfterIt) {
  a_.node().Stop();
  b_.node().Stop();
  EXPECT_EQ(a_.node().Me().node_id(), "a");
  EXPECT_EQ(b_.node().Me().node_id(), "b");
  EXPECT_EQ(b_.node().Reports().size(), 2U);
  EXPECT_FALSE(b_.node().Link().live);
  EXPECT_FALSE(a_.Serves());
}

std::string StateSeenBy(Member& seer, const std::string& of) {
  for (const v1::NodeReport& report : seer.node().Reports()) {
    if (report.node_id() == of) return report.state();
  }
  return "";
}

TEST_F(NodeTest, AKilledMemberIsDownAtOnceForTheOther) {
  const RealClock clock;
  ASSERT_TRUE(Eventually([&] { return StateSeenBy(b_, "a") == "running"; }));
  ASSERT_TRUE(Eventually([&] { return StateSeenBy(a_, "b") == "streaming"; }));
  b_.Crash();
  MonoTime began = clock.Mono();
  ASSERT_TRUE(Eventually([&] { return StateSeenBy(a_, "b") == "down"; }));
  EXPECT_LT(clock.Mono() - began, 1500ms);  // Its last answers may come while it ends.
  StartB();
  ExpectSame();
  ASSERT_TRUE(Eventually([&] { return StateSeenBy(b_, "a") == "running"; }));
  a_.Crash();
  began = clock.Mono();
  ASSERT_TRUE(Eventually([&] { return StateSeenBy(b_, "a") == "down"; }));
  EXPECT_LT(clock.Mono() - began, 1500ms);  // Its last answers may come while it ends.
}

TEST_F(NodeTest, ATailIsReadUpToWhatIsDurableAndNotFurther) {
  Add("alice");
  Add("bob");
  ExpectSame();
  const auto client = PeerClient::Make(b_.Address(), "b", a_.tls());
  v1::ReadLogRequest ask;
  ask.set_first_seq(b_.head());
  ask.set_records_max(100);
  absl::StatusOr<v1::ReadLogResponse> answer = client->ReadLog(ask, 5s);
  ASSERT_TRUE(answer.ok()) << answer.status();
  EXPECT_EQ(answer->last_seq(), b_.head());
  ASSERT_EQ(answer->entries_size(), 1);
  EXPECT_EQ(answer->entries(0).digest(), AsText(b_.disk().ledger().Shape().last.digest));
  ask.set_first_seq(b_.head() + 1);
  answer = client->ReadLog(ask, 5s);
  ASSERT_TRUE(answer.ok()) << answer.status();
  EXPECT_EQ(answer->entries_size(), 0);
}

TEST_F(NodeTest, AFollowerThatNeverSaysHelloDoesNotHoldUpTheEnd) {
  b_.Crash();
  const auto silent = PeerClient::Make(a_.Address(), "a", b_.tls())->Follow();
  silent->Open();
  ASSERT_TRUE(Eventually([&] { return !a_.node().Followers().empty(); }));
  auto ended = std::async(std::launch::async, [&] { a_.node().Stop(); });
  ASSERT_EQ(ended.wait_for(20s), std::future_status::ready);
  v1::PrimaryFrame frame;
  EXPECT_FALSE(silent->Read(&frame));
}

TEST_F(NodeTest, RowsChangedByHandAreRepairedByASnapshotWithoutAnOperator) {
  Add("alice");
  ExpectSame();
  v1::RowChange change;
  b_.disk().ledger().Read([&](const vault::StateReader& state, Position) {
    *change.mutable_put()->mutable_user() = *state.FindUserByName(1, "alice");
  });
  b_.Crash();
  a_.Crash();
  change.mutable_put()->mutable_user()->set_super_administrator(true);
  ASSERT_TRUE(b_.disk().ChangeRowsByHand(change).ok());
  const absl::Status started = b_.Start();  // Whom to ask it knows from before.
  ASSERT_TRUE(started.ok()) << started;
  EXPECT_FALSE(b_.Reads());
  EXPECT_THAT(b_.node().Me().waiting(), HasSubstr("a snapshot from a primary"));
  EXPECT_EQ(b_.node().Me().state(), "diverged");
  StartA();
  ASSERT_TRUE(Eventually([&] { return b_.Reads(); })) << b_.node().Link().fault;
  ExpectSame();
  EXPECT_TRUE(b_.disk().Knows("alice"));
  const auto counts = a_.node().shelf().counts();
  EXPECT_EQ(counts.at({"asked", "sent"}), 1U);
}

TEST_F(NodeTest, APrimaryWhoseRowsWereChangedByHandDoesNotGoOn) {
  Add("alice");
  ExpectSame();
  v1::RowChange change;
  a_.disk().ledger().Read([&](const vault::StateReader& state, Position) {
    *change.mutable_put()->mutable_user() = *state.FindUserByName(1, "alice");
  });
  a_.Crash();
  change.mutable_put()->mutable_user()->set_super_administrator(true);
  ASSERT_TRUE(a_.disk().ChangeRowsByHand(change).ok());
  StartA();
  EXPECT_TRUE(Eventually([&] { return a_.node().Reports().size() == 2; }));
  EXPECT_EQ(a_.node().role(), Role::kSecondary);
  EXPECT_FALSE(a_.Reads());
  EXPECT_THAT(a_.node().Me().waiting(), HasSubstr("promote another node"));
}

}  // namespace
}  // namespace holdfast::replication
