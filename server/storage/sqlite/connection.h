#ifndef HOLDFAST_SERVER_STORAGE_SQLITE_CONNECTION_H_
#define HOLDFAST_SERVER_STORAGE_SQLITE_CONNECTION_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/storage/row_table.h"

struct sqlite3;
struct sqlite3_stmt;

namespace holdfast::storage::sqlite {

class Connection;

// One prepared statement. Bind, then Step until false, or Run; both leave it reset at their end.
// What is bound is not copied: it must live until then.
//
// Threading   With its Connection.
class Statement {
 public:
  Statement(const Connection* connection, sqlite3_stmt* statement);
  ~Statement();
  Statement(const Statement&) = delete;
  Statement& operator=(const Statement&) = delete;

  // Parameters count from 1.
  Statement& BindInt(int parameter, int64_t value);
  Statement& BindText(int parameter, std::string_view value);
  Statement& BindBlob(int parameter, std::string_view value);
  Statement& Bind(int parameter, const ColumnValue& value);

  // True: there is a row, read its columns before the next call.
  absl::StatusOr<bool> Step();
  // To the end, without looking at rows.
  absl::Status Run();
  void Reset();

  // Columns count from 0. Views live until the next Step.
  ColumnValue Value(int column) const;
  int64_t Int(int column) const;
  std::string_view Bytes(int column) const;  // text or blob

 private:
  const Connection* connection_;
  sqlite3_stmt* statement_;
  int bind_error_ = 0;
};

// Resets a statement at the end of the scope, so that an early return holds back no WAL.
class StatementReset {
 public:
  explicit StatementReset(Statement& statement) : statement_(statement) {}
  ~StatementReset() { statement_.Reset(); }
  StatementReset(const StatementReset&) = delete;
  StatementReset& operator=(const StatementReset&) = delete;

 private:
  Statement& statement_;
};

// kPassive waits for nobody. The others wait for readers and move everything; then kRestart has the
// next commit write the WAL from its beginning, into blocks that the file system has already given
// (its sync takes half as long), and kTruncate gives those blocks back.
enum class CheckpointMode { kPassive, kRestart, kTruncate };

struct CheckpointResult {
  bool busy = false;        // somebody kept it from being complete
  int64_t wal_frames = 0;   // in the WAL
  int64_t done_frames = 0;  // of them, in the database file
};

// One connection to a database file, with our settings and a cache of prepared statements.
//
// Threading   Thread-compatible.
// Failure     Every Status names the file. DATA_LOSS: an I/O error or damage. RESOURCE_EXHAUSTED:
// no
//             room. UNAVAILABLE: locked by somebody. INVALID_ARGUMENT: a key is there already.
class Connection {
 public:
  enum class Journal { kWal, kWalWithAutoCheckpoint, kNone };
  static absl::StatusOr<std::unique_ptr<Connection>> Open(const std::string& path, Journal journal);
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  const std::string& path() const { return path_; }

  absl::Status Execute(const std::string& sql);
  // The cached statement for `sql`, reset.
  absl::StatusOr<Statement*> Prepare(std::string_view sql);
  absl::StatusOr<int64_t> ReadInt(const std::string& sql);
  absl::StatusOr<std::string> ReadText(const std::string& sql);

  // `body` in one transaction: BEGIN, body, COMMIT. An error of body or of the commit rolls back;
  // `commit_failed` then tells which of the two it was.
  absl::Status Transact(const std::function<absl::Status()>& body, bool* commit_failed);
  // Off: a commit is durable once a later one has synced, or a checkpoint. Between transactions.
  absl::Status SyncEachCommit(bool on);
  // A read transaction around `body`: one state of the database, whatever is written meanwhile.
  absl::Status ReadOneState(const std::function<absl::Status()>& body);

  absl::StatusOr<CheckpointResult> Checkpoint(CheckpointMode mode);
  // Called in every commit with the frames in the WAL.
  void OnCommit(std::function<void(int64_t frames)> hook);

  absl::Status StatusOf(int code, std::string_view what) const;

 private:
  Connection(std::string path, sqlite3* db) : path_(std::move(path)), db_(db) {}
  absl::Status Set(Journal journal);

  const std::string path_;
  sqlite3* const db_;
  struct Hash {  // by a view, too: no copy of a text for each row
    using is_transparent = void;
    size_t operator()(std::string_view sql) const { return std::hash<std::string_view>()(sql); }
  };
  std::unordered_map<std::string, std::unique_ptr<Statement>, Hash, std::equal_to<>> statements_;
  std::function<void(int64_t)> on_commit_;
};

}  // namespace holdfast::storage::sqlite

#endif  // HOLDFAST_SERVER_STORAGE_SQLITE_CONNECTION_H_
