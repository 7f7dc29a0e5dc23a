#include <fmt/format.h>

#include "server/base/crash_point.h"
#include "server/base/status_macros.h"
#include "server/storage/row_table.h"
#include "server/storage/sqlite/connection.h"
#include "server/storage/sqlite/sqlite_store.h"
#include "server/storage/sqlite/store_tables.h"

namespace holdfast::storage::sqlite {

// The rows of a snapshot in tables of their own in the same file. They come in transactions that
// wait for no sync: the one that renames the tables makes all of them durable.
class SqliteStore::Staged : public StagedRows {
 public:
  Staged(SqliteStore& store, uint64_t round) : store_(store), round_(round) {}
  ~Staged() override {
    MutexLock lock(store_.writer_mu_);
    if (!store_.CheckStaged(round_).ok()) return;
    store_.staged_round_ = 0;
    // What cannot be removed now is by the next one, or by the next opening.
    store_.DropStaged().IgnoreError();
  }

  absl::Status Apply(absl::Span<const StagedChange> changes) override {
    MutexLock lock(store_.writer_mu_);
    HOLDFAST_RETURN_IF_ERROR(store_.CheckStaged(round_));
    Connection& writer = *store_.writer_;
    HOLDFAST_RETURN_IF_ERROR(store_.CheckRoom());
    return store_.RunUnsynced([&]() -> absl::Status {
      for (const StagedChange& change : changes) {
        if (change.row.row_case() != v1::Row::ROW_NOT_SET) {
          HOLDFAST_RETURN_IF_ERROR(CheckRow(change.row));
        }
        HOLDFAST_RETURN_IF_ERROR(ApplyStaged(writer, change));
        HOLDFAST_CRASH_POINT("snapshot.stage.in_rows");
      }
      return absl::OkStatus();
    });
  }

  uint64_t round() const { return round_; }

 private:
  SqliteStore& store_;
  const uint64_t round_;
};

absl::Status SqliteStore::CheckStaged(uint64_t round) const {
  if (staged_round_ == round) return absl::OkStatus();
  return absl::FailedPreconditionError("the rows that were staged are in place, or gone");
}

absl::Status SqliteStore::RunUnsynced(const std::function<absl::Status()>& body) {
  HOLDFAST_RETURN_IF_ERROR(failure());
  HOLDFAST_RETURN_IF_ERROR(writer_->SyncEachCommit(false));
  const absl::Status status = RunTransaction(body);
  const absl::Status back = writer_->SyncEachCommit(true);
  if (back.ok()) return status;
  Poison(back);  // What is acknowledged from here on would not be durable.
  return failure();
}

// Also where others are refused for want of room: this makes some.
absl::Status SqliteStore::DropStaged() {
  Connection& writer = *writer_;
  return RunUnsynced([&] { return DropStagedTables(writer); });
}

absl::Status SqliteStore::DropLeftRows() {
  HOLDFAST_ASSIGN_OR_RETURN(const bool left, HasStagedTables(*writer_));
  if (!left) return absl::OkStatus();
  const absl::Status dropped = DropStaged();
  return absl::IsResourceExhausted(dropped) ? absl::OkStatus() : dropped;  // They cost room only.
}

absl::StatusOr<std::unique_ptr<StagedRows>> SqliteStore::StageRows() {
  MutexLock lock(writer_mu_);
  Connection& writer = *writer_;
  HOLDFAST_RETURN_IF_ERROR(CheckRoom());
  HOLDFAST_RETURN_IF_ERROR(RunUnsynced([&] { return CreateStagedTables(writer); }));
  staged_round_ = ++staged_rounds_;
  return std::make_unique<Staged>(*this, staged_round_);
}

absl::Status SqliteStore::ReplaceByStaged(StagedRows& staged, const Applied& applied,
                                          const Epoch& last_epoch, const Facts& facts) {
  HOLDFAST_ASSIGN_OR_RETURN(const LogBounds after, LogBounds::OfSnapshot(applied, last_epoch));
  MutexLock lock(writer_mu_);
  HOLDFAST_RETURN_IF_ERROR(CheckStaged(static_cast<const Staged&>(staged).round()));
  Connection& writer = *writer_;
  HOLDFAST_RETURN_IF_ERROR(Commit([&]() -> absl::Status {
    HOLDFAST_RETURN_IF_ERROR(RenameStagedTables(writer));
    HOLDFAST_RETURN_IF_ERROR(DeleteWholeLog(writer));
    for (const auto& [name, value] : facts) {
      HOLDFAST_RETURN_IF_ERROR(WriteFact(writer, name, value));
    }
    return WriteBounds(writer, after);
  }));
  staged_round_ = 0;
  bounds_ = after;
  return absl::OkStatus();
}

}  // namespace holdfast::storage::sqlite
