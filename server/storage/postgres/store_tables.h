#ifndef HOLDFAST_SERVER_STORAGE_POSTGRES_STORE_TABLES_H_
#define HOLDFAST_SERVER_STORAGE_POSTGRES_STORE_TABLES_H_

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "server/storage/log_bounds.h"
#include "server/storage/postgres/session.h"
#include "server/storage/row_table.h"

// What reads the tables of a store. Values that cannot be right are DATA_LOSS.
namespace holdfast::storage::postgres {

// How a statement is asked: a session, or something that asks again after a loss.
using Ask = std::function<absl::StatusOr<pqxx::result>(const std::string& sql)>;

absl::StatusOr<LogBounds> ReadBounds(const Ask& ask);
absl::StatusOr<LogPoint> ReadPoint(const Ask& ask, uint64_t seq);
// The rules of Store::ReadLog, on one state of the database.
absl::StatusOr<std::vector<EntryPtr>> ReadEntries(const Ask& ask, uint64_t first_seq,
                                                  size_t records_max, size_t bytes_max);
absl::StatusOr<std::optional<std::string>> ReadFact(const Ask& ask, const std::string& name);
// Within a transaction: uses a cursor.
absl::Status ReadRows(const Ask& ask, const std::function<absl::Status(v1::Row&&)>& row);

// One row of `table`, whose columns stand in `found` in their order.
absl::Status DecodeRow(const MessageTable& table, const pqxx::row& found,
                       google::protobuf::Message& message);

}  // namespace holdfast::storage::postgres

#endif  // HOLDFAST_SERVER_STORAGE_POSTGRES_STORE_TABLES_H_
