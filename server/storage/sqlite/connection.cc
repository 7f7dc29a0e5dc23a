#include "server/storage/sqlite/connection.h"

#include <fmt/format.h>
#include <sqlite3.h>

#include "server/base/check.h"
#include "server/base/status_macros.h"

namespace holdfast::storage::sqlite {
namespace {

// A lock is only ever held for one short step; beyond this something is wrong.
constexpr int kLockWaitMs = 10'000;

absl::StatusCode CodeOf(int code) {
  switch (code & 0xff) {
    case SQLITE_FULL:
      return absl::StatusCode::kResourceExhausted;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
    case SQLITE_IOERR:
    case SQLITE_FORMAT:
      return absl::StatusCode::kDataLoss;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return absl::StatusCode::kUnavailable;
    case SQLITE_CONSTRAINT:
      return absl::StatusCode::kInvalidArgument;
    case SQLITE_PERM:
    case SQLITE_READONLY:
    case SQLITE_AUTH:
      return absl::StatusCode::kPermissionDenied;
    case SQLITE_CANTOPEN:
      return absl::StatusCode::kNotFound;
    case SQLITE_TOOBIG:
      return absl::StatusCode::kInvalidArgument;
    default:
      return absl::StatusCode::kInternal;
  }
}

int CodeOf(CheckpointMode mode) {
  switch (mode) {
    case CheckpointMode::kPassive:
      return SQLITE_CHECKPOINT_PASSIVE;
    case CheckpointMode::kRestart:
      return SQLITE_CHECKPOINT_RESTART;
    case CheckpointMode::kTruncate:
      break;
  }
  return SQLITE_CHECKPOINT_TRUNCATE;
}

// SQLite takes a null pointer for NULL, also where the size is 0.
const char* NotNull(std::string_view bytes) { return bytes.data() == nullptr ? "" : bytes.data(); }

}  // namespace

Statement::Statement(const Connection* connection, sqlite3_stmt* statement)
    : connection_(connection), statement_(statement) {}

Statement::~Statement() { sqlite3_finalize(statement_); }

Statement& Statement::BindInt(int parameter, int64_t value) {
  bind_error_ |= sqlite3_bind_int64(statement_, parameter, value);
  return *this;
}

Statement& Statement::BindText(int parameter, std::string_view value) {
  bind_error_ |= sqlite3_bind_text64(statement_, parameter, NotNull(value), value.size(),
                                     SQLITE_STATIC, SQLITE_UTF8);
  return *this;
}

Statement& Statement::BindBlob(int parameter, std::string_view value) {
  bind_error_ |=
      sqlite3_bind_blob64(statement_, parameter, NotNull(value), value.size(), SQLITE_STATIC);
  return *this;
}

Statement& Statement::Bind(int parameter, const ColumnValue& value) {
  if (const auto* number = std::get_if<int64_t>(&value)) return BindInt(parameter, *number);
  if (const auto* text = std::get_if<std::string_view>(&value)) return BindText(parameter, *text);
  if (const auto* blob = std::get_if<BlobView>(&value)) return BindBlob(parameter, blob->bytes);
  bind_error_ |= sqlite3_bind_null(statement_, parameter);
  return *this;
}

absl::StatusOr<bool> Statement::Step() {
  HOLDFAST_CHECK(bind_error_ == SQLITE_OK);  // Wrong parameter number or forgotten Reset: our bug.
  const int code = sqlite3_step(statement_);
  if (code == SQLITE_ROW) return true;
  Reset();
  if (code == SQLITE_DONE) return false;
  return connection_->StatusOf(code, "cannot run a statement");
}

absl::Status Statement::Run() {
  while (true) {
    HOLDFAST_ASSIGN_OR_RETURN(const bool row, Step());
    if (!row) return absl::OkStatus();
  }
}

void Statement::Reset() {
  sqlite3_reset(statement_);
  bind_error_ = SQLITE_OK;
}

ColumnValue Statement::Value(int column) const {
  switch (sqlite3_column_type(statement_, column)) {
    case SQLITE_INTEGER:
      return Int(column);
    case SQLITE_TEXT:
      return Bytes(column);
    case SQLITE_BLOB:
      return BlobView{Bytes(column)};
    default:
      return std::monostate();
  }
}

int64_t Statement::Int(int column) const { return sqlite3_column_int64(statement_, column); }

std::string_view Statement::Bytes(int column) const {
  const auto* data = static_cast<const char*>(sqlite3_column_blob(statement_, column));
  const int size = sqlite3_column_bytes(statement_, column);
  return data == nullptr ? std::string_view() : std::string_view(data, static_cast<size_t>(size));
}

absl::StatusOr<std::unique_ptr<Connection>> Connection::Open(const std::string& path,
                                                             Journal journal) {
  sqlite3* db = nullptr;
  const int code =
      sqlite3_open_v2(path.c_str(), &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, nullptr);
  if (db == nullptr) return absl::ResourceExhaustedError(path + ": no memory to open it");
  std::unique_ptr<Connection> connection(new Connection(path, db));
  if (code != SQLITE_OK) return connection->StatusOf(code, "cannot open the database");
  HOLDFAST_RETURN_IF_ERROR(connection->Set(journal));
  return connection;
}

absl::Status Connection::Set(Journal journal) {
  sqlite3_extended_result_codes(db_, 1);
  sqlite3_busy_timeout(db_, kLockWaitMs);
  // Closing must not write: a store that was refused is left as it was found.
  sqlite3_db_config(db_, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, nullptr);
  // A schema that somebody else put into the file runs no code of theirs.
  sqlite3_db_config(db_, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, nullptr);
  sqlite3_db_config(db_, SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, nullptr);
  sqlite3_db_config(db_, SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
  sqlite3_wal_autocheckpoint(db_, journal == Journal::kWalWithAutoCheckpoint ? 1000 : 0);
  HOLDFAST_RETURN_IF_ERROR(
      Execute("PRAGMA synchronous=FULL; PRAGMA cell_size_check=ON; "
              "PRAGMA temp_store=MEMORY; PRAGMA cache_size=-65536;"));
  if (journal == Journal::kNone) return absl::OkStatus();
  HOLDFAST_ASSIGN_OR_RETURN(const std::string mode, ReadText("PRAGMA journal_mode"));
  if (mode == "wal") return absl::OkStatus();
  return absl::DataLossError(
      fmt::format("{}: expected a database in WAL mode, got {}", path_, mode));
}

Connection::~Connection() {
  statements_.clear();
  sqlite3_close(db_);
}

absl::Status Connection::StatusOf(int code, std::string_view what) const {
  return {CodeOf(code), fmt::format("{}: {}: {} (SQLite {})", path_, what, sqlite3_errmsg(db_),
                                    sqlite3_extended_errcode(db_))};
}

absl::Status Connection::Execute(const std::string& sql) {
  const int code = sqlite3_exec(db_, sql.c_str(), nullptr, nullptr, nullptr);
  if (code == SQLITE_OK) return absl::OkStatus();
  return StatusOf(code, "cannot run a statement");
}

absl::StatusOr<Statement*> Connection::Prepare(std::string_view sql) {
  if (const auto cached = statements_.find(sql); cached != statements_.end()) {
    cached->second->Reset();
    return cached->second.get();
  }
  sqlite3_stmt* statement = nullptr;
  const int code = sqlite3_prepare_v3(db_, sql.data(), static_cast<int>(sql.size()),
                                      SQLITE_PREPARE_PERSISTENT, &statement, nullptr);
  if (code != SQLITE_OK) return StatusOf(code, "cannot prepare a statement");
  auto made = std::make_unique<Statement>(this, statement);
  return statements_.emplace(sql, std::move(made)).first->second.get();
}

absl::StatusOr<int64_t> Connection::ReadInt(const std::string& sql) {
  HOLDFAST_ASSIGN_OR_RETURN(Statement * statement, Prepare(sql));
  StatementReset reset(*statement);
  HOLDFAST_ASSIGN_OR_RETURN(const bool row, statement->Step());
  if (!row) return absl::DataLossError(path_ + ": expected a number, got nothing");
  return statement->Int(0);
}

absl::StatusOr<std::string> Connection::ReadText(const std::string& sql) {
  HOLDFAST_ASSIGN_OR_RETURN(Statement * statement, Prepare(sql));
  StatementReset reset(*statement);
  HOLDFAST_ASSIGN_OR_RETURN(const bool row, statement->Step());
  if (!row) return absl::DataLossError(path_ + ": expected a text, got nothing");
  return std::string(statement->Bytes(0));
}

absl::Status Connection::Transact(const std::function<absl::Status()>& body, bool* commit_failed) {
  *commit_failed = false;
  HOLDFAST_RETURN_IF_ERROR(Execute("BEGIN IMMEDIATE"));
  absl::Status status = body();
  if (status.ok()) {
    status = Execute("COMMIT");
    // No room: it was met while frames went into the WAL, and the one that ends the transaction is
    // the last of them. Without it the others are nothing, also to a start after a crash.
    *commit_failed = !status.ok() && !absl::IsResourceExhausted(status);
  }
  // After some errors SQLite has rolled back by itself.
  if (!status.ok() && sqlite3_get_autocommit(db_) == 0) {
    const absl::Status rolled_back = Execute("ROLLBACK");
    if (!rolled_back.ok()) *commit_failed = true;
  }
  return status;
}

absl::Status Connection::SyncEachCommit(bool on) {
  return Execute(on ? "PRAGMA synchronous=FULL" : "PRAGMA synchronous=NORMAL");
}

absl::Status Connection::ReadOneState(const std::function<absl::Status()>& body) {
  HOLDFAST_RETURN_IF_ERROR(Execute("BEGIN"));
  const absl::Status status = body();
  const absl::Status ended = Execute("COMMIT");
  return status.ok() ? ended : status;
}

absl::StatusOr<CheckpointResult> Connection::Checkpoint(CheckpointMode mode) {
  int frames = 0;
  int done = 0;
  const int code = sqlite3_wal_checkpoint_v2(db_, nullptr, CodeOf(mode), &frames, &done);
  if (code != SQLITE_OK && code != SQLITE_BUSY) return StatusOf(code, "checkpoint failed");
  return CheckpointResult{
      .busy = code == SQLITE_BUSY || done < frames, .wal_frames = frames, .done_frames = done};
}

void Connection::OnCommit(std::function<void(int64_t frames)> hook) {
  on_commit_ = std::move(hook);
  sqlite3_wal_hook(
      db_,
      [](void* self, sqlite3*, const char*, int frames) {
        static_cast<Connection*>(self)->on_commit_(frames);
        return SQLITE_OK;
      },
      this);
}

}  // namespace holdfast::storage::sqlite
