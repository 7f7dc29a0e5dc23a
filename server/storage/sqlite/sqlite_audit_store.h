#ifndef HOLDFAST_SERVER_STORAGE_SQLITE_SQLITE_AUDIT_STORE_H_
#define HOLDFAST_SERVER_STORAGE_SQLITE_SQLITE_AUDIT_STORE_H_

#include <memory>
#include <string>
#include <vector>

#include "server/base/file.h"
#include "server/base/mutex.h"
#include "server/storage/audit_store.h"
#include "server/storage/sqlite/connection.h"

namespace holdfast::storage::sqlite {

// The collected audit records in one SQLite file of their own: docs/formats/store.md.
//
// A power cut may take back what was added last (synchronous=NORMAL): the journals still have it,
// and Highest then tells from where to ask again. A killed process loses nothing.
//
// Threading   As audit_store.h says. Two connections: writes and reads do not wait for each other.
class SqliteAuditStore : public AuditStore {
 public:
  struct Options {
    std::string path;
    // Copies make room before the vault's own store, which stops at less, has to.
    uint64_t free_bytes_min = 128ull << 20;
    // Larger files are opened without the check of their structure, which reads all of it.
    uint64_t check_bytes_max = 64ull << 20;
  };
  // Creates the file when it is not there. Errors: database_file.h.
  static absl::StatusOr<std::unique_ptr<SqliteAuditStore>> Open(const Options& options);
  ~SqliteAuditStore() override;

  using AuditStore::Add;
  absl::Status Add(absl::Span<const v1::AuditRecord* const> records) override;
  absl::StatusOr<uint64_t> Highest(const std::string& node_id) override;
  absl::StatusOr<std::vector<AuditCoverage>> Coverage() override;
  absl::StatusOr<AuditPage> List(const AuditQuery& query) override;
  absl::StatusOr<uint64_t> TrimOlderThan(WallTime before, size_t records_max) override;

 private:
  explicit SqliteAuditStore(Options options) : options_(std::move(options)) {}
  absl::Status Start();

  const Options options_;
  UniqueFd lock_;
  Mutex writer_mu_;
  std::unique_ptr<Connection> writer_ ABSL_GUARDED_BY(writer_mu_);
  Mutex reader_mu_;
  std::unique_ptr<Connection> reader_ ABSL_GUARDED_BY(reader_mu_);
};

}  // namespace holdfast::storage::sqlite

#endif  // HOLDFAST_SERVER_STORAGE_SQLITE_SQLITE_AUDIT_STORE_H_
