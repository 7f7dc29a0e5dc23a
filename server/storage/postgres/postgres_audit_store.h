#ifndef HOLDFAST_SERVER_STORAGE_POSTGRES_POSTGRES_AUDIT_STORE_H_
#define HOLDFAST_SERVER_STORAGE_POSTGRES_POSTGRES_AUDIT_STORE_H_

#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "server/base/mutex.h"
#include "server/storage/audit_store.h"
#include "server/storage/postgres/postgres_store.h"

namespace holdfast::storage::postgres {

class LockedSession;

// The collected audit records, in the same schema as the store: docs/formats/store.md.
//
// Its callers are loops that must not stand still: while the server is away every call fails at
// once, a thread connects again meanwhile. An Add whose answer was lost fails too; added again it
// changes nothing if it was there.
//
// Threading   Thread-safe: a writer's and a readers' session, each one call at a time.
// Ownership   Borrows the clock.
// Failure     As audit_store.h says. UNAVAILABLE: the server is away, try again.
class PostgresAuditStore : public AuditStore {
 public:
  static absl::StatusOr<std::unique_ptr<PostgresAuditStore>> Open(const DatabaseOptions& options,
                                                                  const Clock& clock);
  ~PostgresAuditStore() override;

  using AuditStore::Add;
  absl::Status Add(absl::Span<const v1::AuditRecord* const> records) override;
  absl::StatusOr<uint64_t> Highest(const std::string& node_id) override;  // from memory
  absl::StatusOr<std::vector<AuditCoverage>> Coverage() override;
  absl::StatusOr<AuditPage> List(const AuditQuery& query) override;
  absl::StatusOr<uint64_t> TrimOlderThan(WallTime before, size_t records_max) override;
  void StopWaiting() override;

 private:
  using Heads = std::map<std::string, uint64_t>;

  PostgresAuditStore(DatabaseOptions options, const Clock& clock);
  absl::Status Start();
  // UNAVAILABLE while the server is away.
  absl::StatusOr<LockedSession*> Writer() ABSL_EXCLUSIVE_LOCKS_REQUIRED(writer_mu_);
  void KeepConnected();
  static absl::StatusOr<Heads> ReadHeads(LockedSession& locked);

  const DatabaseOptions options_;
  const Clock& clock_;
  std::unique_ptr<Watchdog> watchdog_;
  Mutex writer_mu_;
  std::unique_ptr<LockedSession> writer_ ABSL_GUARDED_BY(writer_mu_);  // null: being connected
  Heads heads_ ABSL_GUARDED_BY(writer_mu_);
  bool stop_ ABSL_GUARDED_BY(writer_mu_) = false;
  CondVar stopped_;
  Mutex reader_mu_;
  std::unique_ptr<Reader> reader_ ABSL_GUARDED_BY(reader_mu_);
  std::thread connector_;
};

}  // namespace holdfast::storage::postgres

#endif  // HOLDFAST_SERVER_STORAGE_POSTGRES_POSTGRES_AUDIT_STORE_H_
