#ifndef HOLDFAST_SERVER_STORAGE_SQLITE_AUDIT_TABLES_H_
#define HOLDFAST_SERVER_STORAGE_SQLITE_AUDIT_TABLES_H_

#include <map>
#include <string>
#include <vector>

#include "server/storage/audit_store.h"
#include "server/storage/sqlite/connection.h"

// The statements over the tables of an audit store. Each runs within the transaction that its
// caller has begun on `connection`.
namespace holdfast::storage::sqlite {

// 0 when nothing of the node was collected.
absl::StatusOr<uint64_t> ReadAuditHead(Connection& connection, const std::string& node_id);

// Adds records one after the other and, at the end, the heads that they moved.
//
// Threading   Thread-compatible; for one transaction.
// Ownership   Borrows the connection.
class AuditAdder {
 public:
  explicit AuditAdder(Connection& connection) : connection_(connection) {}
  absl::Status Add(const v1::AuditRecord& record);
  absl::Status WriteHeads();

 private:
  absl::StatusOr<uint64_t*> HeadOf(const std::string& node_id);
  absl::Status AddBelowHead(const v1::AuditRecord& record);

  Connection& connection_;
  std::map<std::string, uint64_t> heads_;
};

absl::StatusOr<std::vector<AuditCoverage>> ReadAuditCoverage(Connection& connection);
absl::StatusOr<AuditPage> ReadAuditPage(Connection& connection, const AuditQuery& query);
// The number of records that went.
absl::StatusOr<uint64_t> DeleteAuditRecords(Connection& connection, WallTime before,
                                            size_t records_max);

}  // namespace holdfast::storage::sqlite

#endif  // HOLDFAST_SERVER_STORAGE_SQLITE_AUDIT_TABLES_H_
