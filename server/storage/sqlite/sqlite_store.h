#ifndef HOLDFAST_SERVER_STORAGE_SQLITE_SQLITE_STORE_H_
#define HOLDFAST_SERVER_STORAGE_SQLITE_SQLITE_STORE_H_

#include <memory>
#include <string>
#include <vector>

#include "server/base/file.h"
#include "server/base/mutex.h"
#include "server/storage/log_bounds.h"
#include "server/storage/sqlite/wal_room.h"
#include "server/storage/store.h"

namespace holdfast::storage::sqlite {

class Connection;
class Checkpointer;

// The store in one SQLite file: docs/formats/store.md. Commits with one fsync of the WAL; a thread
// of its own checkpoints.
//
// Threading   As store.h says. Three connections: the writer's, the readers' (one at a time, in
//             short transactions) and the checkpoint thread's.
class SqliteStore : public Store {
 public:
  struct Options {
    std::string path;
    // Below this much free space on the file system writes are refused before anything is written:
    // a full disk then costs no reopening.
    uint64_t free_bytes_min = 64ull << 20;
    uint64_t wal_restart_above_bytes = 64ull << 20;
    // Beyond this the writer itself makes room in the WAL, and refuses if it cannot.
    uint64_t wal_bytes_max = 1024ull << 20;
    // Larger files are opened without the check of their structure, which reads all of it.
    uint64_t check_bytes_max = 256ull << 20;
  };
  // Creates the file when it is not there. Errors: database_file.h.
  static absl::StatusOr<std::unique_ptr<SqliteStore>> Open(const Options& options);
  ~SqliteStore() override;

  absl::StatusOr<LoadResult> Load(const std::function<absl::Status(v1::Row&&)>& row) override;
  absl::Status Append(const AppendBatch& batch) override;
  absl::StatusOr<std::vector<EntryPtr>> ReadLog(uint64_t first_seq, size_t records_max,
                                                size_t bytes_max) override;
  absl::Status CutAfter(uint64_t seq, const Facts& facts) override;
  absl::Status TrimUpTo(uint64_t seq) override;
  absl::Status ReplaceBySnapshot(
      const std::function<absl::StatusOr<std::optional<v1::Row>>()>& next, const Applied& applied,
      const Epoch& last_epoch, const Facts& facts) override;
  absl::StatusOr<std::unique_ptr<StagedRows>> StageRows() override;
  absl::Status ReplaceByStaged(StagedRows& staged, const Applied& applied, const Epoch& last_epoch,
                               const Facts& facts) override;
  absl::Status PutFact(const std::string& name, const std::string& value) override;
  absl::StatusOr<std::optional<std::string>> GetFact(const std::string& name) override;
  absl::Status failure() const override;

 private:
  class Staged;
  explicit SqliteStore(Options options);
  absl::Status Start();
  absl::Status CheckStaged(uint64_t round) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(writer_mu_);
  absl::Status DropStaged() ABSL_EXCLUSIVE_LOCKS_REQUIRED(writer_mu_);
  absl::Status DropLeftRows() ABSL_EXCLUSIVE_LOCKS_REQUIRED(writer_mu_);

  // One durable transaction. A failed commit poisons the store.
  absl::Status Commit(const std::function<absl::Status()>& body)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(writer_mu_);
  absl::Status RunTransaction(const std::function<absl::Status()>& body)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(writer_mu_);
  // One that the next durable one, or a checkpoint, makes durable. Asks for no room.
  absl::Status RunUnsynced(const std::function<absl::Status()>& body)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(writer_mu_);
  absl::Status CheckRoom() ABSL_EXCLUSIVE_LOCKS_REQUIRED(writer_mu_);
  absl::Status MakeWalRoom(uint64_t used_bytes);
  void Poison(const absl::Status& cause);
  // True when it trimmed up to `seq`.
  absl::StatusOr<bool> TrimStep(uint64_t seq) ABSL_EXCLUSIVE_LOCKS_REQUIRED(writer_mu_);

  const Options options_;
  UniqueFd lock_;
  // Closing it drops the locks that SQLite holds on the file: after all connections.
  UniqueFd database_fd_;
  mutable Mutex writer_mu_;
  std::unique_ptr<Connection> writer_ ABSL_GUARDED_BY(writer_mu_);
  LogBounds bounds_ ABSL_GUARDED_BY(writer_mu_);
  uint64_t staged_rounds_ ABSL_GUARDED_BY(writer_mu_) = 0;
  // Whose the staged tables are; 0: nobody's.
  uint64_t staged_round_ ABSL_GUARDED_BY(writer_mu_) = 0;
  Mutex reader_mu_;
  std::unique_ptr<Connection> reader_ ABSL_GUARDED_BY(reader_mu_);
  mutable Mutex failure_mu_;
  absl::Status failure_ ABSL_GUARDED_BY(failure_mu_);
  WalRoom wal_room_;                            // the checkpoint thread's
  std::unique_ptr<Checkpointer> checkpointer_;  // set by Start, thread-safe from then on
};

}  // namespace holdfast::storage::sqlite

#endif  // HOLDFAST_SERVER_STORAGE_SQLITE_SQLITE_STORE_H_
