#include "server/storage/postgres/audit_tables.h"

#include <fmt/format.h>

#include <map>

#include "server/base/status_macros.h"
#include "server/storage/postgres/sql_text.h"
#include "server/storage/postgres/statements.h"

namespace holdfast::storage::postgres {
namespace {

uint64_t Number(const pqxx::field& field) { return Unsigned(field.as<int64_t>()); }

absl::StatusOr<std::string> Name(const pqxx::field& field) {
  std::optional<std::string> name = DecodeText({field.c_str(), field.size()});
  if (name.has_value()) return *std::move(name);
  return absl::DataLossError("holdfast.audit_heads: an escape is not ours");
}

absl::Status LearnNode(const Ask& ask, const std::string& node_id,
                       const std::vector<uint64_t>& numbers, AuditPlan& plan) {
  std::string name;
  AppendText(node_id, name);
  HOLDFAST_ASSIGN_OR_RETURN(const uint64_t head, ReadAuditHead(ask, node_id));
  plan.KnowHead(node_id, head);
  HOLDFAST_ASSIGN_OR_RETURN(
      const pqxx::result gaps,
      ask("SELECT first_number, last_number FROM holdfast.audit_gaps WHERE node_id = " + name));
  for (const pqxx::row& gap : gaps) plan.KnowGap(node_id, Number(gap[0]), Number(gap[1]));
  std::string list;
  for (const uint64_t number : numbers) {
    if (number <= head) list += fmt::format("{}{}", list.empty() ? "" : ", ", number);
  }
  if (list.empty()) return absl::OkStatus();
  HOLDFAST_ASSIGN_OR_RETURN(
      const pqxx::result found,
      ask(fmt::format("SELECT {} FROM holdfast.audit_records WHERE node_id = {} AND number IN ({})",
                      ColumnList(AuditTable()), name, list)));
  for (const pqxx::row& row : found) {
    v1::AuditRecord record;
    HOLDFAST_RETURN_IF_ERROR(DecodeRow(AuditTable(), row, record));
    plan.KnowRecord(std::move(record));
  }
  return absl::OkStatus();
}

}  // namespace

const MessageTable& AuditTable() {
  static const MessageTable& table =
      *new MessageTable("audit_records", v1::AuditRecord::descriptor());
  return table;
}

absl::Status LearnFor(const Ask& ask, absl::Span<const v1::AuditRecord* const> records,
                      AuditPlan& plan) {
  std::map<std::string, std::vector<uint64_t>> numbers;
  for (const v1::AuditRecord* record : records) {
    HOLDFAST_RETURN_IF_ERROR(CheckAuditRecord(*record));
    numbers[record->node_id()].push_back(record->number());
  }
  for (const auto& [node_id, of_node] : numbers) {
    HOLDFAST_RETURN_IF_ERROR(LearnNode(ask, node_id, of_node, plan));
  }
  return absl::OkStatus();
}

absl::StatusOr<uint64_t> ReadAuditHead(const Ask& ask, const std::string& node_id) {
  std::string sql = "SELECT number FROM holdfast.audit_heads WHERE node_id = ";
  AppendText(node_id, sql);
  HOLDFAST_ASSIGN_OR_RETURN(const pqxx::result found, ask(sql));
  return found.empty() ? 0 : Number(found[0][0]);
}

absl::StatusOr<std::vector<AuditCoverage>> ReadAuditCoverage(const Ask& ask) {
  HOLDFAST_ASSIGN_OR_RETURN(
      const pqxx::result found,
      ask("SELECT h.node_id, h.number, g.first_number, g.last_number FROM holdfast.audit_heads h "
          "LEFT JOIN holdfast.audit_gaps g ON g.node_id = h.node_id "
          "ORDER BY h.node_id, g.first_number"));
  std::vector<AuditCoverage> all;
  for (const pqxx::row& row : found) {
    HOLDFAST_ASSIGN_OR_RETURN(std::string node_id, Name(row[0]));
    if (all.empty() || all.back().node_id != node_id) {
      all.push_back({.node_id = std::move(node_id), .highest = Number(row[1]), .gaps = {}});
    }
    if (row[2].is_null()) continue;
    all.back().gaps.push_back({.first = Number(row[2]), .last = Number(row[3])});
  }
  return all;
}

absl::StatusOr<AuditPage> ReadAuditPage(const Ask& ask, const AuditQuery& query) {
  HOLDFAST_ASSIGN_OR_RETURN(
      const pqxx::result found,
      ask(fmt::format("SELECT {} FROM holdfast.audit_records {} ORDER BY {} LIMIT {}",
                      ColumnList(AuditTable()), ConditionOf(query), OrderOf(query), query.limit)));
  AuditPage page;
  for (const pqxx::row& row : found) {
    HOLDFAST_RETURN_IF_ERROR(DecodeRow(AuditTable(), row, page.records.emplace_back()));
  }
  return page;
}

std::string DeleteAuditRecords(WallTime before, size_t records_max) {
  return fmt::format(
      "DELETE FROM holdfast.audit_records WHERE ctid = ANY (ARRAY(SELECT ctid FROM "
      "holdfast.audit_records WHERE wall_ms < {} ORDER BY wall_ms LIMIT {}))",
      ToMillis(before), records_max);
}

}  // namespace holdfast::storage::postgres
