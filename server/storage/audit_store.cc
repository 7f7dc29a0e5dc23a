#include "server/storage/audit_store.h"

#include <fmt/format.h>
#include <google/protobuf/unknown_field_set.h>

#include <limits>

namespace holdfast::storage {
namespace {

// Numbers are kept as signed 64-bit columns.
constexpr uint64_t kNumberMax = static_cast<uint64_t>(std::numeric_limits<int64_t>::max());

}  // namespace

absl::Status AuditStore::Add(const v1::AuditRecords& records) {
  const std::vector<const v1::AuditRecord*> pointers(records.records().pointer_begin(),
                                                     records.records().pointer_end());
  return Add(absl::MakeConstSpan(pointers));
}

absl::Status CheckAuditQuery(const AuditQuery& query) {
  if (query.limit == 0 || query.limit > kAuditPageRecordsMax) {
    return absl::InvalidArgumentError(fmt::format(
        "audit query: expected a limit of 1 to {}, got {}", kAuditPageRecordsMax, query.limit));
  }
  if (query.after > kNumberMax) {
    return absl::InvalidArgumentError(
        fmt::format("audit query: {} is no number of a record", query.after));
  }
  if (query.after != 0 && query.node_id.empty()) {
    return absl::InvalidArgumentError(
        "audit query: a number to go on after needs a node, since each node counts for itself");
  }
  return absl::OkStatus();
}

absl::Status CheckAuditRecord(const v1::AuditRecord& record) {
  if (!record.GetReflection()->GetUnknownFields(record).empty()) {
    return absl::FailedPreconditionError(
        "upgrade_required: an audit record has fields that this program does not know");
  }
  if (record.node_id().empty()) return absl::InvalidArgumentError("audit record without a node id");
  if (record.number() == 0 || record.number() > kNumberMax) {
    return absl::InvalidArgumentError(fmt::format("audit record of {}: {} is no number of a record",
                                                  record.node_id(), record.number()));
  }
  return absl::OkStatus();
}

}  // namespace holdfast::storage
