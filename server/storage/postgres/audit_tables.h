#ifndef HOLDFAST_SERVER_STORAGE_POSTGRES_AUDIT_TABLES_H_
#define HOLDFAST_SERVER_STORAGE_POSTGRES_AUDIT_TABLES_H_

#include <string>
#include <vector>

#include "server/storage/postgres/audit_plan.h"
#include "server/storage/postgres/store_tables.h"

// What reads the tables of an audit store.
namespace holdfast::storage::postgres {

const MessageTable& AuditTable();

// Asks for what `plan` must know to take `records`.
absl::Status LearnFor(const Ask& ask, absl::Span<const v1::AuditRecord* const> records,
                      AuditPlan& plan);
absl::StatusOr<uint64_t> ReadAuditHead(const Ask& ask, const std::string& node_id);
absl::StatusOr<std::vector<AuditCoverage>> ReadAuditCoverage(const Ask& ask);
absl::StatusOr<AuditPage> ReadAuditPage(const Ask& ask, const AuditQuery& query);
// A statement.
std::string DeleteAuditRecords(WallTime before, size_t records_max);

}  // namespace holdfast::storage::postgres

#endif  // HOLDFAST_SERVER_STORAGE_POSTGRES_AUDIT_TABLES_H_
