#include "replication/core/hand_over.h"

#include <fmt/format.h>

namespace holdfast::replication {

HandOverEffects HandOverMachine::OnTick(MonoTime now) {
  if (done_) return {};
  if (asked_at_.has_value() && now - *asked_at_ < kTakeOverAskEvery) return {};
  asked_at_ = now;
  return {.ask = true};
}

HandOverEffects HandOverMachine::OnAnswer(const TakeOverAnswer& answer) {
  if (done_) return {};
  switch (answer.outcome) {
    case TakeOverOutcome::kUnderWay:
      reason_ = answer.reason;
      return {};
    case TakeOverOutcome::kAccepted:
      done_ = true;
      return {.accepted = answer.epoch};
    case TakeOverOutcome::kRefused:
      done_ = true;
      reason_ = answer.reason;
      return {.refused = true};
  }
  return {};
}

HandOverEffects HandOverMachine::OnEpochSeen(const Epoch& epoch) {
  if (done_ || epoch.number <= ask_.from_epoch.number) return {};
  done_ = true;
  return {.superseded = true};
}

std::string HandOverMachine::Waiting() const {
  if (done_) return "";
  return fmt::format("has handed over to {} and asks it to take over{}{}", target_,
                     reason_.empty() ? "" : ": ", reason_);
}

std::optional<std::string> HandedOverTo(const std::string& self, const LogShape& log) {
  const bool mine = log.tail.kind == LogTail::Kind::kHandOver && log.last.epoch.node_id == self;
  if (!mine || log.tail.target == self || log.tail.target.empty()) return std::nullopt;
  return log.tail.target;
}

TakeOverDecision DecideTakeOver(const TakeOverAsk& ask, const TakeOverFacts& facts) {
  TakeOverDecision out;
  const EpochPromises& p = facts.promises;
  if (p.own.number > ask.from_epoch.number) {
    out.answer.outcome = TakeOverOutcome::kAccepted;
    out.answer.epoch = p.own;
    return out;
  }
  if (p.granted.number > ask.from_epoch.number && p.granted.node_id != facts.self) {
    out.answer.outcome = TakeOverOutcome::kRefused;
    out.answer.epoch = p.granted;
    out.answer.reason = fmt::format("has granted {}", ToText(p.granted));
    return out;
  }
  const bool ends_there = facts.log.last == ask.hand_over &&
                          facts.log.tail.kind == LogTail::Kind::kHandOver &&
                          facts.log.tail.target == facts.self;
  if (!ends_there) {
    out.answer.outcome = TakeOverOutcome::kRefused;
    out.answer.reason = fmt::format("ends at {}, the hand-over is at {}", ToText(facts.log.last),
                                    ToText(ask.hand_over));
    return out;
  }
  if (!facts.trusted) {
    out.answer.outcome = TakeOverOutcome::kRefused;
    out.answer.reason = "its rows cannot be trusted";
    return out;
  }
  out.answer.reason = "gathers grants";  // under way
  out.begin = !facts.under_way;
  return out;
}

bool GoesOnToTakeOver(const TakeOverFacts& facts) {
  const LogTail& tail = facts.log.tail;
  const bool mine = tail.kind == LogTail::Kind::kHandOver && tail.target == facts.self;
  return mine && facts.trusted && !facts.under_way &&
         facts.promises.granted.node_id == facts.self &&
         facts.promises.own.number > facts.log.last.epoch.number;
}

}  // namespace holdfast::replication
