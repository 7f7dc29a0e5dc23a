#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "replication/node/node.h"
#include "server/base/crash_point.h"
#include "server/observe/log.h"
#include "server/vault/refusal.h"

namespace holdfast::replication {
namespace {

constexpr std::chrono::milliseconds kEndInOrderMax{1000};
constexpr std::chrono::milliseconds kLookEvery{2};

}  // namespace

void Node::CarryOut(RoleEffects effects) {
  RoleEffects next;
  while (CarryOutOne(effects, next)) {
    effects = std::move(next);
    next = {};
  }
}

// In the order of RoleEffects. True: `next` came of it.
bool Node::CarryOutOne(const RoleEffects& effects, RoleEffects& next) {
  if (effects.close_gate || effects.stop_publishing) {
    if (StepDown(effects, next)) return true;
  }
  if (effects.stop_following) follow_->Pause();
  // Not until nothing is under way: control comes back at once, and looks how far it is.
  if (effects.hold_writes) deps_.ledger.HoldWrites();
  if (effects.release_writes) deps_.ledger.ReleaseWrites();
  if (effects.append_hand_over && !AppendHandOver()) {
    next = role_.OnHandOverNotWritten();
    return true;
  }
  if (effects.persist_epoch) {
    next = ClaimEpoch(*effects.persist_epoch);
    return true;
  }
  if (effects.append_epoch_start) {
    next = StartEpoch(*effects.append_epoch_start);
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
    TellRole(/*primary=*/true);
    TellMembers();
    if (promotion_) FinishPromotion(promotion_->result);
    if (handing_) OnServes(deps_.identity.node_id, role_.epoch());
  }
  if (effects.start_following) follow_->Resume();
  if (effects.begin_restart) {
    BeginCandidate(std::exchange(next_mode_, CandidateMode::kRestart));
  }
  if (effects.begin_hand_over) BeginHandOver();
  return false;
}

bool Node::StepDown(const RoleEffects& effects, RoleEffects& next) {
  if (effects.close_gate) {
    NodeView view = deps_.gate.view();
    view.primary = false;
    deps_.gate.Set(std::move(view));
    LogWarning("is no longer primary in epoch {}", ToText(role_.epoch()));
    TellRole(/*primary=*/false);
  }
  if (!effects.stop_publishing) return false;
  SetServing(std::nullopt);
  EndStreams();
  shelf_.Clear();
  deps_.ledger.StepDown();
  ++epoch_changes_;
  FinishPromotion(vault::Refuse(vault::Refusal::kRoleChangeUnderWay,
                                "a newer epoch came while this one began"));
  next = role_.OnDrained();
  return true;
}

RoleEffects Node::ClaimEpoch(const Epoch& epoch) {
  const LogShape shape = deps_.ledger.Shape();
  const Epoch from = shape.history.empty() ? Epoch{} : shape.history.back().epoch;
  const absl::Status claimed = book_->Claim(epoch, from);
  if (claimed.ok()) {
    hand_over_.reset();
    return role_.OnEpochPersisted();
  }
  LogWarning("epoch {} cannot be claimed: {}", ToText(epoch), holdfast::ToText(claimed));
  FinishPromotion(vault::Refuse(
      vault::Refusal::kRoleChangeUnderWay,
      absl::IsAborted(claimed) ? "another node was promised a newer epoch meanwhile"
                               : "the claim of the epoch cannot be written; see the node's log"));
  return role_.OnClaimFailed();
}

RoleEffects Node::StartEpoch(const Epoch& epoch) {
  const absl::Status appended = deps_.ledger.StartEpoch(
      epoch, promotion_ ? promotion_->order.lowered : std::nullopt, judged_last_);
  if (appended.ok()) return role_.OnEpochStartAppended();
  LogError("epoch {} cannot begin: {}", ToText(epoch), holdfast::ToText(appended));
  if (!deps_.ledger.progress().failure.ok()) return role_.OnLogFailed();
  // Nothing of it stands: the vault refused what the order would lower, or the disk is full.
  FinishPromotion(vault::RefusalOf(appended)
                      ? appended
                      : vault::Refuse(vault::Refusal::kOverloaded,
                                      fmt::format("epoch {} cannot begin: {}", ToText(epoch),
                                                  std::string(appended.message()))));
  return role_.OnHigherEpoch({epoch.number + 1, epoch.node_id});
}

// False: nothing was appended. What was perhaps is asked for again with each tick: TickSwitchover.
bool Node::AppendHandOver() {
  if (!handing_) return false;
  HOLDFAST_CRASH_POINT("hand_over.append.before_record");
  const absl::StatusOr<uint64_t> seq = deps_.ledger.AppendHandOver(handing_->machine.target());
  HOLDFAST_CRASH_POINT("hand_over.append.after_record");
  handing_->record_lost = absl::IsUnavailable(seq.status()) && !stop_;
  if (handing_->record_lost) return true;
  if (seq.ok()) {
    handing_->machine.OnHandOverAppended(*seq);
    return true;
  }
  LogError("the hand-over cannot be written: {}", holdfast::ToText(seq.status()));
  FinishSwitchover(vault::Refuse(
      vault::Refusal::kLedgerClosed,
      "the hand-over cannot be written, and nothing has changed; see the node's log"));
  return false;
}

void Node::TellRole(bool primary) {
  if (!deps_.role_changed) return;
  const Epoch epoch = role_.epoch();
  deps_.role_changed(primary, epoch.number != 0 ? epoch : deps_.ledger.Shape().last.epoch);
}

// The last record of the epoch: whoever has it has everything.
void Node::EndInOrder() {
  {
    MutexLock lock(mu_);
    if (!role_.gate_open()) return;
  }
  const absl::StatusOr<uint64_t> last = deps_.ledger.AppendCleanStop();
  if (!last.ok()) {
    LogWarning("does not end in order: {}", holdfast::ToText(last.status()));
    return;
  }
  const MonoTime until = deps_.clock.Mono() + kEndInOrderMax;
  Mutex mu;
  CondVar look;
  while (!FollowersHave(*last) && deps_.clock.Mono() < until) {
    MutexLock lock(mu);
    look.WaitFor(mu, kLookEvery);
  }
  LogInfo("ends its epoch in order at {}", *last);
}

bool Node::FollowersHave(uint64_t seq) const {
  if (deps_.ledger.progress().committed_seq < seq) return false;
  const std::vector<FollowerView> followers = Followers();
  return std::all_of(followers.begin(), followers.end(), [seq](const FollowerView& follower) {
    return follower.state != PeerState::kStreaming || follower.acked.durable_seq >= seq;
  });
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
  // Promised by a grant before anybody served in it: now somebody does, and that ends a split.
  if (*seen == EpochSeen::kCurrent && other_acknowledged) CarryOut(role_.OnHigherEpoch(epoch));
  if (*seen != EpochSeen::kConflict || role_.epoch() == epoch) return;
  if (!role_.publishing()) {
    if (other_acknowledged && AcknowledgedIn(epoch.number)) CarryOut(role_.OnSplit());
    return;
  }
  const ConflictFacts facts{.me = deps_.identity.node_id,
                            .other = epoch.node_id,
                            .i_acknowledged = deps_.ledger.progress().epoch_start_committed,
                            .other_acknowledged = other_acknowledged};
  switch (JudgeConflict(facts)) {
    case Conflict::kKeep:
      break;
    case Conflict::kYield: {
      CarryOut(role_.OnHigherEpoch(epoch));
      const absl::Status yielded = book_->Yield(epoch);
      if (!yielded.ok()) LogError("cannot yield: {}", holdfast::ToText(yielded));
      follow_->Granted(epoch);
      break;
    }
    case Conflict::kSplit:
      LogError("{} serves in epoch {} too: both stop acknowledging until an operator decides",
               epoch.node_id, epoch.number);
      CarryOut(role_.OnSplit());
      break;
  }
}

// As its primary: the log ends in that epoch, and some of it is committed.
bool Node::AcknowledgedIn(uint64_t epoch_number) const {
  const LogShape shape = deps_.ledger.Shape();
  if (shape.history.empty()) return false;
  const EpochStart& last = shape.history.back();
  return last.epoch == Epoch{epoch_number, deps_.identity.node_id} &&
         deps_.ledger.progress().committed_seq >= last.first_seq;
}

void Node::ExchangeNow(const std::string& node_id) {
  MutexLock lock(links_mu_);
  const auto link = links_.find(node_id);
  if (link != links_.end()) link->second->ExchangeNow();
}

// An exchange of reports at once, instead of within a second.
void Node::TellMembers() {
  MutexLock lock(links_mu_);
  for (auto& [id, link] : links_) link->ExchangeNow();
}

// By what operators judge a node the others learn when it changes, not up to a second later. Not by
// positions, which always move; and whether it has caught up changes with every burst.
void Node::TellOfChange() {
  const v1::NodeReport me = Me();
  const std::string state =
      me.state() == ToText(PeerState::kCatchup) ? ToText(PeerState::kStreaming) : me.state();
  std::string standing = fmt::format("{} {} {} {}@{} {} {} {} {}", me.role(), state, me.serving(),
                                     me.epoch().number(), me.epoch().node_id(), me.degraded(),
                                     me.split(), me.lost_writes() > 0, me.waiting());
  if (standing == told_standing_) return;
  told_standing_ = std::move(standing);
  TellMembers();
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

// One that was forgotten gets nothing more.
void Node::EndStreamsOfStrangers() {
  MutexLock lock(streams_mu_);
  for (PublishLoop* stream : streams_) {
    if (!CheckMember(stream->peer()).ok()) stream->Stop();
  }
}

}  // namespace holdfast::replication
