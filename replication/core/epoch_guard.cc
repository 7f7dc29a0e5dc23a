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

void EpochGuard::Take(const Epoch& epoch) {
  Epoch& granted = promises_.granted;
  if (granted.number > 0 && granted.node_id != epoch.node_id) promises_.rival = granted;
  granted = epoch;
}

EpochOutcome EpochGuard::OnSeen(const Epoch& epoch) {
  EpochOutcome out{.seen = Compare(epoch), .persist = std::nullopt};
  if (out.seen == EpochSeen::kHigher) {
    Take(epoch);
    out.persist = promises_;
  }
  return out;
}

std::optional<EpochPromises> EpochGuard::GrantSelf(const Epoch& epoch, std::optional<uint32_t> k) {
  HOLDFAST_CHECK(epoch.node_id == self_);
  const EpochSeen seen = Compare(epoch);
  if (seen != EpochSeen::kHigher && seen != EpochSeen::kCurrent) return std::nullopt;
  Take(epoch);
  if (k.has_value()) NoteGrantedK(epoch, *k);
  return promises_;
}

void EpochGuard::NoteGrantedK(const Epoch& epoch, uint32_t k) {
  auto& all = promises_.granted_ks;
  const EpochPromises::GrantedK note{epoch, k};
  if (std::find(all.begin(), all.end(), note) != all.end()) return;
  all.push_back(note);
  if (all.size() <= kGrantedKsMax) return;
  // Only the smallest and the largest count, and the newest may become a setting: one that is none
  // of them goes.
  const auto by_k = [](const auto& a, const auto& b) { return a.k < b.k; };
  const auto smallest = std::min_element(all.begin(), all.end(), by_k);
  const auto largest = std::max_element(all.begin(), all.end(), by_k);
  for (auto it = all.begin(); it + 1 != all.end(); ++it) {
    if (it == smallest || it == largest) continue;
    all.erase(it);
    return;
  }
}

void EpochGuard::OnCommitted(const Epoch& epoch) {
  std::erase_if(promises_.granted_ks, [&epoch](const EpochPromises::GrantedK& granted) {
    return granted.epoch.number <= epoch.number;
  });
}

std::optional<EpochPromises> EpochGuard::Yield(const Epoch& winner) {
  if (Compare(winner) != EpochSeen::kConflict || promises_.granted.node_id != self_) {
    return std::nullopt;
  }
  Take(winner);
  return promises_;
}

std::optional<EpochPromises> EpochGuard::Claim(const Epoch& epoch, const Epoch& resumed_from) {
  // Over a promise to another node only by a grant to itself: who goes on without one (a restart
  // without k) relies on there being no such promise.
  const bool promised = promises_.granted.number > 0 && promises_.granted.node_id != self_;
  if (promised || !GrantSelf(epoch).has_value()) return std::nullopt;
  promises_.own = epoch;
  promises_.resumed_from = resumed_from;
  return promises_;
}

}  // namespace holdfast::replication
