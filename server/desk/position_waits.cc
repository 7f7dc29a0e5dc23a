#include "server/desk/position_waits.h"

#include <fmt/format.h>

#include <utility>

#include "server/vault/refusal.h"

namespace holdfast::desk {
namespace {

absl::Status Lost(const Position& demanded) {
  return vault::Refuse(vault::Refusal::kPositionLost,
                       fmt::format("position {} lies beyond the end of its epoch: the log went on "
                                   "without it",
                                   ToText(demanded)));
}

absl::Status NotReached(const Position& demanded, const Position& shown) {
  return vault::Refuse(vault::Refusal::kPositionNotReached,
                       fmt::format("position {} is not reached: this node is at {}",
                                   ToText(demanded), ToText(shown)));
}

}  // namespace

Reach ReachOf(const Position& demanded, const Position& shown,
              const std::vector<EpochStart>& history) {
  if (demanded.seq == 0) return Reach::kReached;
  if (demanded.epoch > shown.epoch) return Reach::kNotYet;
  bool known = demanded.epoch == shown.epoch;
  for (const EpochStart& start : history) {
    if (start.first_seq > shown.seq) break;
    if (start.epoch.number == demanded.epoch) known = true;
    if (start.epoch.number <= demanded.epoch) continue;
    // The first epoch after the demanded one: it takes the log over from here on.
    if (demanded.seq >= start.first_seq) return Reach::kLost;
    break;
  }
  if (!known) return Reach::kLost;
  return demanded.seq <= shown.seq ? Reach::kReached : Reach::kNotYet;
}

bool PositionWaits::Add(const Position& demanded, MonoTime deadline, Done done) {
  if (waits_.size() >= waits_max_) return false;
  decided_in_epoch_ = 0;  // its epoch may have ended before it came
  waits_.emplace(demanded.seq, Wait{demanded, deadline, std::move(done)});
  return true;
}

std::vector<PositionWaits::Ready> PositionWaits::TakeDecided(
    const Position& shown, const std::vector<EpochStart>& history) {
  // A new epoch may decide any of them; else only what the log has passed.
  const bool all = shown.epoch != decided_in_epoch_;
  decided_in_epoch_ = shown.epoch;
  const auto end = all ? waits_.end() : waits_.upper_bound(shown.seq);
  std::vector<Ready> ready;
  for (auto at = waits_.begin(); at != end;) {
    const Reach reach = ReachOf(at->second.demanded, shown, history);
    if (reach == Reach::kNotYet) {
      ++at;
      continue;
    }
    ready.push_back({std::move(at->second.done),
                     reach == Reach::kLost ? Lost(at->second.demanded) : absl::OkStatus()});
    at = waits_.erase(at);
  }
  return ready;
}

std::vector<PositionWaits::Ready> PositionWaits::TakeExpired(const Position& shown, MonoTime now) {
  std::vector<Ready> ready;
  for (auto at = waits_.begin(); at != waits_.end();) {
    if (now < at->second.deadline) {
      ++at;
      continue;
    }
    ready.push_back({std::move(at->second.done), NotReached(at->second.demanded, shown)});
    at = waits_.erase(at);
  }
  return ready;
}

std::vector<PositionWaits::Ready> PositionWaits::TakeAll(const absl::Status& status) {
  std::vector<Ready> ready;
  for (auto& [seq, wait] : waits_) ready.push_back({std::move(wait.done), status});
  waits_.clear();
  return ready;
}

}  // namespace holdfast::desk
