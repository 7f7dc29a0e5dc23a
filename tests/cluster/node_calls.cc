#include <fmt/format.h>

#include <utility>

#include "tests/cluster/node.h"
#include "tests/cluster/world.h"

namespace holdfast::sim {

using replication::GrantAsk;
using replication::MemberReport;
using replication::Role;
using replication::ToText;

// ---- Every second.

MemberReport Node::Report() const {
  const Live& l = *live_;
  const bool primary = l.role.publishing();
  Epoch epoch;
  if (primary) {
    epoch = l.role.epoch();
  } else if (l.follower != nullptr && l.follower->streaming()) {
    epoch = l.follower->epoch();
  }
  return {.node_id = id_,
          .primary = primary,
          .epoch = epoch,
          .granted = l.persisted_granted,
          .last = l.track.head(),
          .committed_seq = l.track.committed_seq()};
}

void Node::Exchange() {
  live_->exchanged_at = Now();
  for (int i = 0; i < world_.nodes(); ++i) {
    if (i == index_) continue;
    world_.network().Call(
        index_, i, [report = Report()](Node& callee, const Network::Respond& respond) {
          callee.OnReport(report);
          respond([answer = callee.Report()](Node& caller) { caller.OnReport(answer); });
        });
  }
}

void Node::OnReport(const MemberReport& report) {
  live_->reports[report.node_id] = {report, Now()};
  if (report.primary) YieldTo(report.epoch);
  SeeEpoch(report.granted);
  SeeEpoch(report.epoch);
  if (live_->candidate != nullptr) ApplyCandidate(live_->candidate->OnReport(report));
  if (live_->hand_over != nullptr && report.primary) {
    ApplyHandOver(live_->hand_over->OnEpochSeen(report.epoch));
  }
  UpdatePrimary();
}

// Somebody serves in a number that this node promised to itself, and this node does not act in it.
void Node::YieldTo(const Epoch& winner) {
  const Role role = live_->role.role();
  if (role != Role::kSecondary || live_->candidate != nullptr) return;
  if (!live_->guard.Yield(winner).has_value()) return;
  Trace(fmt::format("yields its epoch of that number to {}", ToText(winner)));
  world_.CountYield();
  PersistPromises([this, winner] {
    if (live_->guard.granted() == winner && live_->follower != nullptr) {
      ApplyFollower(live_->follower->OnGranted(winner));
    }
  });
}

void Node::UpdatePrimary() {
  if (live_->follower == nullptr) return;
  std::vector<MemberReport> reports;
  for (const auto& [id, heard] : live_->reports) {
    if (Now() - heard.at < seconds(10)) reports.push_back(heard.report);
  }
  ApplyFollower(live_->follower->OnPrimaryKnown(
      replication::PickPrimary(reports, live_->guard.granted()), Now()));
}

bool Node::HasLiveStream() const {
  const auto& follower = live_->follower;
  return follower != nullptr && follower->following(Now());
}

// ---- The voter.

void Node::OnGrantAsk(const GrantAsk& asked, const Network::Respond& respond) {
  Live& l = *live_;
  const replication::CandidateLog log = CandidateLogNow();
  replication::VoterFacts facts{.primary = l.role.publishing(),
                                .following = {},
                                .last = {},
                                .setting_k = log.setting_k,
                                .pending_k = log.pending_k,
                                .degrade = log.degrade && !world_.planted().degrade_counts,
                                .committed_seq = log.committed_seq};
  if (HasLiveStream()) facts.following = l.follower->primary();
  if (l.track.durable_seq() > 0) facts.last = l.log[l.track.durable_seq() - 1].meta;
  GrantAsk ask = asked;
  if (world_.planted().forget_granted_k) ask.k.reset();
  const replication::GrantDecision decision = replication::DecideGrant(ask, l.guard, facts);
  if (!ask.dry_run) {
    Trace(fmt::format("is asked to grant {}: {}", ToText(ask.epoch),
                      decision.answer.granted ? "yes" : decision.answer.reason));
  }
  const auto tell = [this, answer = decision.answer, respond] {
    if (answer.granted && !answer.dry_run) world_.MomentOfGrant(index_, answer.asked.node_id);
    respond([answer](Node& caller) {
      Live& c = *caller.live_;
      if (c.candidate != nullptr) {
        caller.ApplyCandidate(c.candidate->OnGrantAnswer(answer, caller.Now()));
      }
    });
  };
  if (!decision.persist.has_value()) return tell();
  PersistPromises(tell, world_.planted().grant_not_written);
  EpochRose(ask.epoch);
}

// ---- Handed over: who asks, and who is asked.

void Node::ApplyHandOver(const replication::HandOverEffects& effects) {
  Live& l = *live_;
  if (effects.ask) {
    for (int i = 0; i < world_.nodes(); ++i) {
      if (NodeName(i) != l.hand_over->target()) continue;
      world_.network().Call(
          index_, i, [ask = l.hand_over->ask()](Node& callee, const Network::Respond& respond) {
            callee.OnTakeOverAsk(ask, respond);
          });
    }
  }
  if (!effects.accepted.has_value() && !effects.refused && !effects.superseded) return;
  l.hand_over = nullptr;
  if (effects.accepted.has_value()) SeeEpoch(*effects.accepted);
  if (effects.refused) {
    Trace("the hand-over is refused");
    ApplyRole(l.role.OnHandOverRefused());
  }
}

void Node::GoOnToTakeOver() {
  Live& l = *live_;
  if (l.hand_over != nullptr || !replication::GoesOnToTakeOver(TakeOverFactsNow())) return;
  const auto author = l.reports.find(last().epoch.node_id);
  if (author == l.reports.end() || Now() - author->second.at > seconds(3)) return;
  if (Now() - l.took_over_at < seconds(1)) return;
  l.took_over_at = Now();
  Trace("goes on to take over");
  world_.CountRetry();
  l.mode = replication::CandidateMode::kTakeOver;
  l.order = {};
  ApplyRole(l.role.OnPromote());
}

replication::TakeOverFacts Node::TakeOverFactsNow() const {
  return {.self = id_,
          .promises = disk_.image().promises,
          .log = CandidateLogNow().shape,
          .under_way = live_->candidate != nullptr || live_->role.role() != Role::kSecondary,
          .trusted = Trusted()};
}

void Node::OnTakeOverAsk(const replication::TakeOverAsk& ask, const Network::Respond& respond) {
  Live& l = *live_;
  const replication::TakeOverDecision decision =
      replication::DecideTakeOver(ask, TakeOverFactsNow());
  if (decision.begin) {
    l.mode = replication::CandidateMode::kTakeOver;
    l.order = {};
    ApplyRole(l.role.OnPromote());
  }
  respond([answer = decision.answer, ask](Node& caller) {
    Live& c = *caller.live_;
    if (c.hand_over == nullptr || c.hand_over->ask().hand_over != ask.hand_over) return;
    caller.ApplyHandOver(c.hand_over->OnAnswer(answer));
  });
}

}  // namespace holdfast::sim
