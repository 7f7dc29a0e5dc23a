#include "replication/core/restart.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "server/base/check.h"
#include "server/base/limits.h"

namespace holdfast::replication {

bool WasPrimary(const RestartFacts& facts) {
  return !facts.log.history.empty() && facts.log.history.back().epoch.node_id == facts.self;
}

namespace {

// The newest epoch this node knows is its own, and its log shows that it really served in it (or
// went on from the one it served in, and was stopped before it could write the start record).
bool NewestEpochIsMine(const RestartFacts& facts) {
  const EpochPromises& p = facts.promises;
  if (p.own != p.granted || p.own.node_id != facts.self || !WasPrimary(facts)) return false;
  const Epoch& logged = facts.log.history.back().epoch;
  return logged == p.own || logged == p.resumed_from;
}

}  // namespace

RestartMachine::RestartMachine(RestartFacts facts, MonoTime now)
    : facts_(std::move(facts)), began_(now) {
  Learn(facts_.promises.granted);
  Learn(facts_.promises.own);
  Learn(facts_.log.last.epoch);
}

void RestartMachine::Learn(const Epoch& epoch) {
  highest_number_ = std::max(highest_number_, epoch.number);
}

bool RestartMachine::KMaxIsZero() const {
  return facts_.setting_k == 0 && std::all_of(facts_.pending_k.begin(), facts_.pending_k.end(),
                                              [](uint32_t k) { return k == 0; });
}

RestartEffects RestartMachine::Begin(MonoTime now) {
  if (facts_.ordered) return NewCandidate();
  if (!WasPrimary(facts_)) return GiveUp("this node was not primary");
  if (!KMaxIsZero()) return NewCandidate();
  if (!NewestEpochIsMine(facts_)) {
    return GiveUp(
        fmt::format("the newest epoch known here is {}, the log ends in {}: promote a node",
                    ToText(facts_.promises.granted), ToText(facts_.log.last)));
  }
  if (facts_.others.empty()) return Resume();
  began_ = asked_at_ = now;
  return {.ask_reports = true};
}

RestartEffects RestartMachine::GiveUp(std::string reason) {
  phase_ = Phase::kGaveUp;
  reason_ = std::move(reason);
  return {.give_up = true};
}

RestartEffects RestartMachine::Resume() {
  if (candidate_.number == 0) candidate_ = {highest_number_ + 1, facts_.self};
  phase_ = Phase::kDone;
  reason_.clear();
  return {.resume = candidate_};
}

RestartEffects RestartMachine::NewCandidate() {
  candidate_ = {highest_number_ + 1, facts_.self};
  highest_number_ = candidate_.number;
  grants_.clear();
  taken_ = false;
  phase_ = Phase::kGrantSelf;
  return {.grant_self = candidate_};
}

RestartEffects RestartMachine::OnReport(const MemberReport& report, MonoTime now) {
  if (done() || report.node_id == facts_.self) return {};
  Learn(report.epoch);
  Learn(report.granted);
  Learn(report.last.epoch);
  const uint64_t mine = facts_.log.last.epoch.number;
  if (report.primary && report.epoch.node_id != facts_.self && report.epoch.number >= mine) {
    return GiveUp(fmt::format("{} is primary in epoch {}", report.node_id, ToText(report.epoch)));
  }
  if (phase_ != Phase::kAskReports) return {};
  for (const Epoch* epoch : {&report.epoch, &report.granted, &report.last.epoch}) {
    const bool of_another = epoch->node_id != facts_.self && epoch->number > mine;
    if (of_another || epoch->number > facts_.promises.granted.number) {
      return GiveUp(fmt::format("{} knows epoch {}, newer than {} here: promote a node",
                                report.node_id, ToText(*epoch), ToText(facts_.promises.own)));
    }
  }
  reports_[report.node_id] = report;
  return JudgeReports(now);
}

RestartEffects RestartMachine::JudgeReports(MonoTime now) {
  const bool all_answered =
      std::all_of(facts_.others.begin(), facts_.others.end(),
                  [this](const std::string& id) { return reports_.contains(id); });
  if (all_answered || now - began_ >= limits::kRestartAskFor) return Resume();
  return {};
}

RestartEffects RestartMachine::OnSelfGranted(MonoTime now) {
  if (phase_ != Phase::kGrantSelf) return {};
  phase_ = Phase::kAskGrants;
  asked_at_ = now;
  RestartEffects out = JudgeGrants();
  if (phase_ == Phase::kAskGrants) out.ask_grants = facts_.others;
  return out;
}

RestartEffects RestartMachine::OnGrantAnswer(const GrantAnswer& answer, MonoTime) {
  if (done()) return {};
  Learn(answer.granted_before);
  Learn(answer.last.epoch);
  const bool voter =
      std::find(facts_.others.begin(), facts_.others.end(), answer.node_id) != facts_.others.end();
  if (!voter || phase_ != Phase::kAskGrants || answer.asked != candidate_) return {};
  if (!answer.granted) {
    reason_ = fmt::format("{} refused: {}", answer.node_id, answer.reason);
    const Epoch& theirs = answer.granted_before;
    taken_ = taken_ || (theirs.number == candidate_.number && theirs != candidate_);
    return {};
  }
  grants_.emplace(answer.node_id, answer);  // The first one told the position before the grant.
  return JudgeGrants();
}

RestartEffects RestartMachine::OnSelfGrantRefused(const Epoch& granted) {
  if (phase_ != Phase::kGrantSelf) return {};
  Learn(granted);
  return NewCandidate();
}

size_t RestartMachine::GrantsNeeded() const {
  uint32_t k_min = facts_.setting_k;
  uint32_t k_max = facts_.setting_k;
  const auto count = [&](uint32_t k) {
    k_min = std::min(k_min, k);
    k_max = std::max(k_max, k);
  };
  for (uint32_t k : facts_.pending_k) count(k);
  for (const auto& [id, grant] : grants_) {
    count(grant.setting_k);
    for (uint32_t k : grant.pending_k) count(k);
  }
  const size_t members = facts_.others.size() + 1;
  const size_t meets_commits = members > k_min ? members - k_min : 1;
  const size_t outlives_old = facts_.old_primary_is_down ? 0 : size_t{k_max} + 1;
  return std::max(meets_commits, outlives_old);
}

bool RestartMachine::IsAhead(const GrantAnswer& answer) const {
  const EntryMeta& mine = facts_.log.last;
  if (answer.last.epoch.number != mine.epoch.number) {
    return answer.last.epoch.number > mine.epoch.number;
  }
  if (answer.last.epoch != mine.epoch) return true;  // A split: only an operator can tell.
  return answer.last.seq > mine.seq && mine.epoch.node_id != facts_.self;
}

RestartEffects RestartMachine::JudgeGrants() {
  for (const auto& [id, grant] : grants_) {
    if (!IsAhead(grant)) continue;
    phase_ = Phase::kBlocked;
    reason_ = fmt::format("not complete: node {} is ahead at {}, this node ends at {}", id,
                          ToText(grant.last), ToText(facts_.log.last));
    return {};
  }
  if (grants_.size() + 1 < GrantsNeeded()) return {};
  return Resume();
}

RestartEffects RestartMachine::OnTick(MonoTime now) {
  if (phase_ == Phase::kAskReports) {
    RestartEffects out = JudgeReports(now);
    if (phase_ == Phase::kAskReports && now - asked_at_ >= limits::kHeartbeatEvery) {
      asked_at_ = now;
      out.ask_reports = true;
    }
    return out;
  }
  if (phase_ != Phase::kAskGrants || now - asked_at_ < limits::kHeartbeatEvery) return {};
  if (taken_ || highest_number_ > candidate_.number) return NewCandidate();
  asked_at_ = now;
  RestartEffects out;
  for (const std::string& id : facts_.others) {
    if (!grants_.contains(id)) out.ask_grants.push_back(id);
  }
  return out;
}

std::string RestartMachine::Waiting() const {
  switch (phase_) {
    case Phase::kAskReports:
      return fmt::format("asks the members for a newer epoch; {} of {} have answered",
                         reports_.size(), facts_.others.size());
    case Phase::kGrantSelf:
    case Phase::kAskGrants:
      return fmt::format("waits for grants of epoch {}; has {} of {}{}{}", ToText(candidate_),
                         grants_.size() + 1, GrantsNeeded(), reason_.empty() ? "" : "; ", reason_);
    case Phase::kBlocked:
    case Phase::kGaveUp:
      return reason_;
    case Phase::kDone:
      return "";
  }
  return "";
}

}  // namespace holdfast::replication
