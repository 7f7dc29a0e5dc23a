#include "server/storage/postgres/statements.h"

#include <fmt/format.h>

#include <iterator>
#include <map>

#include "server/base/encoding.h"
#include "server/storage/postgres/sql_text.h"

namespace holdfast::storage::postgres {
namespace {

// Beyond it the next statement goes in a message of its own; the protocol's limit is 1 GiB.
constexpr size_t kTextBytes = 64 << 20;
constexpr size_t kStatementBytes = 8 << 20;

void AppendEntry(const LogEntry& entry, std::string& sql) {
  sql += '(';
  AppendInt(Signed(entry.seq), sql);
  sql += ',';
  AppendInt(Signed(entry.epoch.number), sql);
  sql += ',';
  AppendText(entry.epoch.node_id, sql);
  sql += ',';
  AppendBytes(AsText(entry.digest), sql);
  sql += ',';
  AppendBytes(AsText(entry.mac), sql);
  sql += ',';
  AppendBytes(entry.record, sql);
  sql += ')';
}

void InsertEntries(absl::Span<const EntryPtr> entries, Texts& texts) {
  for (size_t i = 0; i < entries.size();) {
    std::string& sql = texts.Next();
    const size_t start = sql.size();
    sql += "INSERT INTO holdfast.log VALUES ";
    AppendEntry(*entries[i++], sql);
    for (; i < entries.size() && sql.size() - start < kStatementBytes; ++i) {
      sql += ',';
      AppendEntry(*entries[i], sql);
    }
    sql += ';';
  }
}

ColumnValue KeyValue(const v1::RowKey& key, const RowTable& table) {
  if (table.keyed_by_text()) return std::string_view(key.name());
  return Signed(key.id());
}

// By table and key: in one statement a row may be written once, and the last change wins anyway.
using LastChanges = std::map<std::pair<int, std::string>, const v1::RowChange*>;

LastChanges LastOfEachRow(absl::Span<const v1::RowChange* const> changes) {
  LastChanges last;
  for (const v1::RowChange* change : changes) {
    const v1::RowKey key = change->has_put() ? KeyOf(change->put()) : change->delete_();
    const RowTable& table = *FindRowTable(key.table());
    std::string text = table.keyed_by_text() ? key.name() : fmt::format("{:020}", key.id());
    last[{key.table(), std::move(text)}] = change;
  }
  return last;
}

void DeleteRow(const v1::RowKey& key, const RowTable& table, std::string& sql) {
  sql += fmt::format("DELETE FROM holdfast.{} WHERE {} = ", table.columns.name(),
                     table.columns.columns()[0].name);
  AppendValue(KeyValue(key, table), sql);
  sql += ';';
}

void WriteRows(absl::Span<const v1::RowChange* const> changes, Texts& texts) {
  const LastChanges last = LastOfEachRow(changes);
  for (const RowTable& table : RowTables()) {
    const auto first = last.lower_bound({table.table, ""});
    const auto end = last.lower_bound({table.table + 1, ""});
    std::string sql;
    RowInsert insert(table.columns, /*replace=*/true);
    for (auto it = first; it != end; ++it) {
      if (it->second->has_put()) insert.Add(RowMessage(it->second->put(), table), sql);
      if (sql.size() < kStatementBytes) continue;
      insert.End(sql);
      texts.Next() += sql;
      sql.clear();
    }
    insert.End(sql);
    for (auto it = first; it != end; ++it) {
      if (it->second->has_delete_()) DeleteRow(it->second->delete_(), table, sql);
    }
    if (!sql.empty()) texts.Next() += sql;
  }
}

}  // namespace

std::string& Texts::Next() {
  if (texts_.empty() || texts_.back().size() > kTextBytes) texts_.emplace_back();
  return texts_.back();
}

std::string ColumnList(const MessageTable& table) {
  std::string list;
  for (const Column& column : table.columns()) {
    if (!list.empty()) list += ", ";
    list += column.name;
  }
  return list;
}

void RowInsert::Add(const google::protobuf::Message& row, std::string& out) {
  if (rows_++ == 0) {
    fmt::format_to(std::back_inserter(out), "INSERT INTO holdfast.{} ({}) VALUES ", table_.name(),
                   ColumnList(table_));
  } else {
    out += ',';
  }
  table_.Read(row, values_);
  out += '(';
  for (size_t i = 0; i < values_.size(); ++i) {
    if (i != 0) out += ',';
    AppendValue(values_[i], out);
  }
  out += ')';
}

void RowInsert::End(std::string& out) {
  if (rows_ == 0) return;
  rows_ = 0;
  if (replace_) {
    const std::string& key = table_.columns()[0].name;
    fmt::format_to(std::back_inserter(out), " ON CONFLICT ({}) DO UPDATE SET ", key);
    for (const Column& column : table_.columns()) {
      fmt::format_to(std::back_inserter(out), "{0}{1} = excluded.{1}",
                     column.name == key ? "" : ", ", column.name);
    }
  }
  out += ';';
}

std::vector<std::string> TextsOf(const AppendBatch& batch) {
  Texts texts;
  InsertEntries(batch.entries, texts);
  WriteRows(batch.rows, texts);
  if (!batch.facts.empty()) texts.Next() += WriteFacts(batch.facts);
  return std::move(texts.texts());
}

std::string WriteFacts(const Facts& facts) {
  std::map<std::string, std::string_view> last;
  for (const auto& [name, value] : facts) last[name] = value;
  std::string sql;
  for (const auto& [name, value] : last) {
    sql += sql.empty() ? "INSERT INTO holdfast.facts VALUES (" : ",(";
    AppendText(name, sql);
    sql += ',';
    AppendBytes(value, sql);
    sql += ')';
  }
  if (sql.empty()) return sql;
  return sql + " ON CONFLICT (name) DO UPDATE SET value = excluded.value;";
}

std::string DeleteEntries(uint64_t first_seq, uint64_t last_seq) {
  return fmt::format("DELETE FROM holdfast.log WHERE seq BETWEEN {} AND {};", Signed(first_seq),
                     Signed(last_seq));
}

std::string DeleteEverything() {
  std::string sql = "DELETE FROM holdfast.log;";
  for (const RowTable& table : RowTables()) {
    sql += fmt::format("DELETE FROM holdfast.{};", table.columns.name());
  }
  return sql;
}

std::string MetaOf(const LogBounds& bounds) {
  std::string sql;
  const auto number = [&sql](std::string_view name, uint64_t value) {
    sql += fmt::format("{}{} = {}", sql.empty() ? "" : ", ", name, Signed(value));
  };
  const auto bytes = [&sql](std::string_view name, const Digest& value) {
    sql += fmt::format(", {} = ", name);
    AppendBytes(AsText(value), sql);
  };
  number("applied_epoch", bounds.applied.position.epoch);
  number("applied_seq", bounds.applied.position.seq);
  bytes("applied_digest", bounds.applied.digest);
  bytes("state_digest", bounds.applied.state_digest);
  number("before_first_seq", bounds.before_first.seq);
  number("before_first_epoch_number", bounds.before_first.epoch.number);
  sql += ", before_first_epoch_node = ";
  AppendText(bounds.before_first.epoch.node_id, sql);
  bytes("before_first_digest", bounds.before_first.digest);
  return sql;
}

}  // namespace holdfast::storage::postgres
