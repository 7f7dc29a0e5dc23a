// A PostgreSQL server that is lost between a COMMIT and its answer, and is stopped for longer than
// a write waits for it: what was written is found out, and the node goes on without a restart.
#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <thread>

#include "replication/node/epoch_book.h"
#include "server/vault/refusal.h"
#include "tests/unit/replication/ledger/ledger_fixture.h"
#include "tests/unit/server/storage/postgres/postgres_fixture.h"

namespace holdfast::replication {
namespace {

using storage::postgres::kCommitMark;
using vault::Refusal;
using vault::RefusalOf;

// The parameter: the transaction whose answer is lost is committed.
class PostgresLostTest : public storage::postgres::PostgresFixture,
                         public testing::WithParamInterface<bool> {
 protected:
  void SetUp() override {
    node_.UseStore([this] { return OpenStore(); });
    ASSERT_TRUE(node_.Open().ok());
    ASSERT_TRUE(node_.ledger().StartEpoch(EpochOf(1)).ok());
    ASSERT_TRUE(node_.Begin().ok());
  }
  absl::StatusOr<std::unique_ptr<storage::Store>> OpenStore() {
    auto store = Open(/*by_proxy=*/true, std::chrono::milliseconds(300));
    if (!store.ok()) return store.status();
    return std::unique_ptr<storage::Store>(*std::move(store));
  }
  static bool Lands() { return GetParam(); }
  // `write` loses its answer and then the server, which stays away for longer than it is waited
  // for.
  void Lose(const std::string& mark, const std::function<absl::Status()>& write) {
    proxy_.Refuse(true);
    proxy_.Plan(Lands() ? SocketProxy::Fault::kAfter : SocketProxy::Fault::kBefore, mark);
    const absl::Status lost = write();
    EXPECT_TRUE(absl::IsUnavailable(lost) || RefusalOf(lost) == Refusal::kOutcomeUnknown) << lost;
    EXPECT_FALSE(proxy_.planned());
    server_.Stop();
    proxy_.Refuse(false);
    EXPECT_TRUE(absl::IsUnavailable(node_.store().PutFact("a", "1")));
  }
  void Back() { server_.Start(); }
  void AwaitKnown() {
    while (!node_.ledger().progress().store_fault.ok()) std::this_thread::yield();
    EXPECT_TRUE(node_.ledger().progress().failure.ok());
  }
  uint64_t InStore() { return std::stoull(Sql("SELECT max(seq) FROM holdfast.log")); }

  TestNode node_{"a", NewRoot()};
};

INSTANTIATE_TEST_SUITE_P(Commit, PostgresLostTest, testing::Bool(),
                         [](const auto& lands) { return lands.param ? "IsThere" : "IsNot"; });

TEST_P(PostgresLostTest, AHandOverRecord) {
  const uint64_t head = node_.ledger().progress().head_seq;
  Lose(kCommitMark, [&] { return node_.ledger().AppendHandOver("b").status(); });
  Back();
  AwaitKnown();
  EXPECT_EQ(InStore(), head + (Lands() ? 1 : 0));
  EXPECT_EQ(node_.ledger().progress().ended, Lands());
  const auto seq = node_.ledger().AppendHandOver("b");
  ASSERT_TRUE(seq.ok()) << seq.status();
  EXPECT_EQ(*seq, head + 1);
  EXPECT_EQ(InStore(), head + 1);
}

TEST_P(PostgresLostTest, ACleanStop) {
  const uint64_t head = node_.ledger().progress().head_seq;
  Lose(kCommitMark, [&] { return node_.ledger().AppendCleanStop().status(); });
  node_.ledger().StepDown();
  Back();
  AwaitKnown();
  EXPECT_EQ(node_.ledger().progress().head_seq, head + (Lands() ? 1 : 0));
  node_.Crash();
  ASSERT_TRUE(node_.Open().ok());
  EXPECT_EQ(node_.ledger().progress().head_seq, head + (Lands() ? 1 : 0));
  EXPECT_EQ(node_.ledger().Held().end.kind,
            Lands() ? LogTail::Kind::kCleanStop : LogTail::Kind::kOpen);
}

TEST_P(PostgresLostTest, AWriteWhosePrimaryStepsDown) {
  const uint64_t head = node_.ledger().progress().head_seq;
  Lose(kCommitMark, [&] { return node_.AddUser("alice").status(); });
  node_.ledger().StepDown();
  EXPECT_FALSE(node_.Knows("alice"));
  Back();
  AwaitKnown();
  EXPECT_EQ(node_.Knows("alice"), Lands());
  EXPECT_EQ(InStore(), head + (Lands() ? 1 : 0));
  ASSERT_TRUE(node_.ledger().StartEpoch(EpochOf(2)).ok());
  EXPECT_TRUE(node_.AddUser("bob").ok());
}

TEST_P(PostgresLostTest, ACutAfterAStepDown) {
  vault::SetSettings settings;
  settings.level = v1::LEVEL_DURABLE;
  settings.k = 1;
  settings.policy = v1::POLICY_BLOCK;
  v1::MemberRow member;
  vault::CreateInvite invite{
      .node_id = "b", .token_hash = std::string(32, 'h'), .expires_ms = 1'800'000'000'000};
  ASSERT_TRUE(node_.Write(invite).ok());
  vault::JoinMember join{.invite_hash = std::string(32, 'h')};
  join.member.set_node_id("b");
  join.member.set_rest_url("https://127.0.0.1:8382");
  join.member.set_ssh_address("127.0.0.1:6722");
  join.member.set_peer_address("127.0.0.1:6730");
  join.member.set_health_url("http://127.0.0.1:8380");
  join.member.set_fingerprint(std::string(64, 'b'));
  ASSERT_TRUE(node_.Write(join).ok());
  ASSERT_TRUE(node_.Write(settings).ok());
  node_.ledger().OnConnected("b");
  node_.ledger().OnAck("b", {.epoch = EpochOf(1)});  // it is there, and confirms nothing
  const uint64_t head = node_.ledger().progress().head_seq;
  EXPECT_EQ(RefusalOf(node_.AddUser("alice").status()), Refusal::kOutcomeUnknown);
  node_.ledger().StepDown();
  ASSERT_EQ(InStore(), head + 1);
  Lose("COMMIT", [&] { return node_.ledger().CutAfter(head); });
  EXPECT_TRUE(absl::IsUnavailable(node_.ledger().CutAfter(head)));
  Back();
  AwaitKnown();
  EXPECT_EQ(node_.ledger().progress().head_seq, InStore());
  EXPECT_EQ(InStore(), head + (Lands() ? 0 : 1));
  EXPECT_TRUE(node_.ledger().CutAfter(head).ok());
  EXPECT_EQ(InStore(), head);
}

TEST_P(PostgresLostTest, AGrantedEpoch) {
  auto book = EpochBook::Open(node_.store(), "a");
  ASSERT_TRUE(book.ok()) << book.status();
  const GrantAsk ask{.epoch = EpochOf(5, "b")};
  const auto nothing = [](VoterFacts&) {};
  Lose(kCommitMark, [&] { return (*book)->Decide(ask, {}, nothing).status(); });
  Back();
  absl::StatusOr<GrantAnswer> answer;
  do {
    answer = (*book)->Decide(ask, {}, nothing);
  } while (absl::IsUnavailable(answer.status()));
  ASSERT_TRUE(answer.ok()) << answer.status();
  EXPECT_TRUE(answer->granted);
  EXPECT_EQ((*EpochBook::Open(node_.store(), "a"))->promises().granted, EpochOf(5, "b"));
  EXPECT_TRUE(node_.AddUser("alice").ok());
}

}  // namespace
}  // namespace holdfast::replication
