#include <fmt/format.h>

#include <utility>

#include "tests/cluster/node.h"
#include "tests/cluster/world.h"

namespace holdfast::sim {

using replication::GrantAnswer;
using replication::GrantAsk;
using replication::MemberReport;
using replication::RestartEffects;
using replication::RestartMachine;
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
  SeeEpoch(report.granted);
  SeeEpoch(report.epoch);
  if (live_->restart != nullptr) ApplyRestart(live_->restart->OnReport(report, Now()));
  UpdatePrimary();
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

// ---- To serve again.

bool Node::MayPromote() const {
  const Role role = live_->role.role();
  if (role != Role::kSecondary && role != Role::kRestarting) return false;
  return !HasLiveStream();
}

bool Node::HasLiveStream() const {
  const auto& follower = live_->follower;
  return follower != nullptr && follower->streaming() &&
         follower->state(Now()) != replication::PeerState::kStale;
}

void Node::Promote(bool old_primary_is_down) {
  Trace(fmt::format("is promoted{}", old_primary_is_down ? ", the others are down" : ""));
  live_->ordered = true;
  live_->word = old_primary_is_down;
  live_->restart = nullptr;
  if (live_->role.role() == Role::kSecondary) {
    ApplyRole(live_->role.OnPromote());
  } else {
    BeginRestart();
  }
  if (!old_primary_is_down) return;
  world_.timeline().After(kWordHolds, Alive([this, attempt = live_->attempt] {
                            if (attempt == live_->attempt) AbandonRestart();
                          }));
}

void Node::BeginRestart() {
  const uint64_t attempt = ++live_->attempt;
  disk_.Barrier(Disk::kStore, [this, attempt] {
    Live& l = *live_;
    if (attempt != l.attempt || l.role.role() != Role::kRestarting) return;
    if (HasLiveStream()) return AbandonRestart();
    const replication::RestartFacts facts{.self = id_,
                                          .others = Others(),
                                          .promises = l.guard.promises(),
                                          .log = l.track.Shape(),
                                          .setting_k = SettingK(),
                                          .pending_k = PendingKs(),
                                          .ordered = std::exchange(l.ordered, false),
                                          .old_primary_is_down = std::exchange(l.word, false)};
    l.restart = std::make_unique<RestartMachine>(facts, Now());
    ApplyRestart(l.restart->Begin(Now()));
  });
}

void Node::AbandonRestart() {
  Live& l = *live_;
  ++l.attempt;
  l.ordered = l.word = false;
  l.restart = nullptr;
  ApplyRole(l.role.OnRestartGivenUp());
}

void Node::ApplyRestart(const RestartEffects& effects) {
  if (effects.give_up) {
    Trace(fmt::format("gives up: {}", live_->restart->Waiting()));
    return AbandonRestart();
  }
  if (effects.resume.has_value()) {
    live_->restart = nullptr;
    ++live_->attempt;
    return ApplyRole(live_->role.OnRestartAllowed(*effects.resume));
  }
  if (effects.ask_reports) Exchange();
  if (effects.grant_self.has_value()) GrantSelf(*effects.grant_self);
  if (!effects.ask_grants.empty()) AskGrants(effects.ask_grants);
}

void Node::GrantSelf(const Epoch& epoch) {
  if (!live_->guard.GrantSelf(epoch).has_value()) {
    return ApplyRestart(live_->restart->OnSelfGrantRefused(live_->guard.granted()));
  }
  Trace(fmt::format("grants itself {}", ToText(epoch)));
  const auto done = [this, epoch, attempt = live_->attempt] {
    Live& l = *live_;
    if (attempt != l.attempt || l.restart == nullptr || l.restart->candidate() != epoch) return;
    ApplyRestart(l.restart->OnSelfGranted(Now()));
  };
  PersistPromises(done, world_.planted().epoch_not_written);
  EpochRose(epoch);
}

void Node::AskGrants(const std::vector<std::string>& whom) {
  const GrantAsk ask{.epoch = live_->restart->candidate(), .last = live_->track.head()};
  for (int i = 0; i < world_.nodes(); ++i) {
    if (std::find(whom.begin(), whom.end(), NodeName(i)) == whom.end()) continue;
    world_.network().Call(index_, i, [ask](Node& voter, const Network::Respond& respond) {
      voter.OnGrantAsk(ask, respond);
    });
  }
}

void Node::OnGrantAsk(const GrantAsk& ask, const Network::Respond& respond) {
  Live& l = *live_;
  replication::VoterFacts facts{.primary = l.role.publishing(),
                                .following = {},
                                .last = {},
                                .setting_k = SettingK(),
                                .pending_k = PendingKs()};
  if (HasLiveStream()) facts.following = l.follower->primary();
  if (l.track.durable_seq() > 0) facts.last = l.log[l.track.durable_seq() - 1].meta;
  const replication::GrantDecision decision = replication::DecideGrant(ask, l.guard, facts);
  Trace(fmt::format("is asked to grant {}: {}", ToText(ask.epoch),
                    decision.answer.granted ? "yes" : decision.answer.reason));
  const auto tell = [this, answer = decision.answer, respond] {
    if (answer.granted) world_.MomentOfGrant(index_, answer.asked.node_id);
    respond([answer](Node& caller) {
      Live& c = *caller.live_;
      if (c.restart != nullptr) {
        caller.ApplyRestart(c.restart->OnGrantAnswer(answer, caller.Now()));
      }
    });
  };
  if (!decision.persist.has_value()) return tell();
  PersistPromises(tell, world_.planted().grant_not_written);
  EpochRose(ask.epoch);
}

}  // namespace holdfast::sim
