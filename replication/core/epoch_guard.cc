#include "replication/core/epoch_guard.h"

#include <algorithm>
#include <utility>

#include "server/base/check.h"

namespace holdfast::replication {

Conflict JudgeConflict(const ConflictFacts& facts) {
  if (facts.i_acknowledged && facts.other_acknowledged) return Conflict::kSplit;
  if (facts.i_acknowledged) return Conflict::kKeep;
  if (facts.other_acknowledged) return Conflict::kYield;
  return facts.me < facts.other ? Conflict::kYield : Conflict::kKeep;
}

EpochGuard::EpochGuard(std::string self, EpochPromises promises)
    : self_(std::move(self)), promises_(std::move(promises)) {
  HOLDFAST_CHECK(promises_.granted.number >= promises_.own.number);
}

EpochSeen EpochGuard::Compare(const Epoch& epoch) const {
  if (epoch.number < promises_.granted.number) return EpochSeen::kOlder;
  if (epoch.number > promises_.granted.number) return EpochSeen::kHigher;
  return epoch == promises_.granted ? EpochSeen::kCurrent : EpochSeen::kConflict;
}

EpochOutcome EpochGuard::OnSeen(const Epoch& epoch) {
  EpochOutcome out{.seen = Compare(epoch), .persist = std::nullopt};
  if (out.seen == EpochSeen::kHigher) {
    promises_.granted = epoch;
    out.persist = promises_;
  }
  return out;
}

Epoch EpochGuard::NextEpoch(uint64_t known_number) const {
  return {std::max(promises_.granted.number, known_number) + 1, self_};
}

std::optional<EpochPromises> EpochGuard::GrantSelf(const Epoch& epoch) {
  HOLDFAST_CHECK(epoch.node_id == self_);
  const EpochSeen seen = Compare(epoch);
  if (seen != EpochSeen::kHigher && seen != EpochSeen::kCurrent) return std::nullopt;
  promises_.granted = epoch;
  return promises_;
}

std::optional<EpochPromises> EpochGuard::Claim(const Epoch& epoch, const Epoch& resumed_from) {
  if (!GrantSelf(epoch).has_value()) return std::nullopt;
  promises_.own = epoch;
  promises_.resumed_from = resumed_from;
  return promises_;
}

}  // namespace holdfast::replication
