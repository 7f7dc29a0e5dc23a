#ifndef HOLDFAST_REPLICATION_CORE_SWITCHOVER_H_
#define HOLDFAST_REPLICATION_CORE_SWITCHOVER_H_

#include <cstdint>
#include <string>

#include "replication/core/messages.h"

namespace holdfast::replication {

// How far things are on the primary, and on the target as its acknowledgements say.
struct SwitchoverProgress {
  uint64_t head = 0;
  uint64_t committed = 0;
  bool target_votes = false;
  bool target_streams = false;
  uint64_t target_durable = 0;
};

struct SwitchoverEffects {
  bool hold_writes = false;       // RoleMachine::OnSwitchover
  bool abandon = false;           // done: RoleMachine::OnSwitchoverAbandoned; reason() says why
  bool append_hand_over = false;  // RoleMachine::OnAppendHandOver, the record, OnHandOverAppended
  bool step_down = false;         // done: RoleMachine::OnHandedOver
};

// The primary's part of a switchover, up to the moment it steps down; then HandOverMachine.
// Until the hand-over record is appended it can be abandoned, and nothing has happened. Afterwards
// this node appends nothing more in this epoch, whatever becomes of the record.
//
// Room        replication/core. Steps: docs/promotion.md.
// Threading   Thread-compatible.
class SwitchoverMachine {
 public:
  SwitchoverMachine(std::string target, MonoTime now) : target_(std::move(target)), began_(now) {}

  // `abandon` at once: the target is not caught up. Else writes wait from here on.
  SwitchoverEffects Begin(const SwitchoverProgress& progress);
  // When anything moved, and each tick. At most kSwitchoverWritesWait long writes wait.
  SwitchoverEffects OnProgress(const SwitchoverProgress& progress, MonoTime now);
  void OnHandOverAppended(uint64_t seq) { record_seq_ = seq; }

  const std::string& target() const { return target_; }
  const std::string& reason() const { return reason_; }
  // Of an abandoned one: it never began, for the target was too far behind.
  bool not_caught_up() const { return phase_ == Phase::kAbandoned && !held_; }
  bool done() const { return phase_ == Phase::kAbandoned || phase_ == Phase::kDone; }

 private:
  enum class Phase { kBegin, kHold, kAppend, kAbandoned, kDone };
  SwitchoverEffects Abandon(std::string reason);

  std::string target_;
  MonoTime began_;
  Phase phase_ = Phase::kBegin;
  bool held_ = false;
  uint64_t record_seq_ = 0;  // 0: not appended yet
  std::string reason_;
};

}  // namespace holdfast::replication

#endif  // HOLDFAST_REPLICATION_CORE_SWITCHOVER_H_
