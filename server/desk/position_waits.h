#ifndef HOLDFAST_SERVER_DESK_POSITION_WAITS_H_
#define HOLDFAST_SERVER_DESK_POSITION_WAITS_H_

#include <cstddef>
#include <functional>
#include <map>
#include <vector>

#include "absl/status/status.h"
#include "server/base/clock.h"
#include "server/base/position.h"

namespace holdfast::desk {

enum class Reach {
  kReached,
  kNotYet,
  kLost,  // the log went on without it, and never will have it
};

// Whether a log that is shown up to `shown`, and whose epochs began as `history` says (oldest
// first), holds the demanded position. Only what is shown decides: starts beyond it may be cut. An
// epoch newer than the one shown may still come.
Reach ReachOf(const Position& demanded, const Position& shown,
              const std::vector<EpochStart>& history);

// Those who wait for a position, without a thread each.
//
// Invariants  Each callback is handed out once.
// Threading   Thread-compatible. It calls nobody: the owner calls what it hands out, without locks.
class PositionWaits {
 public:
  using Done = std::function<void(absl::Status)>;
  struct Ready {
    Done done;
    absl::Status status;
  };
  explicit PositionWaits(size_t waits_max) : waits_max_(waits_max) {}

  // False when there is no room.
  bool Add(const Position& demanded, MonoTime deadline, Done done);
  // The log moved.
  std::vector<Ready> TakeDecided(const Position& shown, const std::vector<EpochStart>& history);
  std::vector<Ready> TakeExpired(const Position& shown, MonoTime now);
  std::vector<Ready> TakeAll(const absl::Status& status);
  bool empty() const { return waits_.empty(); }

 private:
  struct Wait {
    Position demanded;
    MonoTime deadline;
    Done done;
  };
  const size_t waits_max_;
  std::multimap<uint64_t, Wait> waits_;  // by seq: what moved decides the front
  uint64_t decided_in_epoch_ = 0;
};

}  // namespace holdfast::desk

#endif  // HOLDFAST_SERVER_DESK_POSITION_WAITS_H_
