#ifndef HOLDFAST_REPLICATION_CORE_EPOCH_GUARD_H_
#define HOLDFAST_REPLICATION_CORE_EPOCH_GUARD_H_

#include <optional>
#include <string>

#include "replication/core/messages.h"

namespace holdfast::replication {

// The promises of one node, as they are on its disk.
struct EpochPromises {
  Epoch granted;  // older epochs are refused from then on
  Epoch own;      // the newest epoch that this node claimed for itself
  // When `own` was claimed by the restart rule: the epoch it went on from. A crash between the
  // claim and the start record then leaves the node as entitled to restart as it was before.
  Epoch resumed_from;
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

  // The next epoch that this node could serve in, above everything known here and `known_number`.
  Epoch NextEpoch(uint64_t known_number = 0) const;
  // Takes it as promised (a candidate grants itself); to be persisted. nullopt: a newer or another
  // epoch of that number was promised meanwhile.
  std::optional<EpochPromises> GrantSelf(const Epoch& epoch);
  // Takes it as own: the role begins. `resumed_from`: see EpochPromises.
  std::optional<EpochPromises> Claim(const Epoch& epoch, const Epoch& resumed_from);

  const EpochPromises& promises() const { return promises_; }
  const Epoch& granted() const { return promises_.granted; }
  const Epoch& own() const { return promises_.own; }
  const std::string& self() const { return self_; }

 private:
  std::string self_;
  EpochPromises promises_;
};

}  // namespace holdfast::replication

#endif  // HOLDFAST_REPLICATION_CORE_EPOCH_GUARD_H_
