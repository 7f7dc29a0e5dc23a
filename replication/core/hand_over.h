#ifndef HOLDFAST_REPLICATION_CORE_HAND_OVER_H_
#define HOLDFAST_REPLICATION_CORE_HAND_OVER_H_

#include <optional>
#include <string>

#include "replication/core/epoch_guard.h"

namespace holdfast::replication {

// ---- The side that handed over: its log ends in its own hand-over record, and it has stepped
// down.

struct HandOverEffects {
  bool ask = false;               // TakeOver, to target(), with ask()
  std::optional<Epoch> accepted;  // done: EpochGuard::OnSeen, and follow
  bool refused = false;           // done: RoleMachine::OnHandOverRefused, a restart like any other
  bool superseded = false;        // done: somebody serves in a newer epoch
};

// Asks the target to become primary, each kTakeOverAskEvery, until it durably accepts or refuses;
// also after a restart of this node. It never gives up by itself: the log says that this node
// does not go on.
//
// Room        replication/core.
// Threading   Thread-compatible.
class HandOverMachine {
 public:
  HandOverMachine(std::string target, TakeOverAsk ask) : target_(std::move(target)), ask_(ask) {}

  HandOverEffects OnTick(MonoTime now);  // asks at once at first
  HandOverEffects OnAnswer(const TakeOverAnswer& answer);
  // Somebody says that it is primary in `epoch`. That a number was granted is not enough: its
  // candidate may never claim it.
  HandOverEffects OnEpochSeen(const Epoch& epoch);

  bool done() const { return done_; }
  const std::string& target() const { return target_; }
  const TakeOverAsk& ask() const { return ask_; }
  std::string Waiting() const;

 private:
  std::string target_;
  TakeOverAsk ask_;
  bool done_ = false;
  std::optional<MonoTime> asked_at_;
  std::string reason_;
};

// Whether the log of `self` ends in its own hand-over to somebody else: then it asks, and does not
// restart.
std::optional<std::string> HandedOverTo(const std::string& self, const LogShape& log);

// ---- The side that is to take over.

struct TakeOverFacts {
  std::string self;
  EpochPromises promises;  // as they are on disk
  LogShape log;
  bool under_way = false;  // a candidate runs already, or the claimed epoch begins
  bool trusted = true;     // its rows
};
struct TakeOverDecision {
  TakeOverAnswer answer;
  bool begin = false;  // a CandidateMachine, CandidateMode::kTakeOver
};
// Accepted and refused are facts of the disk, so the same ask is answered the same for ever. A node
// that lacks the record refuses, and so does one whose rows cannot be trusted: whoever handed over
// needs its grant to go on, so it cannot take over later.
TakeOverDecision DecideTakeOver(const TakeOverAsk& ask, const TakeOverFacts& facts);

// It had accepted, by its claim, and was stopped before the epoch had a record: whoever handed over
// does not ask any more, so this node begins by itself, as often as it takes. The proof is still
// the author's grant, so only while that one can be asked.
bool GoesOnToTakeOver(const TakeOverFacts& facts);

}  // namespace holdfast::replication

#endif  // HOLDFAST_REPLICATION_CORE_HAND_OVER_H_
