#include "server/storage/sqlite/store_tables.h"

#include <fmt/format.h>

#include <algorithm>

#include "server/base/encoding.h"
#include "server/base/status_macros.h"
#include "server/storage/row_table.h"
#include "server/storage/sqlite/schema.h"

namespace holdfast::storage::sqlite {
namespace {

template <typename Array>
absl::Status ReadArray(const Connection& connection, const Statement& statement, int column,
                       std::string_view what, Array& out) {
  const std::optional<Array> array = ToArray<Array>(statement.Bytes(column));
  if (!array.has_value()) {
    return absl::DataLossError(fmt::format("{}: {} has {} bytes, expected {}", connection.path(),
                                           what, statement.Bytes(column).size(), out.size()));
  }
  out = *array;
  return absl::OkStatus();
}

// SQLite's numbers are signed; ours are bit patterns of the same size.
int64_t Signed(uint64_t number) { return static_cast<int64_t>(number); }

std::string ColumnList(const MessageTable& table, std::string_view format) {
  std::string list;
  for (const Column& column : table.columns()) {
    if (!list.empty()) list += ", ";
    list += fmt::format(fmt::runtime(format), column.name);
  }
  return list;
}

constexpr std::string_view kStaged = "staged_";

struct RowStatements {
  std::string upsert, insert, erase, erase_all, select;
  std::string stage, unstage;
};

const RowStatements& StatementsOf(const RowTable& table) {
  static const std::vector<RowStatements>& all = *[] {
    auto* statements = new std::vector<RowStatements>();
    for (const RowTable& row_table : RowTables()) {
      const MessageTable& columns = row_table.columns;
      const std::string& key = columns.columns()[0].name;
      const std::string insert = fmt::format("INSERT INTO {} ({}) VALUES ({})", columns.name(),
                                             ColumnList(columns, "{}"), ColumnList(columns, "?"));
      statements->push_back(
          {.upsert = fmt::format("{} ON CONFLICT ({}) DO UPDATE SET {}", insert, key,
                                 ColumnList(columns, "{0} = excluded.{0}")),
           .insert = insert,
           .erase = fmt::format("DELETE FROM {} WHERE {} = ?", columns.name(), key),
           .erase_all = fmt::format("DELETE FROM {}", columns.name()),
           .select = fmt::format("SELECT {} FROM {}", ColumnList(columns, "{}"), columns.name()),
           .stage =
               fmt::format("INSERT OR REPLACE INTO {}{} ({}) VALUES ({})", kStaged, columns.name(),
                           ColumnList(columns, "{}"), ColumnList(columns, "?")),
           .unstage = fmt::format("DELETE FROM {}{} WHERE {} = ?", kStaged, columns.name(), key)});
    }
    return statements;
  }();
  return all[static_cast<size_t>(&table - RowTables().data())];
}

absl::Status WriteRow(Connection& connection, const v1::Row& row, std::string RowStatements::*sql) {
  const RowTable& table = *FindRowTable(row.row_case());
  HOLDFAST_ASSIGN_OR_RETURN(Statement * statement, connection.Prepare(StatementsOf(table).*sql));
  static thread_local std::vector<ColumnValue> values;
  table.columns.Read(RowMessage(row, table), values);
  for (size_t i = 0; i < values.size(); ++i) statement->Bind(static_cast<int>(i) + 1, values[i]);
  return statement->Run();
}

absl::Status EraseRow(Connection& connection, const v1::RowKey& key,
                      std::string RowStatements::*sql) {
  const RowTable& table = *FindRowTable(key.table());
  HOLDFAST_ASSIGN_OR_RETURN(Statement * statement, connection.Prepare(StatementsOf(table).*sql));
  if (table.keyed_by_text()) return statement->BindText(1, key.name()).Run();
  return statement->BindInt(1, Signed(key.id())).Run();
}

}  // namespace

absl::Status InsertEntry(Connection& connection, const LogEntry& entry) {
  HOLDFAST_ASSIGN_OR_RETURN(Statement * statement,
                            connection.Prepare("INSERT INTO log VALUES (?, ?, ?, ?, ?, ?)"));
  return statement->BindInt(1, Signed(entry.seq))
      .BindInt(2, Signed(entry.epoch.number))
      .BindText(3, entry.epoch.node_id)
      .BindBlob(4, AsText(entry.digest))
      .BindBlob(5, AsText(entry.mac))
      .BindBlob(6, entry.record)
      .Run();
}

absl::Status DeleteEntries(Connection& connection, uint64_t first_seq, uint64_t last_seq) {
  HOLDFAST_ASSIGN_OR_RETURN(Statement * statement,
                            connection.Prepare("DELETE FROM log WHERE seq BETWEEN ? AND ?"));
  return statement->BindInt(1, Signed(first_seq)).BindInt(2, Signed(last_seq)).Run();
}

absl::Status DeleteWholeLog(Connection& connection) {
  return connection.Execute("DELETE FROM log");
}

absl::StatusOr<LogPoint> ReadPoint(Connection& connection, uint64_t seq) {
  HOLDFAST_ASSIGN_OR_RETURN(
      Statement * statement,
      connection.Prepare("SELECT epoch_number, epoch_node, digest FROM log WHERE seq = ?"));
  StatementReset reset(*statement);
  HOLDFAST_ASSIGN_OR_RETURN(const bool found, statement->BindInt(1, Signed(seq)).Step());
  if (!found) {
    return absl::DataLossError(fmt::format("{}: log entry {} is missing", connection.path(), seq));
  }
  LogPoint point{.seq = seq,
                 .epoch = {.number = static_cast<uint64_t>(statement->Int(0)),
                           .node_id = std::string(statement->Bytes(1))}};
  HOLDFAST_RETURN_IF_ERROR(
      ReadArray(connection, *statement, 2, "the digest of a log entry", point.digest));
  return point;
}

absl::StatusOr<std::vector<EntryPtr>> ReadEntries(Connection& connection, uint64_t first_seq,
                                                  size_t records_max, size_t bytes_max) {
  std::vector<EntryPtr> entries;
  if (first_seq > INT64_MAX) return entries;
  HOLDFAST_ASSIGN_OR_RETURN(
      Statement * statement,
      connection.Prepare("SELECT seq, epoch_number, epoch_node, digest, mac, record FROM log "
                         "WHERE seq >= ? ORDER BY seq"));
  StatementReset reset(*statement);
  statement->BindInt(1, Signed(first_seq));
  size_t bytes = 0;
  while (entries.size() < records_max) {
    HOLDFAST_ASSIGN_OR_RETURN(const bool more, statement->Step());
    if (!more) break;
    bytes += statement->Bytes(5).size();
    if (!entries.empty() && bytes > bytes_max) break;
    auto entry = std::make_shared<LogEntry>();
    entry->seq = static_cast<uint64_t>(statement->Int(0));
    if (entry->seq != first_seq + entries.size()) {
      return absl::DataLossError(fmt::format("{}: log entry {} is missing", connection.path(),
                                             first_seq + entries.size()));
    }
    entry->epoch = {.number = static_cast<uint64_t>(statement->Int(1)),
                    .node_id = std::string(statement->Bytes(2))};
    HOLDFAST_RETURN_IF_ERROR(
        ReadArray(connection, *statement, 3, "the digest of a log entry", entry->digest));
    HOLDFAST_RETURN_IF_ERROR(
        ReadArray(connection, *statement, 4, "the MAC of a log entry", entry->mac));
    entry->record = std::string(statement->Bytes(5));
    entries.push_back(std::move(entry));
  }
  return entries;
}

absl::Status InsertRow(Connection& connection, const v1::Row& row) {
  return WriteRow(connection, row, &RowStatements::insert);
}

absl::Status ApplyChange(Connection& connection, const v1::RowChange& change) {
  if (change.has_put()) return WriteRow(connection, change.put(), &RowStatements::upsert);
  return EraseRow(connection, change.delete_(), &RowStatements::erase);
}

absl::Status DeleteAllRows(Connection& connection) {
  for (const RowTable& table : RowTables()) {
    HOLDFAST_RETURN_IF_ERROR(connection.Execute(StatementsOf(table).erase_all));
  }
  return absl::OkStatus();
}

absl::Status CreateStagedTables(Connection& connection) {
  HOLDFAST_RETURN_IF_ERROR(DropStagedTables(connection));
  for (const RowTable& table : RowTables()) {
    const std::string& name = table.columns.name();
    HOLDFAST_ASSIGN_OR_RETURN(
        const std::string like,
        connection.ReadText(fmt::format(
            "SELECT sql FROM sqlite_schema WHERE type = 'table' AND name = '{}'", name)));
    // The name in it is ours, or, after a renaming, quoted by SQLite.
    const size_t columns = like.find('(');
    if (columns == std::string::npos) {
      return absl::DataLossError(fmt::format("{}: what is {}?", connection.path(), name));
    }
    HOLDFAST_RETURN_IF_ERROR(connection.Execute(
        fmt::format("CREATE TABLE {}{} {}", kStaged, name, like.substr(columns))));
  }
  return absl::OkStatus();
}

absl::Status DropStagedTables(Connection& connection) {
  for (const RowTable& table : RowTables()) {
    HOLDFAST_RETURN_IF_ERROR(connection.Execute(
        fmt::format("DROP TABLE IF EXISTS {}{}", kStaged, table.columns.name())));
  }
  return absl::OkStatus();
}

absl::StatusOr<bool> HasStagedTables(Connection& connection) {
  HOLDFAST_ASSIGN_OR_RETURN(
      const int64_t count,
      connection.ReadInt("SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND "
                         "name GLOB 'staged_*'"));
  return count > 0;
}

absl::Status ApplyStaged(Connection& connection, const StagedChange& change) {
  if (change.row.row_case() != v1::Row::ROW_NOT_SET) {
    return WriteRow(connection, change.row, &RowStatements::stage);
  }
  return EraseRow(connection, change.key, &RowStatements::unstage);
}

absl::Status RenameStagedTables(Connection& connection) {
  for (const RowTable& table : RowTables()) {
    const std::string& name = table.columns.name();
    HOLDFAST_RETURN_IF_ERROR(connection.Execute(
        fmt::format("DROP TABLE {0}; ALTER TABLE {1}{0} RENAME TO {0}", name, kStaged)));
  }
  return absl::OkStatus();
}

absl::Status ReadRows(Connection& connection, const std::function<absl::Status(v1::Row&&)>& row) {
  std::vector<ColumnValue> values;
  for (const RowTable& table : RowTables()) {
    HOLDFAST_ASSIGN_OR_RETURN(Statement * statement,
                              connection.Prepare(StatementsOf(table).select));
    StatementReset reset(*statement);
    while (true) {
      HOLDFAST_ASSIGN_OR_RETURN(const bool more, statement->Step());
      if (!more) break;
      values.clear();
      for (size_t i = 0; i < table.columns.columns().size(); ++i) {
        values.push_back(statement->Value(static_cast<int>(i)));
      }
      v1::Row made;
      if (const absl::Status status = table.columns.Write(values, MutableRowMessage(made, table));
          !status.ok()) {
        return {status.code(),
                fmt::format("{}: {}", connection.path(), std::string(status.message()))};
      }
      HOLDFAST_RETURN_IF_ERROR(row(std::move(made)));
    }
  }
  return absl::OkStatus();
}

absl::Status WriteFact(Connection& connection, std::string_view name, std::string_view value) {
  HOLDFAST_ASSIGN_OR_RETURN(
      Statement * statement,
      connection.Prepare("INSERT INTO facts (name, value) VALUES (?, ?) "
                         "ON CONFLICT (name) DO UPDATE SET value = excluded.value"));
  return statement->BindText(1, name).BindBlob(2, value).Run();
}

absl::StatusOr<std::optional<std::string>> ReadFact(Connection& connection, std::string_view name) {
  HOLDFAST_ASSIGN_OR_RETURN(Statement * statement,
                            connection.Prepare("SELECT value FROM facts WHERE name = ?"));
  StatementReset reset(*statement);
  HOLDFAST_ASSIGN_OR_RETURN(const bool found, statement->BindText(1, name).Step());
  if (!found) return std::optional<std::string>();
  return std::optional<std::string>(statement->Bytes(0));
}

absl::Status WriteBounds(Connection& connection, const LogBounds& bounds) {
  HOLDFAST_ASSIGN_OR_RETURN(
      Statement * statement,
      connection.Prepare("UPDATE meta SET applied_epoch = ?, applied_seq = ?, applied_digest = ?, "
                         "state_digest = ?, before_first_seq = ?, before_first_epoch_number = ?, "
                         "before_first_epoch_node = ?, before_first_digest = ?"));
  return statement->BindInt(1, Signed(bounds.applied.position.epoch))
      .BindInt(2, Signed(bounds.applied.position.seq))
      .BindBlob(3, AsText(bounds.applied.digest))
      .BindBlob(4, AsText(bounds.applied.state_digest))
      .BindInt(5, Signed(bounds.before_first.seq))
      .BindInt(6, Signed(bounds.before_first.epoch.number))
      .BindText(7, bounds.before_first.epoch.node_id)
      .BindBlob(8, AsText(bounds.before_first.digest))
      .Run();
}

absl::StatusOr<LogBounds> ReadBounds(Connection& connection) {
  HOLDFAST_ASSIGN_OR_RETURN(
      Statement * statement,
      connection.Prepare("SELECT applied_epoch, applied_seq, applied_digest, state_digest, "
                         "before_first_seq, before_first_epoch_number, before_first_epoch_node, "
                         "before_first_digest FROM meta WHERE id = 1"));
  StatementReset reset(*statement);
  HOLDFAST_ASSIGN_OR_RETURN(const bool found, statement->Step());
  if (!found) return absl::DataLossError(connection.path() + ": the row of meta is missing");
  LogBounds bounds;
  bounds.applied.position = {.epoch = static_cast<uint64_t>(statement->Int(0)),
                             .seq = static_cast<uint64_t>(statement->Int(1))};
  HOLDFAST_RETURN_IF_ERROR(
      ReadArray(connection, *statement, 2, "the digest of applied", bounds.applied.digest));
  HOLDFAST_RETURN_IF_ERROR(
      ReadArray(connection, *statement, 3, "the state digest", bounds.applied.state_digest));
  bounds.before_first.seq = static_cast<uint64_t>(statement->Int(4));
  bounds.before_first.epoch = {.number = static_cast<uint64_t>(statement->Int(5)),
                               .node_id = std::string(statement->Bytes(6))};
  HOLDFAST_RETURN_IF_ERROR(ReadArray(connection, *statement, 7, "the digest before the log",
                                     bounds.before_first.digest));
  bounds.last = bounds.before_first;
  HOLDFAST_ASSIGN_OR_RETURN(const int64_t count, connection.ReadInt("SELECT count(*) FROM log"));
  if (count > 0) {
    HOLDFAST_ASSIGN_OR_RETURN(const int64_t last, connection.ReadInt("SELECT max(seq) FROM log"));
    HOLDFAST_ASSIGN_OR_RETURN(const int64_t first, connection.ReadInt("SELECT min(seq) FROM log"));
    if (static_cast<uint64_t>(first) != bounds.first_seq() || last - first + 1 != count) {
      return absl::DataLossError(fmt::format(
          "{}: the log has {} entries from {} to {}, expected all from {} on; {}",
          connection.path(), count, first, last, bounds.first_seq(), kStoreKind.next_step));
    }
    HOLDFAST_ASSIGN_OR_RETURN(bounds.last, ReadPoint(connection, static_cast<uint64_t>(last)));
  }
  if (const absl::Status sound = bounds.CheckSound(); !sound.ok()) {
    return absl::DataLossError(fmt::format("{}: {}; {}", connection.path(),
                                           std::string(sound.message()), kStoreKind.next_step));
  }
  return bounds;
}

}  // namespace holdfast::storage::sqlite
