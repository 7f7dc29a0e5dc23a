#ifndef HOLDFAST_SERVER_STORAGE_POSTGRES_POSTGRES_STORE_H_
#define HOLDFAST_SERVER_STORAGE_POSTGRES_POSTGRES_STORE_H_

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "server/base/clock.h"
#include "server/base/mutex.h"
#include "server/storage/log_bounds.h"
#include "server/storage/store.h"

namespace holdfast::storage::postgres {

class Reader;
class Watchdog;
class Writer;

// Where a node's database is, for both of its stores.
struct DatabaseOptions {
  std::string connection;          // connection_string.h
  std::string migrate_connection;  // of the role that owns the schema; empty: `connection`
  // How long a server that went away is waited for: a write blocks that long.
  std::chrono::milliseconds wait_max{30000};
};

// The store in the schema `holdfast` of a PostgreSQL database: docs/formats/store.md. A group of
// writes is one message and one commit. A server that restarts is waited for; a commit whose answer
// was lost is looked up, and sent again when it is not there.
//
// Threading   As store.h says. Sessions: the writer's, which holds the lock of the database, the
//             readers' (one at a time), and one for each Load.
// Ownership   Borrows the clock.
// Failure     As store.h says. UNAVAILABLE from what reads: the server was away for wait_max.
class PostgresStore : public Store {
 public:
  // Creates the tables when they are not there. FAILED_PRECONDITION: in use, a newer schema, or a
  // server whose settings lose commits; INVALID_ARGUMENT: the connection string.
  static absl::StatusOr<std::unique_ptr<PostgresStore>> Open(const DatabaseOptions& options,
                                                             const Clock& clock);
  ~PostgresStore() override;

  absl::StatusOr<LoadResult> Load(const std::function<absl::Status(v1::Row&&)>& row) override;
  absl::Status Append(const AppendBatch& batch) override;
  absl::StatusOr<std::vector<EntryPtr>> ReadLog(uint64_t first_seq, size_t records_max,
                                                size_t bytes_max) override;
  absl::Status CutAfter(uint64_t seq, const Facts& facts) override;
  absl::Status TrimUpTo(uint64_t seq) override;
  absl::Status ReplaceBySnapshot(
      const std::function<absl::StatusOr<std::optional<v1::Row>>()>& next, const Applied& applied,
      const Epoch& last_epoch, const Facts& facts) override;
  absl::Status PutFact(const std::string& name, const std::string& value) override;
  absl::StatusOr<std::optional<std::string>> GetFact(const std::string& name) override;
  absl::StatusOr<bool> FindOut() override;
  absl::Status failure() const override;
  void StopWaiting() override;

 private:
  struct Parts;
  PostgresStore(DatabaseOptions options, const Clock& clock);
  absl::Status Start();
  // Whose outcome somebody has to ask for: FindOut.
  enum class Kind { kLog, kOther };
  // A write that brings `after`. Its outcome may stay unknown: UNAVAILABLE.
  absl::Status Commit(Kind kind, const LogBounds& after, const std::vector<std::string>& texts,
                      const std::string& meta_changes) ABSL_EXCLUSIVE_LOCKS_REQUIRED(writer_mu_);
  absl::Status End(Kind kind, const LogBounds& after, const absl::Status& status)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(writer_mu_);
  // Before each write: OK when what is in the database is known, here and, for one of the log, to
  // whoever asked for the last one.
  absl::Status Ready(Kind kind) ABSL_EXCLUSIVE_LOCKS_REQUIRED(writer_mu_);
  // Poisons the store unless the error says that nothing was written.
  absl::Status Settle(const absl::Status& status);
  absl::StatusOr<LogPoint> PointAt(uint64_t seq) ABSL_EXCLUSIVE_LOCKS_REQUIRED(writer_mu_);
  // True when it trimmed up to `seq`.
  absl::StatusOr<bool> TrimStep(uint64_t seq) ABSL_EXCLUSIVE_LOCKS_REQUIRED(writer_mu_);

  const DatabaseOptions options_;
  const Clock& clock_;
  std::unique_ptr<Parts> parts_;  // set by Start; immutable from then on
  Mutex writer_mu_;
  std::unique_ptr<Writer> writer_ ABSL_GUARDED_BY(writer_mu_);
  LogBounds bounds_ ABSL_GUARDED_BY(writer_mu_);
  struct OpenWrite {
    Kind kind;
    LogBounds after;
  };
  // A write of which it is not known whether it is there.
  std::optional<OpenWrite> open_ ABSL_GUARDED_BY(writer_mu_);
  bool owed_ ABSL_GUARDED_BY(writer_mu_) = false;   // one of the log was UNAVAILABLE: FindOut
  bool there_ ABSL_GUARDED_BY(writer_mu_) = false;  // and turned out to be there
  Mutex reader_mu_;
  std::unique_ptr<Reader> reader_ ABSL_GUARDED_BY(reader_mu_);
  mutable Mutex failure_mu_;
  absl::Status failure_ ABSL_GUARDED_BY(failure_mu_);
};

}  // namespace holdfast::storage::postgres

#endif  // HOLDFAST_SERVER_STORAGE_POSTGRES_POSTGRES_STORE_H_
