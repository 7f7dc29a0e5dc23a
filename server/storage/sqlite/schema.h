#ifndef HOLDFAST_SERVER_STORAGE_SQLITE_SCHEMA_H_
#define HOLDFAST_SERVER_STORAGE_SQLITE_SCHEMA_H_

#include <cstdint>
#include <string_view>

#include "absl/types/span.h"

namespace holdfast::storage::sqlite {

// What a kind of database file is. Migration i brings schema version i to i + 1, each in one
// transaction; a released one is never changed, a change of the schema is one more.
struct DatabaseKind {
  std::string_view name;    // for messages
  uint32_t application_id;  // in the file's header: whose it is
  absl::Span<const std::string_view> migrations;
  std::string_view next_step;  // what an operator does about a damaged file

  uint64_t newest_schema() const { return migrations.size(); }
};

extern const DatabaseKind kStoreKind;
extern const DatabaseKind kAuditKind;

}  // namespace holdfast::storage::sqlite

#endif  // HOLDFAST_SERVER_STORAGE_SQLITE_SCHEMA_H_
