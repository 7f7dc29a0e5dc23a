// After the hand-over record: the side that stepped down asks, the side that it names takes over.
#include <utility>

#include "replication/node/node.h"
#include "replication/node/translate.h"
#include "server/base/crash_point.h"
#include "server/base/limits.h"
#include "server/observe/log.h"

namespace holdfast::replication {

void Node::BeginHandOver() {
  const CandidateLog log = CandidateLogNow();
  const std::optional<std::string> target = HandedOverTo(deps_.identity.node_id, log.shape);
  if (!target) {  // The record did not come into the log after all.
    next_mode_ = CandidateMode::kRestart;
    CarryOut(role_.OnHandOverRefused());
    return;
  }
  LogInfo("has handed over to {}", *target);
  hand_over_ = std::make_unique<HandOverMachine>(
      *target, TakeOverAsk{.from_epoch = log.shape.last.epoch, .hand_over = log.shape.last});
  take_over_asked_ = false;
  CarryOut(hand_over_->OnTick(deps_.clock.Mono()));
}

TakeOverFacts Node::TakeOverFactsNow() const {
  return {.self = deps_.identity.node_id,
          .promises = book_->promises(),
          .log = deps_.ledger.Shape(),
          .under_way = candidate_ != nullptr || role_.role() != Role::kSecondary,
          .trusted = deps_.ledger.progress().distrust.empty()};
}

void Node::RetryTakeOver(MonoTime now) {
  if (role_.role() != Role::kSecondary || candidate_ || hand_over_ || promotion_) return;
  // Looked at first, for it costs nothing.
  if (deps_.ledger.progress().end.kind != LogTail::Kind::kHandOver) return;
  if (!GoesOnToTakeOver(TakeOverFactsNow())) return;
  const Epoch ended = deps_.ledger.Shape().last.epoch;
  const auto author = heard_.find(ended.node_id);
  if (author == heard_.end() || author->second.gone ||
      now - author->second.at > limits::kLinkStaleAfter || now < take_over_at_) {
    return;
  }
  take_over_at_ = now + limits::kHeartbeatEvery;
  LogInfo("goes on to take over from {}", ended.node_id);
  next_mode_ = CandidateMode::kTakeOver;
  CarryOut(role_.OnPromote());
}

void Node::CarryOut(const HandOverEffects& effects) {
  if (effects.ask && !take_over_asked_) AskTakeOver(hand_over_->target(), hand_over_->ask());
  if (effects.accepted) {
    LogInfo("{} has taken over in epoch {}", hand_over_->target(), ToText(*effects.accepted));
    hand_over_.reset();
    OnEpochSeen(*effects.accepted, false);
  } else if (effects.superseded) {
    hand_over_.reset();
  } else if (effects.refused) {
    LogWarning("{} does not take over: {}", hand_over_->target(), take_over_reason_);
    hand_over_.reset();
    next_mode_ = CandidateMode::kRestart;
    CarryOut(role_.OnHandOverRefused());
  }
}

void Node::AskTakeOver(const std::string& target, const TakeOverAsk& ask) {
  MutexLock lock(links_mu_);
  const auto link = links_.find(target);
  if (link == links_.end()) return;
  take_over_asked_ = true;
  link->second->Do([this, ask](PeerClient& client) {
    const absl::StatusOr<v1::TakeOverResponse> answer = client.TakeOver(ToMessage(ask), kReachMax);
    MutexLock relock(mu_);
    take_over_asked_ = false;
    if (stop_ || hand_over_ == nullptr || !answer.ok()) return;
    const std::optional<TakeOverAnswer> said = FromMessage(*answer);
    if (!said) return;
    take_over_reason_ = said->reason;
    CarryOut(hand_over_->OnAnswer(*said));
    Wake();
  });
}

absl::StatusOr<v1::TakeOverResponse> Node::TakeOver(const PeerIdentity& peer,
                                                    const v1::TakeOverRequest& request) {
  const TakeOverAsk ask = FromMessage(request);
  if (ask.from_epoch.node_id != peer.node_id) {
    return absl::PermissionDeniedError(peer.node_id + " hands over an epoch of another node");
  }
  MutexLock lock(mu_);
  if (stop_ || !started_) return absl::UnavailableError("the node starts or stops");
  const TakeOverDecision decision = DecideTakeOver(ask, TakeOverFactsNow());
  if (decision.begin) {
    LogInfo("{} hands over to this node", peer.node_id);
    HOLDFAST_CRASH_POINT("take_over.answer.before_begin");
    next_mode_ = CandidateMode::kTakeOver;
    CarryOut(role_.OnPromote());
    HOLDFAST_CRASH_POINT("take_over.answer.after_begin");
  }
  return ToMessage(decision.answer);
}

}  // namespace holdfast::replication
