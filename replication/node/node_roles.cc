#include <utility>

#include "replication/node/node.h"
#include "server/observe/log.h"

namespace holdfast::replication {

void Node::CarryOut(RoleEffects effects) {
  RoleEffects next;
  while (CarryOutOne(effects, next)) {
    effects = std::move(next);
    next = {};
  }
}

// In the order of RoleEffects. True: `next` came of it.
bool Node::CarryOutOne(const RoleEffects& effects, RoleEffects& next) {
  if (effects.close_gate) {
    NodeView view = deps_.gate.view();
    view.primary = false;
    deps_.gate.Set(std::move(view));
    LogWarning("is no longer primary in epoch {}", ToText(role_.epoch()));
  }
  if (effects.stop_publishing) {
    SetServing(std::nullopt);
    EndStreams();
    shelf_.Clear();
    deps_.ledger.StepDown();
    ++epoch_changes_;
    next = role_.OnDrained();
    return true;
  }
  if (effects.stop_following) follow_->Pause();
  if (effects.persist_epoch) {
    const LogShape shape = deps_.ledger.Shape();
    const Epoch from = shape.history.empty() ? Epoch{} : shape.history.back().epoch;
    const absl::Status claimed = book_->Claim(*effects.persist_epoch, from);
    if (claimed.ok()) {
      next = role_.OnEpochPersisted();
    } else {
      LogWarning("epoch {} cannot be claimed: {}", ToText(*effects.persist_epoch),
                 holdfast::ToText(claimed));
      next = role_.OnHigherEpoch(book_->promises().granted);
    }
    return true;
  }
  if (effects.append_epoch_start) {
    const absl::Status appended = deps_.ledger.StartEpoch(*effects.append_epoch_start);
    next = appended.ok() ? role_.OnEpochStartAppended() : role_.OnLogFailed();
    return true;
  }
  if (effects.start_publishing) {
    LogInfo("serves in epoch {}", ToText(role_.epoch()));
    SetServing(role_.epoch());
    TellMembers();
  }
  if (effects.open_gate) {
    ++epoch_changes_;
    LogInfo("is primary in epoch {}", ToText(role_.epoch()));
  }
  if (effects.start_following) follow_->Resume();
  if (effects.begin_restart) BeginRestart();
  return false;
}

void Node::BeginRestart() {
  RestartFacts facts{.self = deps_.identity.node_id, .promises = book_->promises()};
  for (const v1::MemberRow& member : Members()) {
    if (member.node_id() != facts.self && !member.never_primary()) {
      facts.others.push_back(member.node_id());
    }
  }
  facts.log = deps_.ledger.Shape();
  const HeldLog held = deps_.ledger.Held();
  facts.setting_k = held.setting_k;
  facts.pending_k = held.pending_k;
  LogInfo("was primary; asks {} other members whether it may go on", facts.others.size());
  restart_ = std::make_unique<RestartMachine>(std::move(facts), deps_.clock.Mono());
  CarryOut(restart_->Begin(deps_.clock.Mono()));
}

void Node::CarryOut(RestartEffects effects) {
  RestartEffects next;
  while (CarryOutOne(effects, next)) {
    effects = std::move(next);
    next = {};
  }
}

bool Node::CarryOutOne(const RestartEffects& effects, RestartEffects& next) {
  if (restart_ == nullptr) return false;
  if (effects.ask_reports) TellMembers();
  if (effects.grant_self) {
    const absl::Status granted = book_->GrantSelf(*effects.grant_self);
    next = granted.ok() ? restart_->OnSelfGranted(deps_.clock.Mono())
                        : restart_->OnSelfGrantRefused(book_->promises().granted);
    return true;
  }
  if (!effects.ask_grants.empty()) {
    const GrantAsk ask{.epoch = restart_->candidate(), .last = deps_.ledger.Shape().last};
    MutexLock lock(links_mu_);
    for (const std::string& id : effects.ask_grants) {
      if (const auto link = links_.find(id); link != links_.end()) link->second->AskGrant(ask);
    }
  }
  if (effects.give_up) {
    LogInfo("does not go on as primary: {}", restart_->Waiting());
    restart_ = nullptr;
    CarryOut(role_.OnRestartGivenUp());
  } else if (effects.resume) {
    restart_ = nullptr;
    CarryOut(role_.OnRestartAllowed(*effects.resume));
  }
  return false;
}

void Node::OnEpochSeen(const Epoch& epoch, bool other_acknowledged) {
  if (epoch.number == 0) return;
  const absl::StatusOr<EpochSeen> seen = book_->OnSeen(epoch);
  // A promise that cannot be written: act on it all the same, for it is true.
  if (!seen.ok() || *seen == EpochSeen::kHigher) {
    follow_->Granted(epoch);
    CarryOut(role_.OnHigherEpoch(epoch));
    return;
  }
  if (*seen != EpochSeen::kConflict || !role_.publishing() || role_.epoch() == epoch) return;
  const ConflictFacts facts{.me = deps_.identity.node_id,
                            .other = epoch.node_id,
                            .i_acknowledged = deps_.ledger.progress().epoch_start_committed,
                            .other_acknowledged = other_acknowledged};
  switch (JudgeConflict(facts)) {
    case Conflict::kKeep:
      break;
    case Conflict::kYield:
      CarryOut(role_.OnHigherEpoch(epoch));
      break;
    case Conflict::kSplit:
      LogError("{} serves in epoch {} too: both stop acknowledging until an operator decides",
               epoch.node_id, epoch.number);
      CarryOut(role_.OnSplit());
      break;
  }
}

// An exchange of reports at once, instead of within a second.
void Node::TellMembers() {
  MutexLock lock(links_mu_);
  for (auto& [id, link] : links_) link->ExchangeNow();
}

void Node::SetServing(const std::optional<Epoch>& epoch) {
  MutexLock lock(serving_mu_);
  serving_ = epoch;
}

// Returns when the last stream has ended. None begins meanwhile: one that never says hello would
// hold up whoever waits here.
void Node::EndStreams() {
  MutexLock lock(streams_mu_);
  ending_streams_ = true;
  for (PublishLoop* stream : streams_) stream->Stop();
  while (!streams_.empty()) streams_gone_.Wait(streams_mu_);
  ending_streams_ = false;
}

}  // namespace holdfast::replication
