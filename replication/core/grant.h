#ifndef HOLDFAST_REPLICATION_CORE_GRANT_H_
#define HOLDFAST_REPLICATION_CORE_GRANT_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "replication/core/epoch_guard.h"

namespace holdfast::replication {

// The voter's side of a promotion or restart.
struct VoterFacts {
  bool primary = false;  // serves now; also while it hands over
  // The primary whose live stream this node has, if any: a candidate does not disturb it.
  std::optional<std::string> following;
  EntryMeta last;  // durable end of the log
  uint32_t setting_k = 0;
  std::vector<uint32_t> pending_k;
  bool degrade = false;  // one of these settings has the policy `degrade`
  uint64_t committed_seq = 0;
};

struct GrantDecision {
  GrantAnswer answer;
  // Durably, and end the link of any older epoch, before the answer goes out: with each grant, for
  // a write that an earlier ask or a report began may not be done yet.
  std::optional<EpochPromises> persist;
};

// Grants an epoch above everything promised, once (the same ask again is granted again). The answer
// tells position, settings and promises as of before the grant. A dry run changes nothing, and is
// answered as if the number were high enough: the candidate learns the right one from it.
GrantDecision DecideGrant(const GrantAsk& ask, EpochGuard& guard, const VoterFacts& facts);

}  // namespace holdfast::replication

#endif  // HOLDFAST_REPLICATION_CORE_GRANT_H_
