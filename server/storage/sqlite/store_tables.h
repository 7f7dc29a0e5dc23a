#ifndef HOLDFAST_SERVER_STORAGE_SQLITE_STORE_TABLES_H_
#define HOLDFAST_SERVER_STORAGE_SQLITE_STORE_TABLES_H_

#include "server/storage/log_bounds.h"
#include "server/storage/sqlite/connection.h"

// The statements over the tables of a store. Each runs within the transaction that its caller has
// begun on `connection`.
namespace holdfast::storage::sqlite {

absl::Status InsertEntry(Connection& connection, const LogEntry& entry);
absl::Status DeleteEntries(Connection& connection, uint64_t first_seq, uint64_t last_seq);
absl::Status DeleteWholeLog(Connection& connection);
// DATA_LOSS when the entry, which the bounds say is there, is not.
absl::StatusOr<LogPoint> ReadPoint(Connection& connection, uint64_t seq);
absl::StatusOr<std::vector<EntryPtr>> ReadEntries(Connection& connection, uint64_t first_seq,
                                                  size_t records_max, size_t bytes_max);

absl::Status ApplyChange(Connection& connection, const v1::RowChange& change);
absl::Status InsertRow(Connection& connection, const v1::Row& row);  // refuses a key twice
absl::Status DeleteAllRows(Connection& connection);
absl::Status ReadRows(Connection& connection, const std::function<absl::Status(v1::Row&&)>& row);

// The tables beside those in use, one for each; Create takes away what is there already.
absl::Status CreateStagedTables(Connection& connection);
absl::Status DropStagedTables(Connection& connection);
absl::StatusOr<bool> HasStagedTables(Connection& connection);
absl::Status ApplyStaged(Connection& connection, const StagedChange& change);
// They are the ones in use from then on, in place of those that were.
absl::Status RenameStagedTables(Connection& connection);

absl::Status WriteFact(Connection& connection, std::string_view name, std::string_view value);
absl::StatusOr<std::optional<std::string>> ReadFact(Connection& connection, std::string_view name);

// applied and before_first are in `meta`, last is the log's own.
absl::Status WriteBounds(Connection& connection, const LogBounds& bounds);
absl::StatusOr<LogBounds> ReadBounds(Connection& connection);

}  // namespace holdfast::storage::sqlite

#endif  // HOLDFAST_SERVER_STORAGE_SQLITE_STORE_TABLES_H_
