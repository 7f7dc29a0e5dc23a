#ifndef HOLDFAST_TESTS_UNIT_REPLICATION_LEDGER_LEDGER_FIXTURE_H_
#define HOLDFAST_TESTS_UNIT_REPLICATION_LEDGER_LEDGER_FIXTURE_H_

#include <stdlib.h>

#include <atomic>
#include <functional>
#include <future>
#include <memory>
#include <string>

#include "gtest/gtest.h"
#include "replication/ledger/ledger.h"
#include "replication/ledger/snapshot_rows.h"
#include "server/crypto/random.h"
#include "server/setup/bootstrap.h"
#include "server/storage/memory_store.h"
#include "tests/support/real_clock.h"

namespace holdfast::replication {

inline Epoch EpochOf(uint64_t number, const std::string& node = "a") { return {number, node}; }

inline vault::AddUser UserNamed(const std::string& name) {
  vault::AddUser add;
  add.user.set_name(name);
  add.user.set_organization_id(1);
  add.user.set_role(v1::ROLE_PASSWORD_USER);
  return add;
}

// One node's disk and what runs on it; Crash and Open again as often as wanted.
class TestNode {
 public:
  TestNode(const std::string& name, std::shared_ptr<const SecretBytes> root)
      : name_(name), root_(std::move(root)), disk_(std::make_shared<storage::MemoryDisk>()) {
    char folder[] = "/tmp/holdfast-ledger-XXXXXX";
    folder_ = mkdtemp(folder);
  }
  ~TestNode() {
    Crash();
    const std::string command = "rm -rf '" + folder_ + "'";
    EXPECT_EQ(system(command.c_str()), 0);
  }

  absl::Status Open(std::chrono::milliseconds commit_wait_max = std::chrono::milliseconds(100),
                    size_t pending_writes_max = kPendingRecordsMax) {
    keys_ = std::make_unique<crypto::KeyRing>(root_->Clone(), "test");
    if (absl::Status opened = OpenStore(); !opened.ok()) return opened;
    auto ledger = Ledger::Open({.node_id = name_,
                                .committed_path = folder_ + "/committed",
                                .commit_wait_max = commit_wait_max,
                                .pending_writes_max = pending_writes_max,
                                .group_wait_max = group_wait_max_,
                                .stored = [this](auto) { ++appends_; }},
                               *store_, *keys_, clock_);
    if (!ledger.ok()) return ledger.status();
    ledger_ = *std::move(ledger);
    return absl::OkStatus();
  }
  // As after kill -9: what is on the disk at this moment is all that is left.
  void Crash() {
    std::shared_ptr<storage::MemoryDisk> left = disk_->Clone();
    ledger_.reset();
    store_.reset();
    disk_ = std::move(left);
  }

  std::future<absl::StatusOr<WriteResult>> Submit(vault::CommandBody body,
                                                  WriteOptions options = {},
                                                  const std::string& key = "") {
    auto promise = std::make_shared<std::promise<absl::StatusOr<WriteResult>>>();
    vault::Command command{.now_ms = 1'700'000'000'000, .body = std::move(body)};
    command.actor.set_via("LOCAL");
    if (!key.empty()) {
      command.request_key = vault::RequestKey{
          .key = key, .digest = std::string(32, 'd'), .expires_ms = 1'800'000'000'000};
    }
    ledger_->Submit(std::move(command), options, [promise](absl::StatusOr<WriteResult> result) {
      promise->set_value(std::move(result));
    });
    return promise->get_future();
  }
  absl::StatusOr<WriteResult> Write(vault::CommandBody body) {
    return Submit(std::move(body)).get();
  }

  // The first rows of a cluster, by a node that serves in epoch 1.
  absl::Status Begin() {
    v1::MemberRow member;
    member.set_node_id(name_);
    member.set_rest_url("https://127.0.0.1:8282");
    member.set_ssh_address("127.0.0.1:6622");
    member.set_peer_address("127.0.0.1:6630");
    member.set_health_url("http://127.0.0.1:8280");
    member.set_fingerprint(std::string(64, 'a'));
    return Begin(member);
  }
  absl::Status Begin(const v1::MemberRow& member) {
    auto authority = crypto::CreateAuthority("test", clock_.Wall());
    if (!authority.ok()) return authority.status();
    const SecretBytes token = SecretBytes::CopyOf("token");
    auto rows = setup::MakeBootstrap({.cluster_name = "test",
                                      .authority = *authority,
                                      .member = member,
                                      .admin_token = token,
                                      .now_ms = 1'700'000'000'000},
                                     *keys_);
    if (!rows.ok()) return rows.status();
    return Write(*std::move(rows)).status();
  }
  absl::StatusOr<WriteResult> AddUser(const std::string& name) { return Write(UserNamed(name)); }
  bool Knows(const std::string& user) {
    bool found = false;
    ledger_->Read([&](const vault::StateReader& state, Position) {
      found = state.FindUserByName(1, user) != nullptr;
    });
    return found;
  }
  Digest StateDigestNow() {
    return ledger_->CopyRows([](const v1::RowChange&) { return absl::OkStatus(); })->state_digest;
  }

  // As if somebody had done it in the database, beside Holdfast, while the node is stopped.
  absl::Status ChangeRowsByHand(const v1::RowChange& change) {
    auto store = storage::MemoryStore::Open(disk_);
    if (!store.ok()) return store.status();
    const auto loaded = (*store)->Load([](v1::Row&&) { return absl::OkStatus(); });
    if (!loaded.ok()) return loaded.status();
    const std::vector<const v1::RowChange*> rows{&change};
    return (*store)->Append({.rows = rows, .applied = loaded->applied});
  }

  // In place of the store in memory.
  using Opener = std::function<absl::StatusOr<std::unique_ptr<storage::Store>>()>;
  void UseStore(Opener opener) { opener_ = std::move(opener); }

  // Before Open.
  void UseGroupWait(std::chrono::milliseconds longest) { group_wait_max_ = longest; }
  // Of records, so far.
  int appends() const { return appends_; }

  Ledger& ledger() { return *ledger_; }
  storage::Store& store() { return *store_; }
  const Clock& clock() const { return clock_; }
  storage::MemoryDisk& disk() { return *disk_; }
  const std::shared_ptr<storage::MemoryDisk>& shared_disk() const { return disk_; }
  crypto::KeyRing& keys() { return *keys_; }
  const std::string& folder() const { return folder_; }

 private:
  absl::Status OpenStore() {
    if (opener_) {
      auto store = opener_();
      if (store.ok()) store_ = *std::move(store);
      return store.status();
    }
    auto store = storage::MemoryStore::Open(disk_);
    if (store.ok()) store_ = *std::move(store);
    return store.status();
  }

  std::chrono::milliseconds group_wait_max_{5};
  std::atomic<int> appends_ = 0;
  const std::string name_;
  const std::shared_ptr<const SecretBytes> root_;
  Opener opener_;
  std::shared_ptr<storage::MemoryDisk> disk_;
  std::string folder_;
  RealClock clock_;
  std::unique_ptr<crypto::KeyRing> keys_;
  std::unique_ptr<storage::Store> store_;
  std::unique_ptr<Ledger> ledger_;
};

inline std::shared_ptr<const SecretBytes> NewRoot() {
  return std::make_shared<const SecretBytes>(crypto::RandomSecret(crypto::kRootKeyBytes));
}

// A primary, and what it writes.
class LedgerTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(node_.Open().ok());
    ASSERT_TRUE(node_.ledger().StartEpoch(EpochOf(1)).ok());
    const absl::Status begun = node_.Begin();
    ASSERT_TRUE(begun.ok()) << begun;
  }

  vault::SetSettings Durable(uint32_t k) {
    vault::SetSettings settings;
    settings.level = k == 0 ? v1::LEVEL_LOCAL : v1::LEVEL_DURABLE;
    settings.k = k;
    settings.policy = v1::POLICY_BLOCK;
    return settings;
  }
  static v1::MemberRow MemberOf(const std::string& name, char fingerprint) {
    v1::MemberRow member;
    member.set_node_id(name);
    member.set_rest_url("https://127.0.0.1:8382");
    member.set_ssh_address("127.0.0.1:6722");
    member.set_peer_address("127.0.0.1:6730");
    member.set_health_url("http://127.0.0.1:8380");
    member.set_fingerprint(std::string(64, fingerprint));
    return member;
  }
  // A second voting member, so that k = 1 is possible.
  void AddMember(const std::string& name) {
    vault::CreateInvite invite{
        .node_id = name, .token_hash = std::string(32, 'h'), .expires_ms = 1'800'000'000'000};
    ASSERT_TRUE(node_.Write(invite).ok());
    vault::JoinMember join{.invite_hash = std::string(32, 'h')};
    join.member = MemberOf(name, 'b');
    const absl::Status joined = node_.Write(join).status();
    ASSERT_TRUE(joined.ok()) << joined;
  }
  AckInfo AckOf(uint64_t seq) {
    return {.epoch = EpochOf(1), .received_seq = seq, .durable_seq = seq, .applied_seq = seq};
  }

  std::shared_ptr<const SecretBytes> root_ = NewRoot();
  TestNode node_{"a", root_};
};

// The other side: what a secondary does with the same entries.
class FollowingTest : public LedgerTest {
 protected:
  void SetUp() override {
    LedgerTest::SetUp();
    ASSERT_TRUE(follower_.Open().ok());
    follower_.ledger().Follow(EpochOf(1), 1);
  }
  ForeignOutcome Send(uint64_t first, uint64_t committed, size_t records = 128) {
    auto entries = node_.ledger().ReadLog(first, records, 1 << 20);
    EXPECT_TRUE(entries.ok() && !entries->empty());
    ForeignBatch batch;
    batch.info = {.epoch = EpochOf(1), .first_seq = first, .committed_seq = committed};
    batch.info.previous_digest = *node_.ledger().DigestAt(first - 1);
    auto items = CheckEntries(*entries, batch.info.previous_digest, follower_.keys());
    EXPECT_TRUE(items.ok()) << items.status();
    batch.items = *std::move(items);
    for (const EntryPtr& entry : *entries) batch.info.entries.push_back(MetaOf(*entry));
    return follower_.ledger().AppendForeign(batch);
  }
  // The primary's rows, as a snapshot brings them.
  absl::StatusOr<SnapshotPoint> CopyInto(std::vector<v1::RowChange>& rows) {
    return node_.ledger().CopyRows([&](const v1::RowChange& row) {
      rows.push_back(row);
      return absl::OkStatus();
    });
  }
  absl::Status Replace(const SnapshotPoint& point, const std::vector<v1::RowChange>& changes) {
    auto staged = follower_.ledger().StageRows();
    if (!staged.ok()) return staged.status();
    SnapshotRows rows(follower_.keys(), *std::move(staged));
    for (v1::RowChange change : changes) {
      if (absl::Status applied = rows.Apply(change); !applied.ok()) return applied;
    }
    return follower_.ledger().ReplaceBySnapshot(point, std::move(rows), [] {});
  }

  TestNode follower_{"b", root_};
};

}  // namespace holdfast::replication

#endif  // HOLDFAST_TESTS_UNIT_REPLICATION_LEDGER_LEDGER_FIXTURE_H_
