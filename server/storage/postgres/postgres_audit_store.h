#ifndef HOLDFAST_SERVER_STORAGE_POSTGRES_POSTGRES_AUDIT_STORE_H_
#define HOLDFAST_SERVER_STORAGE_POSTGRES_POSTGRES_AUDIT_STORE_H_

#include <memory>
#include <string>
#include <vector>

#include "server/base/mutex.h"
#include "server/storage/audit_store.h"
#include "server/storage/postgres/postgres_store.h"

namespace holdfast::storage::postgres {

class LockedSession;

// The collected audit records, in the same schema as the store: docs/formats/store.md. An Add whose
// answer was lost is done again, which changes nothing when it is there.
//
// Threading   Thread-safe: a writer's and a readers' session, each one call at a time.
// Ownership   Borrows the clock.
// Failure     As audit_store.h says. UNAVAILABLE: the server was away for wait_max, try again.
class PostgresAuditStore : public AuditStore {
 public:
  static absl::StatusOr<std::unique_ptr<PostgresAuditStore>> Open(const DatabaseOptions& options,
                                                                  const Clock& clock);
  ~PostgresAuditStore() override;

  using AuditStore::Add;
  absl::Status Add(absl::Span<const v1::AuditRecord* const> records) override;
  absl::StatusOr<uint64_t> Highest(const std::string& node_id) override;
  absl::StatusOr<std::vector<AuditCoverage>> Coverage() override;
  absl::StatusOr<AuditPage> List(const AuditQuery& query) override;
  absl::StatusOr<uint64_t> TrimOlderThan(WallTime before, size_t records_max) override;

 private:
  PostgresAuditStore(DatabaseOptions options, const Clock& clock);
  absl::Status Start();
  absl::Status AddOnce(absl::Span<const v1::AuditRecord* const> records)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(writer_mu_);
  // `body` once more for every loss of the server, with the lock held again.
  absl::Status Again(const std::function<absl::Status()>& body)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(writer_mu_);

  const DatabaseOptions options_;
  const Clock& clock_;
  std::unique_ptr<Watchdog> watchdog_;
  Mutex writer_mu_;
  std::unique_ptr<LockedSession> writer_ ABSL_GUARDED_BY(writer_mu_);
  Mutex reader_mu_;
  std::unique_ptr<Reader> reader_ ABSL_GUARDED_BY(reader_mu_);
};

}  // namespace holdfast::storage::postgres

#endif  // HOLDFAST_SERVER_STORAGE_POSTGRES_POSTGRES_AUDIT_STORE_H_
