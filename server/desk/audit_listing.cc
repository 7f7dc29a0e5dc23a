// Who did what: the collected records, with our own journal up to now.
#include <algorithm>

#include "server/base/status_macros.h"
#include "server/desk/vault_desk.h"
#include "server/observe/log.h"
#include "server/vault/access.h"
#include "server/vault/refusal.h"

namespace holdfast::desk {
namespace {

constexpr size_t kPageBytes = 1024 * 1024;

}  // namespace

absl::Status AuditRecordsAway(const absl::Status& status) {
  if (!absl::IsUnavailable(status)) return status;
  return vault::Refuse(vault::Refusal::kOverloaded,
                       "the database with the audit records of this node is away; nothing is lost: "
                       "ask again later, or another node");
}

absl::Status VaultDesk::CollectOwn() {
  for (size_t taken = 0; taken < kOwnRecordsAListing; taken += storage::kAuditPageRecordsMax) {
    HOLDFAST_ASSIGN_OR_RETURN(const uint64_t highest, parts_.audit_store.Highest(parts_.node_id));
    const uint64_t first = std::max(highest + 1, parts_.journal.oldest());
    HOLDFAST_ASSIGN_OR_RETURN(
        const v1::AuditRecords records,
        parts_.journal.Read(first, storage::kAuditPageRecordsMax, kPageBytes));
    if (records.records().empty()) break;
    HOLDFAST_RETURN_IF_ERROR(parts_.audit_store.Add(records));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<v1::AuditRecord>> VaultDesk::ListAudit(const Caller& caller,
                                                                  const AuditQuery& query) {
  HOLDFAST_RETURN_IF_ERROR(Read(caller, [](const vault::StateReader&, const v1::UserRow& user) {
    return vault::MayReadAudit(user);
  }));
  if (const absl::Status collected = CollectOwn(); !collected.ok()) {
    // What was collected before is still worth reading.
    LogWarning("the own journal is not in the audit listing: {}", ToText(collected));
  }
  storage::AuditQuery asked;
  asked.node_id = query.node_id;
  asked.after = query.after;
  asked.newest_first = true;
  asked.limit = std::clamp<size_t>(query.limit, 1, storage::kAuditPageRecordsMax);
  absl::StatusOr<storage::AuditPage> page = parts_.audit_store.List(asked);
  if (!page.ok()) return AuditRecordsAway(page.status());
  return std::move(page->records);
}

}  // namespace holdfast::desk
