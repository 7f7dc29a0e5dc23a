// What operators order: promotion and switchover, from the order to its answer.
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "replication/node/node.h"
#include "replication/node/translate.h"
#include "server/observe/log.h"
#include "server/vault/refusal.h"
#include "server/vault/validate.h"

namespace holdfast::replication {
namespace {

using vault::Refusal;

// From the claim on, until k secondaries have the epoch's first record.
constexpr std::chrono::seconds kOrderMax{15};

PromoteResult Already(const std::string& self, const Epoch& epoch) {
  return {
      .epoch = epoch, .was_primary = true, .complete = true, .lost_records = 0, .grants = {self}};
}

// It becomes the first write of the epoch: refused then, it would be too late.
absl::Status CheckLowered(const vault::SetSettings& settings, const vault::StateReader& state) {
  size_t voters = 0;
  for (const v1::MemberRow* member : state.Members()) voters += member->never_primary() ? 0 : 1;
  const absl::Status fits = vault::CheckSettings(settings, voters == 0 ? 0 : voters - 1);
  if (fits.ok()) return absl::OkStatus();
  return vault::Refuse(Refusal::kInvalidInput, "sync: " + std::string(fits.message()));
}

}  // namespace

void Node::Finish(std::function<void()> answer) {
  finished_.push_back(std::move(answer));
  Wake();
}

// Without mu_: whoever ordered may ask this node again.
void Node::CallFinished() {
  std::vector<std::function<void()>> finished;
  {
    MutexLock lock(mu_);
    finished.swap(finished_);
  }
  for (const auto& answer : finished) answer();
}

// ---- Promotion.

PromoteResult Node::ResultOf(const CandidateMachine& machine, const Epoch& epoch) {
  const PromotionVerdict& verdict = machine.verdict();
  return {.epoch = epoch,
          .complete = verdict.complete,
          .lost_records = verdict.lost_records,
          .lost_at_least = verdict.lost_at_least,
          .grants = machine.GrantedBy(),
          .grants_needed = verdict.needed,
          .members = machine.Said()};
}

absl::Status Node::MayPromote(const PromoteOrder& order) const {
  const std::string& self = deps_.identity.node_id;
  if (stop_ || !started_) return vault::Refuse(Refusal::kNotServing, "the node starts or stops");
  if (log_failed_) {
    return vault::Refuse(Refusal::kNotServing,
                         "the log of this node cannot be written; see its log");
  }
  if (const std::string why = deps_.ledger.progress().distrust; !why.empty()) {
    return vault::Refuse(Refusal::kNotServing, "the rows of this node cannot be trusted: " + why);
  }
  absl::Status status;
  deps_.ledger.Read([&](const vault::StateReader& state, Position) {
    const v1::MemberRow* me = state.FindMember(self);
    if (state.Cluster() == nullptr) {
      status = vault::Refuse(Refusal::kNotServing, "this node has no state yet");
    } else if (me == nullptr) {
      status = vault::Refuse(Refusal::kNoSuchMember, fmt::format("{} is not a member", self));
    } else if (me->never_primary()) {
      status = vault::Refuse(Refusal::kNoSuchMember,
                             fmt::format("{} is a member that never becomes primary", self));
    } else if (order.lowered) {
      status = CheckLowered(*order.lowered, state);
    }
  });
  return status;
}

void Node::Promote(PromoteOrder order, PromoteDone done) {
  MutexLock lock(mu_);
  if (absl::Status may = MayPromote(order); !may.ok()) {
    return Finish([done = std::move(done), may] { done(may); });
  }
  if (role_.gate_open()) {
    PromoteResult result = Already(deps_.identity.node_id, role_.epoch());
    result.dry_run = order.dry_run;
    return Finish([done = std::move(done), result] { done(result); });
  }
  const Role role = role_.role();
  const bool idle = role == Role::kSecondary || role == Role::kRestarting;
  const bool taking_over =
      candidate_ != nullptr && candidate_->facts().mode != CandidateMode::kRestart;
  if (!idle || taking_over || promotion_ || (order.dry_run && rehearsal_)) {
    return Finish([done = std::move(done)] {
      done(
          vault::Refuse(Refusal::kRoleChangeUnderWay, "the role of this node is changing already"));
    });
  }
  if (order.dry_run) return Rehearse(order, std::move(done));
  promotion_ = Promotion{.order = std::move(order),
                         .done = std::move(done),
                         .until = deps_.clock.Mono() + kOrderMax,
                         .was_restarting = role == Role::kRestarting};
  if (role == Role::kRestarting) return BeginCandidate(CandidateMode::kOrder);
  next_mode_ = CandidateMode::kOrder;
  CarryOut(role_.OnPromote());
}

// Asks, promises nothing, and leaves the role alone.
void Node::Rehearse(const PromoteOrder& order, PromoteDone done) {
  CandidateFacts facts = CandidateFactsNow(CandidateMode::kOrder);
  facts.order = RulesOf(order);
  const MonoTime now = deps_.clock.Mono();
  rehearsal_ = std::make_unique<Rehearsal>(
      Rehearsal{.machine = CandidateMachine(std::move(facts), now), .done = std::move(done)});
  CarryOutRehearsal(rehearsal_->machine.Begin(now));
}

void Node::CarryOutRehearsal(const CandidateEffects& effects) {
  if (!effects.look.empty()) AskGrants(rehearsal_->machine.Ask(/*dry_run=*/true), effects.look);
  if (!effects.give_up) return;
  const std::unique_ptr<Rehearsal> ended = std::move(rehearsal_);
  PromoteResult result = ResultOf(ended->machine, ended->machine.Ask(/*dry_run=*/true).epoch);
  result.dry_run = true;
  if (ended->machine.verdict().refusal) {
    result.refused = RefusalFor(*ended->machine.verdict().refusal, ended->machine.Waiting());
  }
  Finish([done = std::move(ended->done), result] { done(result); });
}

void Node::FinishPromotion(absl::StatusOr<PromoteResult> result) {
  if (!promotion_) return;
  Promotion ended = std::move(*promotion_);
  promotion_.reset();
  if (!result.ok() && ended.was_restarting && role_.role() == Role::kSecondary && !stop_) {
    CarryOut(role_.OnPromote());  // It waits on as it did before.
  }
  Finish([done = std::move(ended.done), result = std::move(result)] { done(result); });
}

void Node::TickOrders(MonoTime now) {
  if (promotion_ && now >= promotion_->until) {
    if (candidate_) return InterruptCandidate("it was not decided in time");
    FinishPromotion(vault::Refuse(
        Refusal::kRoleChangeUnderWay,
        fmt::format("epoch {} is claimed and waits until enough secondaries have its first record; "
                    "`holdfast status` shows when",
                    ToText(role_.epoch()))));
  }
  if (handing_ && now >= handing_->until && handing_->record_lost) {
    // It goes on all the same; only whoever ordered it waits no longer.
    handing_->until = MonoTime::max();
    Finish([done = std::exchange(handing_->done, [](const auto&) {})] {
      done(vault::Refuse(Refusal::kRoleChangeUnderWay,
                         "the database of this node is away: whether the hand-over is written will "
                         "be found out when it is back, and goes on as it says; `holdfast status` "
                         "shows when"));
    });
  }
  if (handing_ && now >= handing_->until) {
    FinishSwitchover(vault::Refuse(
        Refusal::kRoleChangeUnderWay,
        fmt::format("handed over to {}, which does not serve yet: {}", handing_->machine.target(),
                    hand_over_ ? hand_over_->Waiting() : "`holdfast status` shows when")));
  }
}

// ---- Switchover, on the primary.

SwitchoverProgress Node::SwitchoverProgressNow(const std::string& target) const {
  const LedgerProgress progress = deps_.ledger.progress();
  SwitchoverProgress out{.head = progress.head_seq, .committed = progress.committed_seq};
  for (const v1::MemberRow& member : Members()) {
    if (member.node_id() == target) out.target_votes = !member.never_primary();
  }
  for (const FollowerView& follower : Followers()) {
    if (follower.node_id != target || follower.state != PeerState::kStreaming) continue;
    out.target_streams = true;
    out.target_durable = std::max(out.target_durable, follower.acked.durable_seq);
  }
  return out;
}

absl::Status Node::MaySwitchOver(const std::string& target) const {
  if (stop_ || !started_) return vault::Refuse(Refusal::kNotServing, "the node starts or stops");
  const std::vector<v1::MemberRow> members = Members();
  if (std::none_of(members.begin(), members.end(),
                   [&](const v1::MemberRow& member) { return member.node_id() == target; })) {
    return vault::Refuse(Refusal::kNoSuchMember, fmt::format("no node '{}'", target));
  }
  if (handing_ || role_.role() == Role::kStarting || hand_over_) {
    return vault::Refuse(Refusal::kRoleChangeUnderWay, "the role of this node is changing already");
  }
  if (!role_.gate_open()) {
    return vault::Refuse(Refusal::kNotPrimary, "only the primary can hand over");
  }
  return absl::OkStatus();
}

void Node::Switchover(const std::string& target, SwitchoverDone done) {
  MutexLock lock(mu_);
  const auto heard = heard_.find(target);
  const bool other_is = !role_.publishing() && heard != heard_.end() && !heard->second.gone &&
                        heard->second.report.role() == "primary";
  if (other_is || (target == deps_.identity.node_id && role_.gate_open())) {
    const Epoch epoch = other_is ? FromMessage(heard->second.report.epoch()) : role_.epoch();
    return Finish([done = std::move(done), target, epoch] {
      done(SwitchoverResult{.from = target, .to = target, .epoch = epoch});
    });
  }
  if (absl::Status may = MaySwitchOver(target); !may.ok()) {
    return Finish([done = std::move(done), may] { done(may); });
  }
  const MonoTime now = deps_.clock.Mono();
  handing_ = std::make_unique<Handing>(Handing{.machine = SwitchoverMachine(target, now),
                                               .done = std::move(done),
                                               .from = role_.epoch(),
                                               .began = now,
                                               .until = now + kOrderMax});
  LogInfo("is to hand over to {}", target);
  CarryOut(handing_->machine.Begin(SwitchoverProgressNow(target)));
  Wake();  // From here on it looks often; what it waits for may have come already.
}

void Node::CarryOut(const SwitchoverEffects& effects) {
  if (effects.hold_writes) CarryOut(role_.OnSwitchover());
  if (effects.append_hand_over) CarryOut(role_.OnAppendHandOver());
  if (effects.step_down) {
    LogInfo("hands over to {}", handing_->machine.target());
    CarryOut(role_.OnHandedOver());
  }
  if (effects.abandon) {
    const std::string why = handing_->machine.reason();
    CarryOut(role_.OnSwitchoverAbandoned());
    FinishSwitchover(vault::Refuse(Refusal::kNotCaughtUp, why));
  }
}

void Node::TickSwitchover(MonoTime now) {
  if (!handing_ || handing_->machine.done()) return;
  if (handing_->record_lost) {
    if (!deps_.ledger.progress().store_fault.ok()) return;  // The ledger asks its store.
    if (!AppendHandOver()) return CarryOut(role_.OnHandOverNotWritten());
    handing_->until = std::min(handing_->until, now + kOrderMax);
  }
  CarryOut(handing_->machine.OnProgress(SwitchoverProgressNow(handing_->machine.target()), now));
}

// The new primary serves: that is what was ordered.
void Node::OnServes(const std::string& node_id, const Epoch& epoch) {
  if (!handing_ || epoch.number <= handing_->from.number) return;
  const auto pause = deps_.clock.Mono() - handing_->began;
  SwitchoverResult result{
      .from = deps_.identity.node_id,
      .to = node_id,
      .epoch = epoch,
      .write_pause_ms = std::chrono::duration_cast<std::chrono::milliseconds>(pause).count()};
  if (node_id == handing_->machine.target()) {
    LogInfo("handed over to {}; writes waited {} ms", node_id, result.write_pause_ms);
    return FinishSwitchover(std::move(result));
  }
  FinishSwitchover(vault::Refuse(Refusal::kRoleChangeUnderWay,
                                 fmt::format("{} took no part; {} is primary in epoch {}",
                                             handing_->machine.target(), node_id, ToText(epoch))));
}

void Node::FinishSwitchover(absl::StatusOr<SwitchoverResult> result) {
  if (!handing_) return;
  Finish([done = std::move(handing_->done), result = std::move(result)] { done(result); });
  handing_.reset();
}

}  // namespace holdfast::replication
