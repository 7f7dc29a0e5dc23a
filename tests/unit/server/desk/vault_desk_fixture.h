#ifndef HOLDFAST_TESTS_UNIT_SERVER_DESK_VAULT_DESK_FIXTURE_H_
#define HOLDFAST_TESTS_UNIT_SERVER_DESK_VAULT_DESK_FIXTURE_H_

#include <gtest/gtest.h>

#include <functional>
#include <future>
#include <memory>
#include <string>
#include <vector>

#include "replication/ledger/ledger.h"
#include "replication/node/gate.h"
#include "server/audit/journal.h"
#include "server/desk/vault_desk.h"
#include "server/storage/memory_store.h"
#include "server/storage/sqlite/sqlite_audit_store.h"
#include "tests/support/manual_clock.h"

namespace holdfast::desk {

// A desk of a primary with a real ledger, journal, audit store and keys; only the disk of the vault
// is a MemoryDisk. It begins with the users "admin", who sees everything, and "ann", who owns the
// resource "db" with the account "root"; both log in by a token, ann by a key as well.
class VaultDeskFixture : public testing::Test {
 protected:
  static constexpr char kAdminToken[] = "admin-token";
  static constexpr char kAnnToken[] = "ann-token";
  static constexpr char kSource[] = "192.0.2.7";

  VaultDeskFixture();
  ~VaultDeskFixture() override;

  void SetView(bool primary);
  CallerPtr LogIn(const std::string& token);

  // The calls that answer later, waited for.
  absl::StatusOr<Retrieved> Retrieve(const CallerPtr& caller, RetrieveAsk ask);
  absl::StatusOr<Retrieved> RetrieveRoot(const CallerPtr& caller);
  absl::StatusOr<Written> Submit(const CallerPtr& caller, vault::CommandBody body);
  // By the node itself; must be accepted.
  vault::Planned Do(vault::CommandBody body);
  absl::StatusOr<Written> SubmitAsNode(vault::CommandBody body);
  vault::SetSecret NewSecret(const std::string& secret);

  // Everything durable in the journal.
  std::vector<v1::AuditRecord> Journaled() const;
  v1::AuditRecord LastJournaled() const { return Journaled().back(); }
  std::string Name(const absl::Status& status) const;  // of the refusal

  std::string folder_;
  ManualClock clock_;
  std::shared_ptr<storage::MemoryDisk> disk_ = std::make_shared<storage::MemoryDisk>();
  std::unique_ptr<storage::MemoryStore> store_;
  std::unique_ptr<crypto::KeyRing> keys_;
  std::unique_ptr<replication::Ledger> ledger_;
  replication::Gate gate_;
  std::unique_ptr<audit::Journal> journal_;
  std::unique_ptr<storage::sqlite::SqliteAuditStore> audit_store_;
  std::unique_ptr<VaultDesk> desk_;
  uint64_t ann_id_ = 0;
  uint64_t db_id_ = 0;
  uint64_t root_id_ = 0;
  uint64_t ann_key_id_ = 0;

 private:
  void Bootstrap();
  void AddAnn();
};

// The public key that ann logs in with.
std::string AnnKey();

}  // namespace holdfast::desk

#endif  // HOLDFAST_TESTS_UNIT_SERVER_DESK_VAULT_DESK_FIXTURE_H_
