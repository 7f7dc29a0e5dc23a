#include "server/storage/postgres/audit_plan.h"

#include <fmt/format.h>
#include <google/protobuf/util/message_differencer.h>

#include "server/base/status_macros.h"
#include "server/storage/postgres/audit_tables.h"
#include "server/storage/postgres/sql_text.h"
#include "server/storage/postgres/statements.h"

namespace holdfast::storage::postgres {
namespace {

std::string Literal(std::string_view text) {
  std::string sql;
  AppendText(text, sql);
  return sql;
}

}  // namespace

void AuditPlan::KnowRecord(v1::AuditRecord record) {
  const uint64_t number = record.number();
  nodes_[record.node_id()].records[number] = std::move(record);
}

void AuditPlan::Insert(Node& node, const v1::AuditRecord& record) {
  node.records[record.number()] = record;
  node.fresh.push_back(record.number());
}

bool AuditPlan::TakeOutOfGap(Node& node, uint64_t number) {
  auto gap = node.gaps.upper_bound(number);
  if (gap == node.gaps.begin()) return false;
  --gap;
  const auto [first, last] = *gap;
  if (last < number) return false;
  node.gaps.erase(gap);
  if (first < number) node.gaps[first] = number - 1;
  if (number < last) node.gaps[number + 1] = last;
  node.gaps_changed = true;
  return true;
}

absl::Status AuditPlan::Add(const v1::AuditRecord& record) {
  HOLDFAST_RETURN_IF_ERROR(CheckAuditRecord(record));
  Node& node = nodes_[record.node_id()];
  const uint64_t number = record.number();
  if (number > node.head) {
    if (number > node.head + 1) {
      node.gaps[node.head + 1] = number - 1;
      node.gaps_changed = true;
    }
    node.head = number;
    Insert(node, record);
    return absl::OkStatus();
  }
  if (const auto found = node.records.find(number); found != node.records.end()) {
    if (google::protobuf::util::MessageDifferencer::Equals(found->second, record)) {
      return absl::OkStatus();
    }
    return absl::DataLossError(
        fmt::format("record {} of the journal of {} is there with another content: that journal "
                    "was turned back or replaced; give the node a new id",
                    number, record.node_id()));
  }
  if (TakeOutOfGap(node, number)) Insert(node, record);
  return absl::OkStatus();
}

std::string AuditPlan::Text() const {
  std::string sql;
  RowInsert insert(AuditTable(), /*replace=*/false);
  for (const auto& [node_id, node] : nodes_) {
    for (const uint64_t number : node.fresh) insert.Add(node.records.at(number), sql);
  }
  insert.End(sql);
  for (const auto& [node_id, node] : nodes_) {
    const std::string name = Literal(node_id);
    if (node.gaps_changed) {
      sql += fmt::format("DELETE FROM holdfast.audit_gaps WHERE node_id = {};", name);
      for (const auto& [first, last] : node.gaps) {
        sql +=
            fmt::format("INSERT INTO holdfast.audit_gaps VALUES ({}, {}, {});", name, first, last);
      }
    }
    if (node.fresh.empty()) continue;
    sql += fmt::format(
        "INSERT INTO holdfast.audit_heads VALUES ({}, {}) "
        "ON CONFLICT (node_id) DO UPDATE SET number = excluded.number;",
        name, node.head);
  }
  return sql;
}

std::string ConditionOf(const AuditQuery& query) {
  std::string where = "WHERE true";
  const auto add = [&where](std::string_view term, int64_t value) {
    where += fmt::format(" AND {} {}", term, value);
  };
  if (!query.node_id.empty()) where += " AND node_id = " + Literal(query.node_id);
  if (query.after != 0) add("number >", Signed(query.after));
  if (query.user_id != 0) add("user_id =", Signed(query.user_id));
  if (query.account_id != 0) add("account_id =", Signed(query.account_id));
  if (query.from_ms != 0) add("wall_ms >=", query.from_ms);
  if (query.until_ms != 0) add("wall_ms <", query.until_ms);
  return where;
}

std::string_view OrderOf(const AuditQuery& query) {
  if (!query.node_id.empty()) return query.newest_first ? "number DESC" : "number";
  return query.newest_first ? "wall_ms DESC, node_id DESC, number DESC"
                            : "wall_ms, node_id, number";
}

}  // namespace holdfast::storage::postgres
