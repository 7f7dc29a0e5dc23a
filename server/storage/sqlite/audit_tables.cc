#include "server/storage/sqlite/audit_tables.h"

#include <fmt/format.h>

#include "server/base/status_macros.h"
#include "server/storage/row_table.h"

namespace holdfast::storage::sqlite {
namespace {

// Not above 2^63 - 1: CheckAuditRecord.
int64_t Signed(uint64_t number) { return static_cast<int64_t>(number); }
uint64_t Unsigned(int64_t number) { return static_cast<uint64_t>(number); }

const MessageTable& Table() {
  static const MessageTable& table =
      *new MessageTable("audit_records", v1::AuditRecord::descriptor());
  return table;
}

const std::string& Columns() {
  static const std::string& columns = *[] {
    auto* list = new std::string();
    for (const Column& column : Table().columns()) {
      *list += (list->empty() ? "" : ", ") + column.name;
    }
    return list;
  }();
  return columns;
}

std::vector<ColumnValue> ValuesOf(const Statement& statement) {
  std::vector<ColumnValue> values;
  for (size_t i = 0; i < Table().columns().size(); ++i) {
    values.push_back(statement.Value(static_cast<int>(i)));
  }
  return values;
}

absl::Status InsertRecord(Connection& connection, const v1::AuditRecord& record) {
  static const std::string& sql = *[] {
    std::string marks = "?";
    for (size_t i = 1; i < Table().columns().size(); ++i) marks += ", ?";
    return new std::string(
        fmt::format("INSERT INTO audit_records ({}) VALUES ({})", Columns(), marks));
  }();
  HOLDFAST_ASSIGN_OR_RETURN(Statement * statement, connection.Prepare(sql));
  std::vector<ColumnValue> values;
  Table().Read(record, values);
  for (size_t i = 0; i < values.size(); ++i) statement->Bind(static_cast<int>(i) + 1, values[i]);
  return statement->Run();
}

absl::Status InsertGap(Connection& connection, const std::string& node_id, uint64_t first,
                       uint64_t last) {
  if (first > last) return absl::OkStatus();
  HOLDFAST_ASSIGN_OR_RETURN(Statement * statement,
                            connection.Prepare("INSERT INTO audit_gaps VALUES (?, ?, ?)"));
  return statement->BindText(1, node_id).BindInt(2, Signed(first)).BindInt(3, Signed(last)).Run();
}

// False when the number is in no gap: retention has removed it.
absl::StatusOr<bool> TakeOutOfGap(Connection& connection, const std::string& node_id,
                                  uint64_t number) {
  HOLDFAST_ASSIGN_OR_RETURN(
      Statement * find,
      connection.Prepare("SELECT rowid, first_number, last_number FROM audit_gaps "
                         "WHERE node_id = ? AND first_number <= ?2 AND last_number >= ?2"));
  StatementReset reset(*find);
  find->BindText(1, node_id).BindInt(2, Signed(number));
  HOLDFAST_ASSIGN_OR_RETURN(const bool found, find->Step());
  if (!found) return false;
  const int64_t row = find->Int(0);
  const uint64_t first = Unsigned(find->Int(1));
  const uint64_t last = Unsigned(find->Int(2));
  find->Reset();
  HOLDFAST_ASSIGN_OR_RETURN(Statement * erase,
                            connection.Prepare("DELETE FROM audit_gaps WHERE rowid = ?"));
  HOLDFAST_RETURN_IF_ERROR(erase->BindInt(1, row).Run());
  HOLDFAST_RETURN_IF_ERROR(InsertGap(connection, node_id, first, number - 1));
  HOLDFAST_RETURN_IF_ERROR(InsertGap(connection, node_id, number + 1, last));
  return true;
}

struct Condition {
  std::string where = "1";
  std::vector<ColumnValue> values;

  void Add(std::string_view term, ColumnValue value) {
    where += fmt::format(" AND {}", term);
    values.push_back(value);
  }
};

Condition ConditionOf(const AuditQuery& query) {
  Condition condition;
  if (!query.node_id.empty()) condition.Add("node_id = ?", std::string_view(query.node_id));
  if (query.after != 0) condition.Add("number > ?", Signed(query.after));
  if (query.user_id != 0) condition.Add("user_id = ?", Signed(query.user_id));
  if (query.account_id != 0) condition.Add("account_id = ?", Signed(query.account_id));
  if (query.from_ms != 0) condition.Add("wall_ms >= ?", query.from_ms);
  if (query.until_ms != 0) condition.Add("wall_ms < ?", query.until_ms);
  return condition;
}

std::string_view OrderOf(const AuditQuery& query) {
  if (!query.node_id.empty()) return query.newest_first ? "number DESC" : "number";
  return query.newest_first ? "wall_ms DESC, node_id DESC, number DESC"
                            : "wall_ms, node_id, number";
}

absl::StatusOr<Statement*> PrepareWith(Connection& connection, const std::string& sql,
                                       const Condition& condition) {
  HOLDFAST_ASSIGN_OR_RETURN(Statement * statement, connection.Prepare(sql));
  for (size_t i = 0; i < condition.values.size(); ++i) {
    statement->Bind(static_cast<int>(i) + 1, condition.values[i]);
  }
  return statement;
}

}  // namespace

absl::StatusOr<uint64_t> ReadAuditHead(Connection& connection, const std::string& node_id) {
  HOLDFAST_ASSIGN_OR_RETURN(Statement * statement,
                            connection.Prepare("SELECT number FROM audit_heads WHERE node_id = ?"));
  StatementReset reset(*statement);
  statement->BindText(1, node_id);
  HOLDFAST_ASSIGN_OR_RETURN(const bool found, statement->Step());
  return found ? Unsigned(statement->Int(0)) : 0;
}

absl::StatusOr<uint64_t*> AuditAdder::HeadOf(const std::string& node_id) {
  const auto known = heads_.find(node_id);
  if (known != heads_.end()) return &known->second;
  HOLDFAST_ASSIGN_OR_RETURN(const uint64_t head, ReadAuditHead(connection_, node_id));
  return &heads_.emplace(node_id, head).first->second;
}

absl::Status AuditAdder::Add(const v1::AuditRecord& record) {
  HOLDFAST_RETURN_IF_ERROR(CheckAuditRecord(record));
  HOLDFAST_ASSIGN_OR_RETURN(uint64_t* const head, HeadOf(record.node_id()));
  if (record.number() <= *head) return AddBelowHead(record);
  HOLDFAST_RETURN_IF_ERROR(
      InsertGap(connection_, record.node_id(), *head + 1, record.number() - 1));
  HOLDFAST_RETURN_IF_ERROR(InsertRecord(connection_, record));
  *head = record.number();
  return absl::OkStatus();
}

absl::Status AuditAdder::AddBelowHead(const v1::AuditRecord& record) {
  static const std::string& sql = *new std::string(
      fmt::format("SELECT {} FROM audit_records WHERE node_id = ? AND number = ?", Columns()));
  HOLDFAST_ASSIGN_OR_RETURN(Statement * statement, connection_.Prepare(sql));
  StatementReset reset(*statement);
  statement->BindText(1, record.node_id()).BindInt(2, Signed(record.number()));
  HOLDFAST_ASSIGN_OR_RETURN(const bool found, statement->Step());
  if (found) {
    std::vector<ColumnValue> values;
    Table().Read(record, values);
    if (values == ValuesOf(*statement)) return absl::OkStatus();
    return absl::DataLossError(fmt::format(
        "{}: record {} of the journal of {} is there with another content: that journal was turned "
        "back or replaced; give the node a new id",
        connection_.path(), record.number(), record.node_id()));
  }
  statement->Reset();
  HOLDFAST_ASSIGN_OR_RETURN(const bool missing,
                            TakeOutOfGap(connection_, record.node_id(), record.number()));
  return missing ? InsertRecord(connection_, record) : absl::OkStatus();
}

absl::Status AuditAdder::WriteHeads() {
  HOLDFAST_ASSIGN_OR_RETURN(
      Statement * statement,
      connection_.Prepare("INSERT INTO audit_heads VALUES (?, ?) "
                          "ON CONFLICT (node_id) DO UPDATE SET number = excluded.number"));
  for (const auto& [node_id, number] : heads_) {
    HOLDFAST_RETURN_IF_ERROR(statement->BindText(1, node_id).BindInt(2, Signed(number)).Run());
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<AuditCoverage>> ReadAuditCoverage(Connection& connection) {
  std::vector<AuditCoverage> all;
  HOLDFAST_ASSIGN_OR_RETURN(
      Statement * statement,
      connection.Prepare("SELECT h.node_id, h.number, g.first_number, g.last_number "
                         "FROM audit_heads h LEFT JOIN audit_gaps g ON g.node_id = h.node_id "
                         "ORDER BY h.node_id, g.first_number"));
  StatementReset reset(*statement);
  while (true) {
    HOLDFAST_ASSIGN_OR_RETURN(const bool more, statement->Step());
    if (!more) return all;
    const std::string_view node_id = statement->Bytes(0);
    if (all.empty() || all.back().node_id != node_id) {
      all.push_back(
          {.node_id = std::string(node_id), .highest = Unsigned(statement->Int(1)), .gaps = {}});
    }
    if (std::holds_alternative<std::monostate>(statement->Value(2))) continue;
    all.back().gaps.push_back(
        {.first = Unsigned(statement->Int(2)), .last = Unsigned(statement->Int(3))});
  }
}

absl::StatusOr<AuditPage> ReadAuditPage(Connection& connection, const AuditQuery& query) {
  AuditPage page;
  const Condition condition = ConditionOf(query);
  HOLDFAST_ASSIGN_OR_RETURN(
      Statement * select,
      PrepareWith(connection,
                  fmt::format("SELECT {} FROM audit_records WHERE {} ORDER BY {} LIMIT ?",
                              Columns(), condition.where, OrderOf(query)),
                  condition));
  StatementReset reset(*select);
  select->BindInt(static_cast<int>(condition.values.size()) + 1, Signed(query.limit));
  while (true) {
    HOLDFAST_ASSIGN_OR_RETURN(const bool more, select->Step());
    if (!more) return page;
    HOLDFAST_RETURN_IF_ERROR(Table().Write(ValuesOf(*select), page.records.emplace_back()));
  }
}

absl::StatusOr<uint64_t> DeleteAuditRecords(Connection& connection, WallTime before,
                                            size_t records_max) {
  HOLDFAST_ASSIGN_OR_RETURN(
      Statement * statement,
      connection.Prepare("DELETE FROM audit_records WHERE rowid IN (SELECT rowid FROM "
                         "audit_records WHERE wall_ms < ? ORDER BY wall_ms LIMIT ?)"));
  HOLDFAST_RETURN_IF_ERROR(
      statement->BindInt(1, ToMillis(before)).BindInt(2, Signed(records_max)).Run());
  HOLDFAST_ASSIGN_OR_RETURN(const int64_t changes, connection.ReadInt("SELECT changes()"));
  return Unsigned(changes);
}

}  // namespace holdfast::storage::sqlite
