#include "server/storage/sqlite/sqlite_audit_store.h"

#include "server/base/status_macros.h"
#include "server/storage/sqlite/audit_tables.h"
#include "server/storage/sqlite/database_file.h"

namespace holdfast::storage::sqlite {

absl::StatusOr<std::unique_ptr<SqliteAuditStore>> SqliteAuditStore::Open(const Options& options) {
  std::unique_ptr<SqliteAuditStore> store(new SqliteAuditStore(options));
  HOLDFAST_RETURN_IF_ERROR(store->Start());
  return store;
}

absl::Status SqliteAuditStore::Start() {
  // Its own checkpoints: nobody waits for a write here but the collector.
  constexpr auto kJournal = Connection::Journal::kWalWithAutoCheckpoint;
  HOLDFAST_ASSIGN_OR_RETURN(OpenedFile opened, OpenDatabaseFile(options_.path, kAuditKind, kJournal,
                                                                options_.check_bytes_max));
  lock_ = std::move(opened.lock);
  HOLDFAST_RETURN_IF_ERROR(opened.connection->Execute("PRAGMA synchronous=NORMAL"));
  {
    MutexLock lock(writer_mu_);
    writer_ = std::move(opened.connection);
  }
  MutexLock lock(reader_mu_);
  HOLDFAST_ASSIGN_OR_RETURN(reader_, Connection::Open(options_.path, kJournal));
  return absl::OkStatus();
}

SqliteAuditStore::~SqliteAuditStore() {
  MutexLock lock(writer_mu_);
  // A short WAL makes the next start quick; a checkpoint that fails here loses nothing.
  if (writer_ != nullptr) writer_->Checkpoint(CheckpointMode::kTruncate).IgnoreError();
}

absl::Status SqliteAuditStore::Add(absl::Span<const v1::AuditRecord* const> records) {
  MutexLock lock(writer_mu_);
  HOLDFAST_RETURN_IF_ERROR(CheckFreeSpace(options_.path, options_.free_bytes_min));
  AuditAdder adder(*writer_);
  bool commit_failed = false;
  return writer_->Transact(
      [&]() -> absl::Status {
        for (const v1::AuditRecord* record : records) {
          HOLDFAST_RETURN_IF_ERROR(adder.Add(*record));
        }
        return adder.WriteHeads();
      },
      &commit_failed);
}

absl::StatusOr<uint64_t> SqliteAuditStore::Highest(const std::string& node_id) {
  MutexLock lock(reader_mu_);
  return ReadAuditHead(*reader_, node_id);
}

absl::StatusOr<std::vector<AuditCoverage>> SqliteAuditStore::Coverage() {
  MutexLock lock(reader_mu_);
  return ReadAuditCoverage(*reader_);
}

absl::StatusOr<AuditPage> SqliteAuditStore::List(const AuditQuery& query) {
  HOLDFAST_RETURN_IF_ERROR(CheckAuditQuery(query));
  MutexLock lock(reader_mu_);
  Connection& reader = *reader_;
  return ReadAuditPage(reader, query);
}

absl::StatusOr<uint64_t> SqliteAuditStore::TrimOlderThan(WallTime before, size_t records_max) {
  MutexLock lock(writer_mu_);
  Connection& writer = *writer_;
  uint64_t gone = 0;
  bool commit_failed = false;
  HOLDFAST_RETURN_IF_ERROR(writer.Transact(
      [&]() -> absl::Status {
        HOLDFAST_ASSIGN_OR_RETURN(gone, DeleteAuditRecords(writer, before, records_max));
        return absl::OkStatus();
      },
      &commit_failed));
  return gone;
}

}  // namespace holdfast::storage::sqlite
