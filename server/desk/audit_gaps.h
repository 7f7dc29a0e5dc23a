#ifndef HOLDFAST_SERVER_DESK_AUDIT_GAPS_H_
#define HOLDFAST_SERVER_DESK_AUDIT_GAPS_H_

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "holdfast/v1/peer.pb.h"
#include "server/storage/audit_store.h"

namespace holdfast::desk {

// What one node has of another's journal, or of its own, in its store.
struct JournalCoverage {
  std::string node_id;
  // The first number that it could have. Above 1 when the journal began later than that as this
  // node first asked for it: where its knowledge begins, no gap.
  uint64_t begins = 1;
  uint64_t contiguous = 0;       // everything from `begins` up to here; begins - 1: nothing yet
  uint64_t highest = 0;          // the newest that it has
  uint64_t head = 0;             // the newest that it knows of; above `highest`: on the way
  bool head_is_current = false;  // that node was heard of lately
  int64_t highest_ms = 0;        // when `highest` was written: complete up to then, but for gaps
  std::vector<storage::AuditCoverage::Gap> gaps;  // went by retention before it had them
};

struct AuditGaps {
  std::string node_id;                    // who tells
  std::vector<JournalCoverage> journals;  // by node_id
  // Its own journal: who has it up to where, and since when somebody lacks something; 0: nobody.
  std::map<std::string, uint64_t> collected_by;
  int64_t oldest_uncollected_ms = 0;
  uint64_t trimmed_uncollected = 0;  // records, since it started
  uint64_t unrecorded = 0;           // served while the journal was full, and only counted so far

  bool whole() const;  // no gap anywhere
};

// As a refusal that says what to do, when `status` is that of a store that is away.
absl::Status AuditRecordsAway(const absl::Status& status);

// The journals of everybody that is a member or has left records. Pure; highest_ms stays 0.
std::vector<JournalCoverage> CoverageOf(const std::vector<storage::AuditCoverage>& collected,
                                        const std::vector<v1::NodeReport>& members);

}  // namespace holdfast::desk

#endif  // HOLDFAST_SERVER_DESK_AUDIT_GAPS_H_
