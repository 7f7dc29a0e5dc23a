#ifndef HOLDFAST_SERVER_STORAGE_AUDIT_STORE_H_
#define HOLDFAST_SERVER_STORAGE_AUDIT_STORE_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "holdfast/v1/audit.pb.h"
#include "server/base/clock.h"

namespace holdfast::storage {

inline constexpr size_t kAuditPageRecordsMax = 1000;

// Empty or 0: any.
struct AuditQuery {
  std::string node_id;
  uint64_t after = 0;  // records with a higher number only; needs node_id
  uint64_t user_id = 0;
  uint64_t account_id = 0;
  int64_t from_ms = 0;   // wall_ms, including
  int64_t until_ms = 0;  // wall_ms, not including
  // false: ascending (by number with node_id, else by time); true: the newest first.
  bool newest_first = false;
  size_t limit = 100;  // at most kAuditPageRecordsMax
};

struct AuditPage {
  std::vector<v1::AuditRecord> records;
};

// What is collected of one node's journal.
struct AuditCoverage {
  struct Gap {
    uint64_t first = 0;
    uint64_t last = 0;
    bool operator==(const Gap&) const = default;
  };
  std::string node_id;
  uint64_t highest = 0;   // ask its journal from highest + 1
  std::vector<Gap> gaps;  // never collected, because no longer retained when they were asked for
};

// The audit records that were collected from the journals of all nodes, to be queried. They are
// copies: what is lost here is collected again.
//
// Relies on   One process per store.
// Invariants  1. A record is there once, whatever is added twice; one that is there never changes.
//             2. Every number up to highest is there, was removed by retention, or is in a gap.
// Threading   Thread-safe.
// Failure     INVALID_ARGUMENT: refused. FAILED_PRECONDITION: "upgrade_required".
// RESOURCE_EXHAUSTED: no room, try again later. DATA_LOSS:
//             damaged, or a journal that was turned back (a number that is there came with another
//             content); nothing of that Add was kept.
class AuditStore {
 public:
  virtual ~AuditStore() = default;

  // All or none. Numbers of a node that jump over some mark a gap, which a later Add may fill.
  virtual absl::Status Add(absl::Span<const v1::AuditRecord* const> records) = 0;
  absl::Status Add(const v1::AuditRecords& records);

  virtual absl::StatusOr<uint64_t> Highest(const std::string& node_id) = 0;  // 0: none
  virtual absl::StatusOr<std::vector<AuditCoverage>> Coverage() = 0;         // by node_id
  virtual absl::StatusOr<AuditPage> List(const AuditQuery& query) = 0;

  // Retention: removes records older than `before`, at most `records_max`; the number that went.
  virtual absl::StatusOr<uint64_t> TrimOlderThan(WallTime before, size_t records_max) = 0;

  // The process ends: nothing waits for a server that is away any more.
  virtual void StopWaiting() {}
};

// INVALID_ARGUMENT naming what is wrong.
absl::Status CheckAuditQuery(const AuditQuery& query);
absl::Status CheckAuditRecord(const v1::AuditRecord& record);

}  // namespace holdfast::storage

#endif  // HOLDFAST_SERVER_STORAGE_AUDIT_STORE_H_
