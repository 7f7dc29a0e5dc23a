#ifndef HOLDFAST_TESTS_BENCH_BENCH_NODE_H_
#define HOLDFAST_TESTS_BENCH_BENCH_NODE_H_

#include <fmt/format.h>
#include <sys/stat.h>

#include <chrono>
#include <cstdlib>
#include <future>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "server/crypto/random.h"
#include "server/storage/sqlite/sqlite_store.h"
#include "tests/unit/replication/node/node_fixture.h"

namespace holdfast::replication {

inline constexpr int64_t kNowMs = 1'700'000'000'000;

template <typename T>
T Must(absl::StatusOr<T> value) {
  if (!value.ok()) {
    fmt::print(stderr, "{}\n", std::string(value.status().message()));
    std::exit(1);
  }
  return *std::move(value);
}
inline void Must(const absl::Status& status) {
  Must(status.ok() ? absl::StatusOr<int>(0) : status);
}

// A node on a disk: store, ledger and all that replicates.
class BenchNode {
 public:
  BenchNode(const std::string& name, std::string folder,
            const crypto::CertificateAuthority& authority, std::shared_ptr<const SecretBytes> root)
      : name_(name), folder_(std::move(folder)), tls_(MakeTls(authority, name)), port_(FreePort()) {
    mkdir(folder_.c_str(), 0700);
    keys_ = std::make_unique<crypto::KeyRing>(root->Clone(), "test");
    Open();
  }
  void Open() {
    store_ = Must(storage::sqlite::SqliteStore::Open({.path = folder_ + "/vault.db"}));
    ledger_ = Must(Ledger::Open({.node_id = name_, .committed_path = folder_ + "/committed"},
                                *store_, *keys_, clock_));
  }
  void Start(const std::vector<v1::MemberRow>& told) {
    if (!told.empty()) Must(PutKnownMembers(*store_, told));
    audit_ = Must(storage::sqlite::SqliteAuditStore::Open({.path = folder_ + "/audit.db"}));
    journal_ = Must(audit::Journal::Open({.path = folder_ + "/journal", .node_id = name_},
                                         keys_->JournalMac(name_), clock_));
    node_ = Must(Node::Make({.identity = {.cluster_id = kCluster,
                                          .node_id = name_,
                                          .version = "bench",
                                          .data_folder = folder_},
                             .tls = tls_,
                             .ledger = *ledger_,
                             .store = *store_,
                             .keys = *keys_,
                             .journal = *journal_,
                             .audit = *audit_,
                             .gate = gate_,
                             .clock = clock_}));
    Must(node_->Start(fmt::format("127.0.0.1:{}", port_)));
  }
  void Stop() {
    node_.reset();
    journal_.reset();
    audit_.reset();
    ledger_.reset();
    store_.reset();
  }
  v1::MemberRow Row() const {
    v1::MemberRow row;
    row.set_node_id(name_);
    row.set_rest_url(fmt::format("https://127.0.0.1:{}", port_));
    row.set_ssh_address(fmt::format("127.0.0.1:{}", port_));
    row.set_peer_address(fmt::format("127.0.0.1:{}", port_));
    row.set_health_url(fmt::format("http://127.0.0.1:{}", port_));
    row.set_fingerprint(crypto::ParseCertificate(tls_.certificate)->fingerprint);
    return row;
  }
  void Submit(vault::CommandBody body, WriteDone done) {
    vault::Command command{.now_ms = kNowMs, .body = std::move(body)};
    command.actor.set_via("LOCAL");
    command.actor.set_user_id(admin_);
    ledger_->Submit(std::move(command), std::move(done));
  }
  WriteResult Write(vault::CommandBody body, bool by_node = false) {
    std::promise<absl::StatusOr<WriteResult>> done;
    vault::Command command{.now_ms = kNowMs, .body = std::move(body)};
    command.actor.set_via("LOCAL");
    if (!by_node) command.actor.set_user_id(admin_);
    ledger_->Submit(std::move(command), [&](auto result) { done.set_value(std::move(result)); });
    return Must(done.get_future().get());
  }
  // The first rows of a cluster, with `others` as members.
  void Found(const std::vector<BenchNode*>& others) {
    auto book = Must(EpochBook::Open(*store_, name_));
    Must(book->Claim(EpochOf(1, name_), Epoch{}));
    Must(ledger_->StartEpoch(EpochOf(1, name_)));
    const auto authority = Must(crypto::CreateAuthority(kCluster, clock_.Wall()));
    const SecretBytes token = SecretBytes::CopyOf("token");
    Write(Must(setup::MakeBootstrap({.cluster_name = "test",
                                     .authority = authority,
                                     .member = Row(),
                                     .admin_token = token,
                                     .now_ms = kNowMs},
                                    *keys_)),
          true);
    FindAdmin();
    for (const BenchNode* other : others) {
      std::string hash(32, 'h');
      hash.replace(0, 1, other->name_);
      Write(
          vault::CreateInvite{
              .node_id = other->name_, .token_hash = hash, .expires_ms = 2'000'000'000'000},
          true);
      Write(vault::JoinMember{.invite_hash = hash, .member = other->Row()}, true);
    }
  }
  uint64_t admin() const { return admin_; }
  audit::Journal& journal() { return *journal_; }
  Ledger& ledger() { return *ledger_; }
  crypto::KeyRing& keys() { return *keys_; }
  bool Serves() { return gate_.Admit(OperationClass::kPrimaryOnly).ok(); }
  uint64_t shown() { return ledger_->progress().committed_seq; }
  const Clock& clock() const { return clock_; }
  storage::Store& store() { return *store_; }
  std::string Fault() { return node_->Link().fault; }

 private:
  void FindAdmin() {
    ledger_->Read([&](const vault::StateReader& state, Position) {
      state.ForEachId(vault::List::kUsersOfOrganization, 1, 0, [&](uint64_t id) {
        admin_ = id;
        return false;
      });
    });
  }

  const std::string name_, folder_;
  const PeerTls tls_;
  const int port_;
  RealClock clock_;
  uint64_t admin_ = 0;
  std::unique_ptr<crypto::KeyRing> keys_;
  std::unique_ptr<storage::sqlite::SqliteStore> store_;
  std::unique_ptr<Ledger> ledger_;
  Gate gate_;
  std::unique_ptr<storage::sqlite::SqliteAuditStore> audit_;
  std::unique_ptr<audit::Journal> journal_;
  std::unique_ptr<Node> node_;
};

inline double Seconds(std::chrono::nanoseconds time) {
  return std::chrono::duration<double>(time).count();
}

}  // namespace holdfast::replication

#endif  // HOLDFAST_TESTS_BENCH_BENCH_NODE_H_
