#ifndef HOLDFAST_REPLICATION_CORE_HISTORY_H_
#define HOLDFAST_REPLICATION_CORE_HISTORY_H_

#include <cstdint>
#include <optional>
#include <vector>

#include "replication/core/log_position.h"

namespace holdfast::replication {

// The highest seq up to which two logs hold the same entries, by their histories: the newest epoch
// that both have with the same beginning, to where the first of them leaves it. 0: they part at the
// beginning. nullopt: the histories shown do not reach back to a common epoch, so nobody can say.
//
// Relies on one writer an epoch that never plans a seq twice; digests catch what breaks that.
std::optional<uint64_t> ForkPoint(const LogShape& mine, const LogShape& theirs);

// The newest `max` of a history that is oldest first.
std::vector<EpochStart> NewestOf(const std::vector<EpochStart>& history, size_t max);

// What of `history` is true for a log that ends at `seq`.
std::vector<EpochStart> HistoryUpTo(const std::vector<EpochStart>& history, uint64_t seq);

// Null when the rules of a history hold: epochs rise by number, first seqs rise.
const char* HistoryFault(const std::vector<EpochStart>& history);

}  // namespace holdfast::replication

#endif  // HOLDFAST_REPLICATION_CORE_HISTORY_H_
