#ifndef HOLDFAST_TESTS_POWER_LOSS_NODE_H_
#define HOLDFAST_TESTS_POWER_LOSS_NODE_H_

#include <map>
#include <memory>
#include <string>

#include "replication/ledger/ledger.h"
#include "server/audit/journal.h"
#include "server/storage/sqlite/sqlite_audit_store.h"
#include "server/storage/sqlite/sqlite_store.h"
#include "tests/support/real_clock.h"

namespace holdfast::power_loss {

// Everything that a node keeps in its folder and changes while it runs: store, collected audit,
// journal, committed position. Open and Close as often as wanted.
class Node {
 public:
  Node(std::string name, std::string folder, std::shared_ptr<const SecretBytes> root)
      : name_(std::move(name)), folder_(std::move(folder)), root_(std::move(root)) {}

  absl::Status Open();
  void Close();

  replication::Ledger& ledger() { return *ledger_; }
  storage::Store& store() { return *store_; }
  storage::AuditStore& audit() { return *audit_; }
  audit::Journal& journal() { return *journal_; }
  crypto::KeyRing& keys() { return *keys_; }
  const std::string& name() const { return name_; }

  absl::StatusOr<replication::WriteResult> Write(vault::CommandBody body);
  absl::Status Begin();  // the first rows of a cluster
  absl::Status AddMember(const std::string& name);
  absl::Status SetLevel(v1::Level level, uint32_t k);
  absl::StatusOr<replication::WriteResult> AddUser(const std::string& name);
  // Answers by notes: "shown" with the position.
  void SubmitUser(const std::string& name);

 private:
  const std::string name_;
  const std::string folder_;
  const std::shared_ptr<const SecretBytes> root_;
  RealClock clock_;
  std::unique_ptr<crypto::KeyRing> keys_;
  std::unique_ptr<storage::sqlite::SqliteStore> store_;
  std::unique_ptr<storage::sqlite::SqliteAuditStore> audit_;
  std::unique_ptr<audit::Journal> journal_;
  std::unique_ptr<replication::Ledger> ledger_;
};

// Positions go through notes as one number.
inline uint64_t NumberOf(Position position) { return position.epoch << 32 | position.seq; }
inline Position PositionOf(uint64_t number) {
  return {.epoch = number >> 32, .seq = number & UINT32_MAX};
}

vault::CommandBody NewUser(const std::string& name);

}  // namespace holdfast::power_loss

#endif  // HOLDFAST_TESTS_POWER_LOSS_NODE_H_
