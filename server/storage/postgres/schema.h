#ifndef HOLDFAST_SERVER_STORAGE_POSTGRES_SCHEMA_H_
#define HOLDFAST_SERVER_STORAGE_POSTGRES_SCHEMA_H_

#include <cstdint>
#include <string_view>

#include "absl/status/status.h"
#include "absl/types/span.h"
#include "server/storage/postgres/session.h"

namespace holdfast::storage::postgres {

// What a group of tables is, in the schema `holdfast`. Migration i brings schema version i to
// i + 1, each in one transaction; a released one is never changed, a change is one more.
struct SchemaKind {
  std::string_view name;  // in the table schema_versions, and for messages
  absl::Span<const std::string_view> migrations;
  uint32_t lock_number;  // of the advisory lock that its one process holds
};

extern const SchemaKind kStoreSchema;
extern const SchemaKind kAuditSchema;

// Creates what is not there and brings an older schema up to date.
//
// Failure   FAILED_PRECONDITION: a newer schema, both numbers named; or this role may not change
//           the schema, and what to do. Nothing was changed by the step that failed.
absl::Status EnsureSchema(Session& session, const SchemaKind& kind);

}  // namespace holdfast::storage::postgres

#endif  // HOLDFAST_SERVER_STORAGE_POSTGRES_SCHEMA_H_
