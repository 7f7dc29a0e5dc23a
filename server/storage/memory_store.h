#ifndef HOLDFAST_SERVER_STORAGE_MEMORY_STORE_H_
#define HOLDFAST_SERVER_STORAGE_MEMORY_STORE_H_

#include <deque>
#include <map>
#include <memory>
#include <string>
#include <tuple>

#include "server/base/mutex.h"
#include "server/storage/log_bounds.h"
#include "server/storage/store.h"

namespace holdfast::storage {

// What stays when a MemoryStore goes: the disk of a simulated node. Faults are set here.
//
// Threading   Thread-safe.
class MemoryDisk {
 public:
  using RowId = std::tuple<int, uint64_t, std::string>;
  struct Contents {
    uint64_t schema_version = kSchemaVersion;
    LogBounds bounds;
    std::deque<EntryPtr> log;
    std::map<RowId, v1::Row> rows;
    std::map<std::string, std::string> facts;
  };

  // The next write fails at its commit with `error`. `lands`: it is on the disk all the same, as
  // with a failed fsync; which of the two it was is seen only by opening again.
  void FailNextCommit(absl::Status error, bool lands);
  // While it is full every write is RESOURCE_EXHAUSTED, and changes nothing.
  void set_full(bool full);
  // While it is away every write is UNAVAILABLE, and changes nothing; or, `lands`, the first one
  // does, and nobody is told.
  void set_away(bool away, bool lands = false);
  // While it hangs an append waits.
  void set_hanging(bool hanging);
  void set_schema_version(uint64_t version);
  // A copy, as a power loss now would leave it.
  std::shared_ptr<MemoryDisk> Clone() const;

 private:
  friend class MemoryStore;
  mutable Mutex mu_;
  Contents contents_ ABSL_GUARDED_BY(mu_);
  absl::Status next_failure_ ABSL_GUARDED_BY(mu_);
  bool failure_lands_ ABSL_GUARDED_BY(mu_) = false;
  // The change of a failed commit that reached the disk all the same: seen by the next Open.
  std::function<void(Contents&)> landed_ ABSL_GUARDED_BY(mu_);
  bool full_ ABSL_GUARDED_BY(mu_) = false;
  bool away_ ABSL_GUARDED_BY(mu_) = false;
  bool away_lands_ ABSL_GUARDED_BY(mu_) = false;
  bool opened_ ABSL_GUARDED_BY(mu_) = false;
  bool hanging_ ABSL_GUARDED_BY(mu_) = false;
  CondVar answers_;
};

// The store of tests and of the simulated cluster: the promises of store.h over a MemoryDisk.
class MemoryStore : public Store {
 public:
  static absl::StatusOr<std::unique_ptr<MemoryStore>> Open(std::shared_ptr<MemoryDisk> disk);
  ~MemoryStore() override;

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
  absl::StatusOr<bool> FindOut() override;
  absl::Status failure() const override;

 private:
  class Staged;
  explicit MemoryStore(std::shared_ptr<MemoryDisk> disk);
  // Runs `change`, which owns what it needs, on the disk's contents; or fails, and is poisoned, as
  // the disk was told.
  absl::Status Commit(std::function<void(MemoryDisk::Contents&)> change)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(disk_->mu_);
  // The same for what FindOut is asked about.
  absl::Status CommitLog(std::function<void(MemoryDisk::Contents&)> change)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(disk_->mu_);
  absl::Status CheckStaged(uint64_t round) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(disk_->mu_);
  absl::Status CheckWritable() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(disk_->mu_);

  const std::shared_ptr<MemoryDisk> disk_;
  absl::Status failure_ ABSL_GUARDED_BY(disk_->mu_);
  bool owed_ ABSL_GUARDED_BY(disk_->mu_) = false;  // as in postgres_store.h
  bool there_ ABSL_GUARDED_BY(disk_->mu_) = false;
  uint64_t staged_rounds_ ABSL_GUARDED_BY(disk_->mu_) = 0;
  uint64_t staged_round_ ABSL_GUARDED_BY(disk_->mu_) = 0;
};

}  // namespace holdfast::storage

#endif  // HOLDFAST_SERVER_STORAGE_MEMORY_STORE_H_
