#include "replication/core/grant.h"

#include <fmt/format.h>

#include <utility>

namespace holdfast::replication {
namespace {

GrantAnswer AnswerAsOfNow(const GrantAsk& ask, const EpochGuard& guard, const VoterFacts& facts) {
  GrantAnswer answer{.node_id = guard.self(),
                     .asked = ask.epoch,
                     .granted = false,
                     .granted_before = guard.granted(),
                     .last = facts.last,
                     .setting_k = facts.setting_k,
                     .pending_k = facts.pending_k,
                     .reason = {},
                     .dry_run = ask.dry_run,
                     .granted_k = {},
                     .degrade = facts.degrade,
                     .committed_seq = facts.committed_seq,
                     .follows = facts.primary ? guard.self() : facts.following.value_or(""),
                     .rival_before = guard.promises().rival};
  for (const EpochPromises::GrantedK& granted : guard.promises().granted_ks) {
    if (granted.epoch != ask.epoch) answer.granted_k.push_back(granted.k);
  }
  return answer;
}

}  // namespace

GrantDecision DecideGrant(const GrantAsk& ask, EpochGuard& guard, const VoterFacts& facts) {
  GrantDecision out{.answer = AnswerAsOfNow(ask, guard, facts), .persist = std::nullopt};
  if (ask.epoch.number == 0 || ask.epoch.node_id.empty()) {
    out.answer.reason = "an ask without an epoch";
    return out;
  }
  if (facts.primary) {
    out.answer.reason = fmt::format("{} is primary", guard.self());
    return out;
  }
  if (facts.following.has_value() && *facts.following != ask.epoch.node_id) {
    out.answer.reason = fmt::format("follows {}, which is up", *facts.following);
    return out;
  }
  if (ask.dry_run) {
    out.answer.granted = true;
    return out;
  }
  const EpochOutcome seen = guard.OnSeen(ask.epoch);
  if (seen.seen == EpochSeen::kOlder || seen.seen == EpochSeen::kConflict) {
    out.answer.reason =
        fmt::format("has granted {}, asked for {}", ToText(guard.granted()), ToText(ask.epoch));
    return out;
  }
  if (ask.k.has_value()) guard.NoteGrantedK(ask.epoch, *ask.k);
  out.answer.granted = true;
  out.persist = guard.promises();
  return out;
}

}  // namespace holdfast::replication
