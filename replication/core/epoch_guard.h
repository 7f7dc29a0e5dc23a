#ifndef HOLDFAST_REPLICATION_CORE_EPOCH_GUARD_H_
#define HOLDFAST_REPLICATION_CORE_EPOCH_GUARD_H_

#include <optional>
#include <string>
#include <vector>

#include "replication/core/messages.h"

namespace holdfast::replication {

// The promises of one node, as they are on its disk.
struct EpochPromises {
  Epoch granted;  // older epochs are refused from then on
  Epoch own;      // the newest epoch that this node claimed for itself
  // When `own` was claimed by the restart rule: the epoch it went on from. A crash between the
  // claim and the start record then leaves the node as entitled to restart as it was before.
  Epoch resumed_from;
  // With which k the candidates of granted epochs would begin, where an operator's order says so:
  // oldest first, until a record of that epoch or a newer one is committed here.
  struct GrantedK {
    Epoch epoch;
    uint32_t k = 0;
    bool operator==(const GrantedK&) const = default;
  };
  std::vector<GrantedK> granted_ks;
  // The newest epoch promised to another node than `granted` is: else what a node grants itself,
  // again and again, would hide to whom it has promised before. Number 0: not known.
  Epoch rival;
  bool operator==(const EpochPromises&) const = default;
};

enum class EpochSeen {
  kOlder,  // refuse it
  kCurrent,
  kHigher,    // taken: persist first, then go on
  kConflict,  // equal number, other node: see JudgeConflict
};

struct EpochOutcome {
  EpochSeen seen = EpochSeen::kCurrent;
  std::optional<EpochPromises> persist;  // durably, before anything is answered or sent
};

enum class Conflict { kKeep, kYield, kSplit };
struct ConflictFacts {
  std::string me;
  std::string other;
  bool i_acknowledged = false;      // a commit in this epoch was shown or answered here
  bool other_acknowledged = false;  // so it reports
};
// Two primaries with the same number: the one that has acknowledged nothing yields (neither has:
// the lower id yields); if both have, it is a split and both stop acknowledging until an operator
// decides.
Conflict JudgeConflict(const ConflictFacts& facts);

// Keeps the highest epoch that this node promised to. It refuses older ones from the moment it
// learns of a higher one; what it tells others must be on disk first, so every rise is an effect.
//
// Room        replication/core.
// Invariants  granted() never goes down; granted() >= own().
// Threading   Thread-compatible.
class EpochGuard {
 public:
  EpochGuard(std::string self, EpochPromises promises);

  // Seen in a hello, an answer, a batch, a report or an ask for a grant.
  EpochOutcome OnSeen(const Epoch& epoch);
  // What OnSeen would say; changes nothing.
  EpochSeen Compare(const Epoch& epoch) const;

  // Takes it as promised (a candidate grants itself); to be persisted. nullopt: a newer or another
  // epoch of that number was promised meanwhile. `k`: the epoch would start with it.
  std::optional<EpochPromises> GrantSelf(const Epoch& epoch,
                                         std::optional<uint32_t> k = std::nullopt);
  // The same for another node's epoch, which OnSeen has taken already.
  void NoteGrantedK(const Epoch& epoch, uint32_t k);
  // The newest committed record is of `epoch`: what was told with the grants up to it stands in the
  // log now, or never will. To be persisted with the next promise; no hurry.
  void OnCommitted(const Epoch& epoch);
  // Two nodes have the same number, and JudgeConflict says that this one yields to `winner`, who is
  // primary in it: gives up its own epoch of that number for good and may follow the other. Only
  // once nothing is appended in the own one any more. To be persisted before a hello is said.
  // nullopt: there is nothing of that number to give up.
  std::optional<EpochPromises> Yield(const Epoch& winner);
  // Takes it as own: the role begins. `resumed_from`: see EpochPromises. nullopt also when
  // something is promised to another node and GrantSelf has not gone above it.
  std::optional<EpochPromises> Claim(const Epoch& epoch, const Epoch& resumed_from);

  const EpochPromises& promises() const { return promises_; }
  const Epoch& granted() const { return promises_.granted; }
  const Epoch& own() const { return promises_.own; }
  const std::string& self() const { return self_; }

 private:
  void Take(const Epoch& epoch);

  std::string self_;
  EpochPromises promises_;
};

}  // namespace holdfast::replication

#endif  // HOLDFAST_REPLICATION_CORE_EPOCH_GUARD_H_
