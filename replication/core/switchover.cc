#include "replication/core/switchover.h"

#include <fmt/format.h>

#include <utility>

namespace holdfast::replication {

SwitchoverEffects SwitchoverMachine::Abandon(std::string reason) {
  phase_ = Phase::kAbandoned;
  reason_ = std::move(reason);
  return {.abandon = true};
}

SwitchoverEffects SwitchoverMachine::Begin(const SwitchoverProgress& progress) {
  if (phase_ != Phase::kBegin) return {};
  if (!progress.target_votes) return Abandon(fmt::format("{} does not vote", target_));
  if (!progress.target_streams) return Abandon(fmt::format("{} is not streaming", target_));
  if (progress.target_durable + kSwitchoverBehindMax < progress.head) {
    return Abandon(fmt::format("{} is {} records behind, at most {}", target_,
                               progress.head - progress.target_durable, kSwitchoverBehindMax));
  }
  phase_ = Phase::kHold;
  held_ = true;
  return {.hold_writes = true};
}

SwitchoverEffects SwitchoverMachine::OnProgress(const SwitchoverProgress& progress, MonoTime now) {
  const bool late = now - began_ >= kSwitchoverWritesWait;
  if (phase_ == Phase::kHold) {
    if (progress.committed >= progress.head && progress.target_durable >= progress.head) {
      phase_ = Phase::kAppend;
      return {.append_hand_over = true};
    }
    if (!progress.target_streams) return Abandon(fmt::format("the stream of {} ended", target_));
    if (late) return Abandon(fmt::format("{} did not reach the head in time", target_));
    return {};
  }
  if (phase_ != Phase::kAppend || record_seq_ == 0) return {};
  const bool there = progress.committed >= record_seq_ && progress.target_durable >= record_seq_;
  // Nothing can be written in this epoch any more: what the target has or has not decides the rest.
  if (!there && !late) return {};
  phase_ = Phase::kDone;
  return {.step_down = true};
}

}  // namespace holdfast::replication
