#include "server/storage/sqlite/sqlite_store.h"

#include <fcntl.h>
#include <fmt/format.h>

#include <algorithm>

#include "server/base/crash_point.h"
#include "server/base/status_macros.h"
#include "server/storage/row_table.h"
#include "server/storage/sqlite/checkpointer.h"
#include "server/storage/sqlite/connection.h"
#include "server/storage/sqlite/database_file.h"
#include "server/storage/sqlite/store_tables.h"

namespace holdfast::storage::sqlite {

absl::StatusOr<std::unique_ptr<SqliteStore>> SqliteStore::Open(const Options& options) {
  std::unique_ptr<SqliteStore> store(new SqliteStore(options));
  HOLDFAST_RETURN_IF_ERROR(store->Start());
  return store;
}

// A restart comes with the first look after the WAL has that many bytes: an eighth more by then.
SqliteStore::SqliteStore(Options options)
    : options_(std::move(options)),
      wal_room_(options_.path + "-wal", options_.wal_restart_above_bytes / 8 * 9) {}

absl::Status SqliteStore::Start() {
  HOLDFAST_ASSIGN_OR_RETURN(OpenedFile opened,
                            OpenDatabaseFile(options_.path, kStoreKind, Connection::Journal::kWal,
                                             options_.check_bytes_max));
  lock_ = std::move(opened.lock);
  database_fd_ = UniqueFd(open(options_.path.c_str(), O_RDWR | O_CLOEXEC));
  if (!database_fd_.valid()) return ErrnoStatus("cannot open " + options_.path);
  MutexLock lock(writer_mu_);
  writer_ = std::move(opened.connection);
  // A WAL that grew beyond it (a long reader, a snapshot) is cut to it when it begins anew.
  HOLDFAST_RETURN_IF_ERROR(writer_->Execute(
      fmt::format("PRAGMA journal_size_limit={}", 2 * options_.wal_restart_above_bytes)));
  HOLDFAST_ASSIGN_OR_RETURN(bounds_, ReadBounds(*writer_));
  {
    MutexLock reader_lock(reader_mu_);
    HOLDFAST_ASSIGN_OR_RETURN(reader_, Connection::Open(options_.path, Connection::Journal::kWal));
  }
  HOLDFAST_ASSIGN_OR_RETURN(std::unique_ptr<Connection> own,
                            Connection::Open(options_.path, Connection::Journal::kWal));
  Checkpointer::Options checkpoints;
  checkpoints.restart_above_bytes = options_.wal_restart_above_bytes;
  checkpoints.database_fd = database_fd_.get();
  checkpoints.restart = [this](Connection& connection) {
    MutexLock writer_lock(writer_mu_);
    return connection.Checkpoint(CheckpointMode::kRestart).status();
  };
  checkpoints.make_room = [this](uint64_t used_bytes) { return MakeWalRoom(used_bytes); };
  checkpoints.failed = [this](const absl::Status& status) { Poison(status); };
  checkpointer_ = std::make_unique<Checkpointer>(std::move(own), std::move(checkpoints));
  writer_->OnCommit([this](int64_t frames) { checkpointer_->NoteCommit(frames); });
  return DropLeftRows();
}

SqliteStore::~SqliteStore() {
  if (checkpointer_ == nullptr) return;  // Refused by Start: the file stays as it was found.
  checkpointer_.reset();
  MutexLock lock(writer_mu_);
  // After a failure the WAL is evidence and stays as it is; else a short WAL makes the next start
  // quick. A checkpoint that fails here loses nothing.
  if (failure().ok()) writer_->Checkpoint(CheckpointMode::kTruncate).IgnoreError();
}

// In steps, between which an append gets its turn: the sync of each one yields the lock, and is all
// that a commit's own sync can wait for. Never of a disk that may be needed otherwise.
absl::Status SqliteStore::MakeWalRoom(uint64_t used_bytes) {
  const uint64_t spare = 2 * options_.wal_restart_above_bytes;
  for (uint64_t grown = 0; grown < WalRoom::kAheadBytes; grown += WalRoom::kStepBytes) {
    const absl::StatusOr<bool> is_short = wal_room_.IsShort(used_bytes);
    if (!is_short.ok() || !*is_short || !failure().ok()) break;  // An aid: it can be done without.
    if (!CheckFreeSpace(options_.path, options_.free_bytes_min + spare).ok()) break;
    {
      MutexLock lock(writer_mu_);
      HOLDFAST_RETURN_IF_ERROR(wal_room_.Grow());
    }
    HOLDFAST_RETURN_IF_ERROR(wal_room_.Sync());
  }
  return absl::OkStatus();
}

void SqliteStore::Poison(const absl::Status& cause) {
  MutexLock lock(failure_mu_);
  if (!failure_.ok()) return;
  failure_ = absl::DataLossError(
      fmt::format("{}: closed for writing after a failed write ({}); start the node again",
                  options_.path, std::string(cause.message())));
}

absl::Status SqliteStore::failure() const {
  MutexLock lock(failure_mu_);
  return failure_;
}

absl::Status SqliteStore::CheckRoom() {
  HOLDFAST_RETURN_IF_ERROR(CheckFreeSpace(options_.path, options_.free_bytes_min));
  if (checkpointer_->wal_bytes() <= options_.wal_bytes_max) return absl::OkStatus();
  const absl::StatusOr<CheckpointResult> result = writer_->Checkpoint(CheckpointMode::kTruncate);
  if (absl::IsDataLoss(result.status())) Poison(result.status());
  HOLDFAST_RETURN_IF_ERROR(result.status());
  checkpointer_->NoteCommit(result->busy ? result->wal_frames : 0);
  if (!result->busy) return absl::OkStatus();
  return absl::ResourceExhaustedError(
      fmt::format("{}: the WAL has more than {} bytes and a reader holds it", options_.path,
                  options_.wal_bytes_max));
}

absl::Status SqliteStore::Commit(const std::function<absl::Status()>& body) {
  HOLDFAST_RETURN_IF_ERROR(failure());
  HOLDFAST_RETURN_IF_ERROR(CheckRoom());
  return RunTransaction(body);
}

absl::Status SqliteStore::RunTransaction(const std::function<absl::Status()>& body) {
  bool commit_failed = false;
  const auto body_to_its_end = [&]() -> absl::Status {
    HOLDFAST_RETURN_IF_ERROR(body());
    HOLDFAST_CRASH_POINT("store.sqlite.before_commit");
    return absl::OkStatus();
  };
  const absl::Status status = writer_->Transact(body_to_its_end, &commit_failed);
  if (status.ok()) HOLDFAST_CRASH_POINT("store.sqlite.after_commit");
  if (!commit_failed && status.code() != absl::StatusCode::kDataLoss) return status;
  Poison(status);
  return failure();
}

absl::StatusOr<LoadResult> SqliteStore::Load(const std::function<absl::Status(v1::Row&&)>& row) {
  // Its own connection: a load is long, and the readers' one is for short reads.
  HOLDFAST_ASSIGN_OR_RETURN(std::unique_ptr<Connection> connection,
                            Connection::Open(options_.path, Connection::Journal::kWal));
  LoadResult result;
  HOLDFAST_RETURN_IF_ERROR(connection->ReadOneState([&]() -> absl::Status {
    HOLDFAST_ASSIGN_OR_RETURN(const LogBounds bounds, ReadBounds(*connection));
    result = bounds.ToLoadResult();
    return ReadRows(*connection, row);
  }));
  return result;
}

absl::Status SqliteStore::Append(const AppendBatch& batch) {
  MutexLock lock(writer_mu_);
  HOLDFAST_RETURN_IF_ERROR(failure());
  const auto point_at = [this](uint64_t seq)
                            ABSL_NO_THREAD_SAFETY_ANALYSIS { return ReadPoint(*writer_, seq); };
  HOLDFAST_ASSIGN_OR_RETURN(const LogBounds after, bounds_.AfterAppend(batch, point_at));
  Connection& writer = *writer_;
  const bool applied_moves = batch.applied.has_value();
  HOLDFAST_RETURN_IF_ERROR(Commit([&]() -> absl::Status {
    for (const EntryPtr& entry : batch.entries) {
      HOLDFAST_RETURN_IF_ERROR(InsertEntry(writer, *entry));
    }
    for (const v1::RowChange* change : batch.rows) {
      HOLDFAST_RETURN_IF_ERROR(ApplyChange(writer, *change));
    }
    for (const auto& [name, value] : batch.facts) {
      HOLDFAST_RETURN_IF_ERROR(WriteFact(writer, name, value));
    }
    return applied_moves ? WriteBounds(writer, after) : absl::OkStatus();
  }));
  bounds_ = after;
  return absl::OkStatus();
}

absl::StatusOr<std::vector<EntryPtr>> SqliteStore::ReadLog(uint64_t first_seq, size_t records_max,
                                                           size_t bytes_max) {
  MutexLock lock(reader_mu_);
  Connection& reader = *reader_;
  std::vector<EntryPtr> entries;
  HOLDFAST_RETURN_IF_ERROR(reader.ReadOneState([&]() -> absl::Status {
    HOLDFAST_ASSIGN_OR_RETURN(const int64_t before_first,
                              reader.ReadInt("SELECT before_first_seq FROM meta WHERE id = 1"));
    LogBounds bounds;
    bounds.before_first.seq = static_cast<uint64_t>(before_first);
    HOLDFAST_RETURN_IF_ERROR(bounds.CheckRead(first_seq));
    HOLDFAST_ASSIGN_OR_RETURN(entries, ReadEntries(reader, first_seq, records_max, bytes_max));
    return absl::OkStatus();
  }));
  return entries;
}

absl::Status SqliteStore::CutAfter(uint64_t seq, const Facts& facts) {
  MutexLock lock(writer_mu_);
  HOLDFAST_RETURN_IF_ERROR(failure());
  Connection& writer = *writer_;
  HOLDFAST_ASSIGN_OR_RETURN(const LogBounds after, bounds_.AfterCut(seq, [&](uint64_t at) {
    return ReadPoint(writer, at);
  }));
  const uint64_t last = bounds_.last.seq;
  if (after.last.seq == last) return absl::OkStatus();
  HOLDFAST_RETURN_IF_ERROR(Commit([&]() -> absl::Status {
    HOLDFAST_RETURN_IF_ERROR(DeleteEntries(writer, seq + 1, last));
    for (const auto& [name, value] : facts) {
      HOLDFAST_RETURN_IF_ERROR(WriteFact(writer, name, value));
    }
    return absl::OkStatus();
  }));
  bounds_ = after;
  return absl::OkStatus();
}

absl::StatusOr<bool> SqliteStore::TrimStep(uint64_t seq) {
  HOLDFAST_RETURN_IF_ERROR(failure());
  Connection& writer = *writer_;
  const uint64_t first = bounds_.first_seq();
  HOLDFAST_ASSIGN_OR_RETURN(const LogBounds after, bounds_.AfterTrimStep(seq, [&](uint64_t at) {
    return ReadPoint(writer, at);
  }));
  const uint64_t last = after.before_first.seq;
  if (last < first) return true;
  HOLDFAST_RETURN_IF_ERROR(Commit([&]() -> absl::Status {
    HOLDFAST_RETURN_IF_ERROR(DeleteEntries(writer, first, last));
    return WriteBounds(writer, after);
  }));
  bounds_ = after;
  return last == seq;
}

absl::Status SqliteStore::TrimUpTo(uint64_t seq) {
  while (true) {
    MutexLock lock(writer_mu_);  // One step; between two of them an append gets its turn.
    HOLDFAST_ASSIGN_OR_RETURN(const bool done, TrimStep(seq));
    if (done) return absl::OkStatus();
  }
}

absl::Status SqliteStore::ReplaceBySnapshot(
    const std::function<absl::StatusOr<std::optional<v1::Row>>()>& next, const Applied& applied,
    const Epoch& last_epoch, const Facts& facts) {
  HOLDFAST_ASSIGN_OR_RETURN(const LogBounds after, LogBounds::OfSnapshot(applied, last_epoch));
  MutexLock lock(writer_mu_);
  Connection& writer = *writer_;
  HOLDFAST_RETURN_IF_ERROR(Commit([&]() -> absl::Status {
    HOLDFAST_RETURN_IF_ERROR(DeleteAllRows(writer));
    HOLDFAST_RETURN_IF_ERROR(DeleteWholeLog(writer));
    while (true) {
      HOLDFAST_ASSIGN_OR_RETURN(const std::optional<v1::Row> row, next());
      if (!row.has_value()) break;
      HOLDFAST_RETURN_IF_ERROR(CheckRow(*row));
      HOLDFAST_RETURN_IF_ERROR(InsertRow(writer, *row));
    }
    for (const auto& [name, value] : facts) {
      HOLDFAST_RETURN_IF_ERROR(WriteFact(writer, name, value));
    }
    return WriteBounds(writer, after);
  }));
  bounds_ = after;
  return absl::OkStatus();
}

absl::Status SqliteStore::PutFact(const std::string& name, const std::string& value) {
  MutexLock lock(writer_mu_);
  Connection& writer = *writer_;
  return Commit([&] { return WriteFact(writer, name, value); });
}

absl::StatusOr<std::optional<std::string>> SqliteStore::GetFact(const std::string& name) {
  MutexLock lock(reader_mu_);
  return ReadFact(*reader_, name);
}

}  // namespace holdfast::storage::sqlite
