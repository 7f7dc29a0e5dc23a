#include "server/storage/postgres/store_tables.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "server/base/encoding.h"
#include "server/base/status_macros.h"
#include "server/storage/postgres/sql_text.h"
#include "server/storage/postgres/statements.h"

namespace holdfast::storage::postgres {
namespace {

constexpr int kFetchRows = 2000;

std::string_view View(const pqxx::field& field) { return {field.c_str(), field.size()}; }

absl::Status Damaged(std::string_view what) {
  return absl::DataLossError(fmt::format("holdfast.{}", what));
}

absl::StatusOr<int64_t> ReadInt(const pqxx::field& field) {
  const std::string_view text = View(field);
  int64_t number = 0;
  const auto [last, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error == std::errc() && last == text.data() + text.size()) return number;
  return Damaged(fmt::format("{}: expected a number", field.name()));
}

absl::Status ReadUint(const pqxx::field& field, uint64_t& out) {
  HOLDFAST_ASSIGN_OR_RETURN(const int64_t number, ReadInt(field));
  out = Unsigned(number);
  return absl::OkStatus();
}

absl::Status ReadText(const pqxx::field& field, std::string& out) {
  std::optional<std::string> text = DecodeText(View(field));
  if (!text.has_value()) return Damaged(fmt::format("{}: an escape is not ours", field.name()));
  out = *std::move(text);
  return absl::OkStatus();
}

absl::Status ReadBytes(const pqxx::field& field, std::string& out) {
  std::optional<std::string> bytes = DecodeBytes(View(field));
  if (!bytes.has_value()) return Damaged(fmt::format("{}: expected bytes", field.name()));
  out = *std::move(bytes);
  return absl::OkStatus();
}

template <typename Array>
absl::Status ReadArray(const pqxx::field& field, Array& out) {
  std::string bytes;
  HOLDFAST_RETURN_IF_ERROR(ReadBytes(field, bytes));
  const std::optional<Array> array = ToArray<Array>(bytes);
  if (!array.has_value()) {
    return Damaged(
        fmt::format("{}: {} bytes, expected {}", field.name(), bytes.size(), out.size()));
  }
  out = *array;
  return absl::OkStatus();
}

absl::Status DecodeEntry(const pqxx::row& row, LogEntry& entry) {
  HOLDFAST_RETURN_IF_ERROR(ReadUint(row["seq"], entry.seq));
  HOLDFAST_RETURN_IF_ERROR(ReadUint(row["epoch_number"], entry.epoch.number));
  HOLDFAST_RETURN_IF_ERROR(ReadText(row["epoch_node"], entry.epoch.node_id));
  HOLDFAST_RETURN_IF_ERROR(ReadArray(row["digest"], entry.digest));
  HOLDFAST_RETURN_IF_ERROR(ReadArray(row["mac"], entry.mac));
  return ReadBytes(row["record"], entry.record);
}

absl::Status DecodeMeta(const pqxx::row& row, LogBounds& bounds) {
  Applied& applied = bounds.applied;
  LogPoint& before = bounds.before_first;
  HOLDFAST_RETURN_IF_ERROR(ReadUint(row["applied_epoch"], applied.position.epoch));
  HOLDFAST_RETURN_IF_ERROR(ReadUint(row["applied_seq"], applied.position.seq));
  HOLDFAST_RETURN_IF_ERROR(ReadArray(row["applied_digest"], applied.digest));
  HOLDFAST_RETURN_IF_ERROR(ReadArray(row["state_digest"], applied.state_digest));
  HOLDFAST_RETURN_IF_ERROR(ReadUint(row["before_first_seq"], before.seq));
  HOLDFAST_RETURN_IF_ERROR(ReadUint(row["before_first_epoch_number"], before.epoch.number));
  HOLDFAST_RETURN_IF_ERROR(ReadText(row["before_first_epoch_node"], before.epoch.node_id));
  return ReadArray(row["before_first_digest"], before.digest);
}

}  // namespace

absl::StatusOr<LogBounds> ReadBounds(const Ask& ask) {
  HOLDFAST_ASSIGN_OR_RETURN(
      const pqxx::result found,
      ask("SELECT m.*, l.* FROM holdfast.meta m, (SELECT count(*) AS entries, min(seq) AS first, "
          "max(seq) AS last FROM holdfast.log) l WHERE m.id = 1"));
  if (found.empty()) return Damaged("meta: the row is missing");
  LogBounds bounds;
  HOLDFAST_RETURN_IF_ERROR(DecodeMeta(found[0], bounds));
  bounds.last = bounds.before_first;
  HOLDFAST_ASSIGN_OR_RETURN(const int64_t entries, ReadInt(found[0]["entries"]));
  if (entries > 0) {
    HOLDFAST_ASSIGN_OR_RETURN(const int64_t first, ReadInt(found[0]["first"]));
    HOLDFAST_ASSIGN_OR_RETURN(const int64_t last, ReadInt(found[0]["last"]));
    if (Unsigned(first) != bounds.first_seq() || last - first + 1 != entries) {
      return Damaged(fmt::format("log: {} entries from {} to {}, expected all from {} on", entries,
                                 first, last, bounds.first_seq()));
    }
    HOLDFAST_ASSIGN_OR_RETURN(bounds.last, ReadPoint(ask, Unsigned(last)));
  }
  HOLDFAST_RETURN_IF_ERROR(bounds.CheckSound());
  return bounds;
}

absl::StatusOr<LogPoint> ReadPoint(const Ask& ask, uint64_t seq) {
  HOLDFAST_ASSIGN_OR_RETURN(
      const pqxx::result found,
      ask(fmt::format("SELECT epoch_number, epoch_node, digest FROM holdfast.log WHERE seq = {}",
                      Signed(seq))));
  if (found.empty()) return Damaged(fmt::format("log: entry {} is missing", seq));
  LogPoint point{.seq = seq};
  HOLDFAST_RETURN_IF_ERROR(ReadUint(found[0][0], point.epoch.number));
  HOLDFAST_RETURN_IF_ERROR(ReadText(found[0][1], point.epoch.node_id));
  HOLDFAST_RETURN_IF_ERROR(ReadArray(found[0][2], point.digest));
  return point;
}

absl::StatusOr<std::vector<EntryPtr>> ReadEntries(const Ask& ask, uint64_t first_seq,
                                                  size_t records_max, size_t bytes_max) {
  std::vector<EntryPtr> entries;
  if (first_seq > INT64_MAX) return entries;
  const uint64_t count = std::min<uint64_t>(records_max, INT32_MAX);
  const uint64_t bytes = std::min<uint64_t>(bytes_max, INT64_MAX);
  // A join, so that the oldest entry and those that are asked for are of one state.
  HOLDFAST_ASSIGN_OR_RETURN(
      const pqxx::result found,
      ask(fmt::format(
          "SELECT m.before_first_seq, l.* FROM holdfast.meta m LEFT JOIN (SELECT * FROM (SELECT *, "
          "sum(octet_length(record)) OVER (ORDER BY seq ROWS UNBOUNDED PRECEDING) AS bytes "
          "FROM holdfast.log WHERE seq >= {0} ORDER BY seq LIMIT {1}) s "
          "WHERE s.bytes <= {2} OR s.seq = {0}) l ON true WHERE m.id = 1 ORDER BY l.seq",
          first_seq, count, bytes)));
  if (found.empty()) return Damaged("meta: the row is missing");
  LogBounds bounds;
  HOLDFAST_RETURN_IF_ERROR(ReadUint(found[0][0], bounds.before_first.seq));
  HOLDFAST_RETURN_IF_ERROR(bounds.CheckRead(first_seq));
  if (found[0]["seq"].is_null()) return entries;
  for (const pqxx::row& row : found) {
    auto entry = std::make_shared<LogEntry>();
    HOLDFAST_RETURN_IF_ERROR(DecodeEntry(row, *entry));
    if (entry->seq != first_seq + entries.size()) {
      return Damaged(fmt::format("log: entry {} is missing", first_seq + entries.size()));
    }
    entries.push_back(std::move(entry));
  }
  return entries;
}

absl::StatusOr<std::optional<std::string>> ReadFact(const Ask& ask, const std::string& name) {
  std::string sql = "SELECT value FROM holdfast.facts WHERE name = ";
  AppendText(name, sql);
  HOLDFAST_ASSIGN_OR_RETURN(const pqxx::result found, ask(sql));
  if (found.empty()) return std::optional<std::string>();
  std::string value;
  HOLDFAST_RETURN_IF_ERROR(ReadBytes(found[0][0], value));
  return std::optional<std::string>(std::move(value));
}

absl::Status DecodeRow(const MessageTable& table, const pqxx::row& found,
                       google::protobuf::Message& message) {
  const std::vector<Column>& columns = table.columns();
  std::vector<std::string> owned(columns.size());  // what the views below point into
  std::vector<ColumnValue> values;
  for (size_t i = 0; i < columns.size(); ++i) {
    const pqxx::field field = found[static_cast<pqxx::row_size_type>(i)];
    if (field.is_null()) {
      values.push_back(std::monostate());
    } else if (columns[i].type == ColumnType::kInteger) {
      HOLDFAST_ASSIGN_OR_RETURN(const int64_t number, ReadInt(field));
      values.push_back(number);
    } else if (columns[i].type == ColumnType::kText) {
      HOLDFAST_RETURN_IF_ERROR(ReadText(field, owned[i]));
      values.push_back(std::string_view(owned[i]));
    } else {
      HOLDFAST_RETURN_IF_ERROR(ReadBytes(field, owned[i]));
      values.push_back(BlobView{owned[i]});
    }
  }
  return table.Write(values, message);
}

absl::Status ReadRows(const Ask& ask, const std::function<absl::Status(v1::Row&&)>& row) {
  for (const RowTable& table : RowTables()) {
    HOLDFAST_RETURN_IF_ERROR(ask(fmt::format("DECLARE rows NO SCROLL CURSOR FOR SELECT {} FROM "
                                             "holdfast.{}",
                                             ColumnList(table.columns), table.columns.name()))
                                 .status());
    while (true) {
      HOLDFAST_ASSIGN_OR_RETURN(const pqxx::result found,
                                ask(fmt::format("FETCH {} FROM rows", kFetchRows)));
      if (found.empty()) break;
      for (const pqxx::row& one : found) {
        v1::Row decoded;
        HOLDFAST_RETURN_IF_ERROR(DecodeRow(table.columns, one, MutableRowMessage(decoded, table)));
        HOLDFAST_RETURN_IF_ERROR(row(std::move(decoded)));
      }
    }
    HOLDFAST_RETURN_IF_ERROR(ask("CLOSE rows").status());
  }
  return absl::OkStatus();
}

}  // namespace holdfast::storage::postgres
