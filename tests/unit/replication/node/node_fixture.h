#ifndef HOLDFAST_TESTS_UNIT_REPLICATION_NODE_NODE_FIXTURE_H_
#define HOLDFAST_TESTS_UNIT_REPLICATION_NODE_NODE_FIXTURE_H_

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "replication/node/known_members.h"
#include "replication/node/node.h"
#include "server/audit/journal.h"
#include "server/base/mutex.h"
#include "server/crypto/certificate.h"
#include "server/storage/sqlite/sqlite_audit_store.h"
#include "tests/unit/replication/ledger/ledger_fixture.h"

namespace holdfast::replication {

inline constexpr char kCluster[] = "c1";
// How long a write of these tests may wait: none is meant to be in vain, however slow the machine.
inline constexpr std::chrono::seconds kWrittenWithin{10};

// A port that was free just now, below those that the system gives to whoever dials.
inline int FreePort() {
  while (true) {
    const int port = 10'000 + static_cast<int>(crypto::RandomBelow(5'000));
    const int fd = socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<uint16_t>(port));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const bool free = bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0;
    close(fd);
    if (free) return port;
  }
}

// Looks again and again: what it waits for comes by threads of the product, which tell nobody here.
inline bool Eventually(const std::function<bool()>& condition,
                       std::chrono::seconds within = std::chrono::seconds(30)) {
  const RealClock clock;
  const MonoTime until = clock.Mono() + within;
  Mutex mu;
  CondVar look;
  while (!condition()) {
    if (clock.Mono() > until) return false;
    MutexLock lock(mu);
    look.WaitFor(mu, std::chrono::milliseconds(5));
  }
  return true;
}

inline PeerTls MakeTls(const crypto::CertificateAuthority& authority, const std::string& node) {
  crypto::CertificateRequest request = *crypto::CreateRequest(kCluster, node);
  return {.cluster_id = kCluster,
          .node_id = node,
          .ca_certificate = authority.certificate_pem,
          .certificate = *crypto::SignCertificate(authority, request.request_pem,
                                                  {.cluster_id = kCluster,
                                                   .node_id = node,
                                                   .addresses = {"127.0.0.1"},
                                                   .days = 365,
                                                   .now = RealClock().Wall()}),
          .key = std::make_shared<SecretBytes>(std::move(request.key_pem))};
}

// One member: a disk, what runs on it, and its certificate. Crash and Start as often as wanted.
class Member {
 public:
  Member(const std::string& name, const crypto::CertificateAuthority& authority,
         std::shared_ptr<const SecretBytes> root)
      : name_(name), tls_(MakeTls(authority, name)), port_(FreePort()), disk_(name, root) {}
  ~Member() { Crash(); }

  v1::MemberRow Row() const {
    v1::MemberRow row;
    row.set_node_id(name_);
    row.set_rest_url("https://127.0.0.1:" + std::to_string(port_));
    row.set_ssh_address("127.0.0.1:" + std::to_string(port_));
    row.set_peer_address(Address());
    row.set_health_url("http://127.0.0.1:" + std::to_string(port_));
    row.set_fingerprint(crypto::ParseCertificate(tls_.certificate)->fingerprint);
    return row;
  }
  std::string Address() const { return "127.0.0.1:" + std::to_string(port_); }

  // The log of a cluster whose members are this one and `others`, all written in epoch 1 of this
  // one. The ledger stays open.
  absl::Status Found(const std::vector<v1::MemberRow>& others) {
    if (absl::Status opened = disk_.Open(kWrittenWithin); !opened.ok()) return opened;
    const auto book = EpochBook::Open(disk_.store(), name_);
    if (!book.ok()) return book.status();
    const absl::Status claimed = (*book)->Claim(EpochOf(1, name_), Epoch{});
    if (!claimed.ok()) return claimed;
    const absl::Status started = disk_.ledger().StartEpoch(EpochOf(1, name_));
    if (!started.ok()) return started;
    if (absl::Status begun = disk_.Begin(Row()); !begun.ok()) return begun;
    for (const v1::MemberRow& other : others) {
      std::string hash(32, 'h');
      hash.replace(0, other.node_id().size(), other.node_id());
      const auto invited = disk_.Write(vault::CreateInvite{
          .node_id = other.node_id(), .token_hash = hash, .expires_ms = 1'800'000'000'000});
      if (!invited.ok()) return invited.status();
      const auto joined = disk_.Write(vault::JoinMember{.invite_hash = hash, .member = other});
      if (!joined.ok()) return joined.status();
    }
    return absl::OkStatus();
  }

  // `told`: what a node that has just joined knows of the others.
  absl::Status Start(const std::vector<v1::MemberRow>& told = {},
                     uint64_t log_records = 1'000'000) {
    if (absl::Status opened = disk_.Open(kWrittenWithin); !opened.ok()) return opened;
    if (!told.empty()) {
      if (absl::Status put = PutKnownMembers(disk_.store(), told); !put.ok()) return put;
    }
    auto audit = storage::sqlite::SqliteAuditStore::Open({.path = disk_.folder() + "/audit.db"});
    if (!audit.ok()) return audit.status();
    audit_ = *std::move(audit);
    auto journal = audit::Journal::Open({.path = disk_.folder() + "/journal", .node_id = name_},
                                        disk_.keys().JournalMac(name_), disk_.clock());
    if (!journal.ok()) return journal.status();
    journal_ = *std::move(journal);
    auto node = Node::Make({.identity = {.cluster_id = kCluster,
                                         .node_id = name_,
                                         .version = "test",
                                         .data_folder = disk_.folder()},
                            .tls = tls_,
                            .ledger = disk_.ledger(),
                            .store = disk_.store(),
                            .keys = disk_.keys(),
                            .journal = *journal_,
                            .audit = *audit_,
                            .gate = gate_,
                            .clock = disk_.clock(),
                            .retention = {.records = log_records},
                            .log_age_max = std::chrono::hours(24 * 365 * 50)});
    if (!node.ok()) return node.status();
    node_ = *std::move(node);
    return node_->Start(Address());
  }
  // As after kill -9, as far as the disk can tell.
  void Crash() {
    node_.reset();
    journal_.reset();
    audit_.reset();
    disk_.Crash();
  }

  bool Serves() { return gate_.Admit(OperationClass::kPrimaryOnly).ok(); }
  bool Reads() { return gate_.view().can_read; }
  uint64_t head() { return disk_.ledger().progress().head_seq; }
  uint64_t shown() { return disk_.ledger().progress().committed_seq; }
  Node& node() { return *node_; }
  audit::Journal& journal() { return *journal_; }
  storage::AuditStore& audit() { return *audit_; }
  TestNode& disk() { return disk_; }
  const PeerTls& tls() const { return tls_; }
  const std::string& name() const { return name_; }

 private:
  const std::string name_;
  const PeerTls tls_;
  const int port_;
  TestNode disk_;
  Gate gate_;
  std::unique_ptr<storage::sqlite::SqliteAuditStore> audit_;
  std::unique_ptr<audit::Journal> journal_;
  std::unique_ptr<Node> node_;
};

}  // namespace holdfast::replication

#endif  // HOLDFAST_TESTS_UNIT_REPLICATION_NODE_NODE_FIXTURE_H_
