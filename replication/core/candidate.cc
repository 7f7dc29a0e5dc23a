#include "replication/core/candidate.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "server/base/limits.h"

namespace holdfast::replication {

CandidateMachine::CandidateMachine(CandidateFacts facts, MonoTime now)
    : facts_(std::move(facts)), began_(now) {
  Learn(facts_.promises.granted);
  Learn(facts_.promises.own);
  Learn(facts_.log.shape.last.epoch);
}

void CandidateMachine::Learn(const Epoch& epoch) {
  highest_number_ = std::max(highest_number_, epoch.number);
}

bool CandidateMachine::RestartsWithoutK() const {
  const auto zero = [](uint32_t k) { return k == 0; };
  return facts_.mode == CandidateMode::kRestart && zero(facts_.log.setting_k) &&
         std::all_of(facts_.log.pending_k.begin(), facts_.log.pending_k.end(), zero) &&
         std::all_of(facts_.promises.granted_ks.begin(), facts_.promises.granted_ks.end(),
                     [&zero](const auto& granted) { return zero(granted.k); });
}

// The newest epoch this node knows is its own, and its log shows that it really served in it (or
// went on from the one it served in, and was stopped before it could write the start record).
bool CandidateMachine::NewestEpochIsMine() const {
  const EpochPromises& p = facts_.promises;
  // A number that it granted itself right above hides no promise to anybody else.
  const bool next = p.granted.node_id == facts_.self && p.granted.number == p.own.number + 1;
  if ((p.own != p.granted && !next) || p.own.node_id != facts_.self) return false;
  if (!WasPrimary(facts_)) return false;
  const Epoch& logged = facts_.log.shape.history.back().epoch;
  return logged == p.own || logged == p.resumed_from;
}

// What was committed alone can be in nobody else's log: only who knows the newest epoch may go on.
bool CandidateMachine::MustBeNewest() const {
  return RestartsWithoutK() || (facts_.mode == CandidateMode::kRestart && facts_.log.degrade);
}

// It handed over to us: that it was primary a moment ago is no hindrance.
bool CandidateMachine::HandedBy(const std::string& node_id) const {
  return facts_.mode == CandidateMode::kTakeOver && facts_.log.shape.last.epoch.node_id == node_id;
}

CandidateEffects CandidateMachine::Begin(MonoTime now) {
  if (facts_.mode == CandidateMode::kRestart) {
    if (!WasPrimary(facts_)) return GiveUp("this node was not primary");
    if (MustBeNewest() && !NewestEpochIsMine()) {
      return GiveUp(
          fmt::format("the newest epoch known here is {}, the log ends in {}: promote a node",
                      ToText(facts_.promises.granted), ToText(facts_.log.shape.last)));
    }
  }
  looked_ = facts_.mode == CandidateMode::kTakeOver;
  if (looked_) return NewCandidate();
  if (ordered() && facts_.following.has_value()) {
    return Refuse(PromotionRefusal::kPrimaryReachable,
                  fmt::format("this node follows {}, which is up: use holdfast switchover",
                              *facts_.following));
  }
  return Look(now);
}

CandidateEffects CandidateMachine::GiveUp(std::string reason) {
  phase_ = Phase::kGaveUp;
  reason_ = std::move(reason);
  return {.give_up = true};
}

CandidateEffects CandidateMachine::Refuse(PromotionRefusal refusal, std::string reason) {
  verdict_.refusal = refusal;
  verdict_.message = reason;
  return GiveUp(std::move(reason));
}

CandidateEffects CandidateMachine::Resume() {
  if (candidate_.number == 0) candidate_ = {highest_number_ + 1, facts_.self};
  phase_ = Phase::kDone;
  reason_.clear();
  return {.resume = candidate_};
}

// ---- The look.

CandidateEffects CandidateMachine::Look(MonoTime now) {
  phase_ = Phase::kLook;
  looked_ = true;
  asked_at_ = now;
  unreachable_.clear();
  if (!RestartsWithoutK()) looks_.clear();  // That one gathers answers over all its rounds.
  CandidateEffects out = JudgeLook(now);
  if (phase_ == Phase::kLook) out.look = Silent();
  return out;
}

std::vector<std::string> CandidateMachine::Silent() const {
  std::vector<std::string> out;
  for (const std::string& id : facts_.members) {
    if (!looks_.contains(id)) out.push_back(id);
  }
  return out;
}

bool CandidateMachine::HeardAll() const {
  return std::all_of(facts_.members.begin(), facts_.members.end(), [this](const std::string& id) {
    return looks_.contains(id) || unreachable_.contains(id);
  });
}

CandidateEffects CandidateMachine::OnReport(const MemberReport& report) {
  if (done() || report.node_id == facts_.self) return {};
  Learn(report.epoch);
  Learn(report.granted);
  Learn(report.last.epoch);
  const uint64_t mine = facts_.log.shape.last.epoch.number;
  if (MustBeNewest()) {
    const std::string newer = KnowsNewer(report.node_id, report.granted, report.last.epoch);
    if (!newer.empty()) return GiveUp(newer);
  }
  if (!report.primary || report.epoch.node_id == facts_.self || report.epoch.number < mine) {
    return {};
  }
  if (HandedBy(report.node_id) && report.epoch.number == mine) return {};  // Said before it did.
  return Refuse(PromotionRefusal::kPrimaryReachable,
                fmt::format("{} is primary in epoch {}", report.node_id, ToText(report.epoch)));
}

// Empty: it knows of no epoch that would make such a restart wrong.
std::string CandidateMachine::KnowsNewer(const std::string& who, const Epoch& granted,
                                         const Epoch& last) const {
  const Epoch& mine = facts_.log.shape.last.epoch;
  for (const Epoch* epoch : {&granted, &last}) {
    const bool of_another = epoch->node_id != facts_.self && epoch->number > mine.number;
    const bool unknown = RestartsWithoutK() && epoch->number > facts_.promises.granted.number;
    if (of_another || (unknown && *epoch != candidate_)) {
      return fmt::format("{} knows epoch {}, newer than {} here: promote a node", who,
                         ToText(*epoch), ToText(facts_.promises.own));
    }
  }
  if (last.number == mine.number && last != mine) {
    return fmt::format("{} has records of epoch {}, this node of {}: a split; promote a node", who,
                       ToText(last), ToText(mine));
  }
  return "";
}

CandidateEffects CandidateMachine::OnLooked(const GrantAnswer& answer, MonoTime now) {
  if (phase_ != Phase::kLook) return {};
  if (std::find(facts_.members.begin(), facts_.members.end(), answer.node_id) ==
      facts_.members.end()) {
    return {};
  }
  looks_[answer.node_id] = answer;
  const bool follows_us = answer.follows == facts_.self;
  if (!answer.follows.empty() && !follows_us && (ordered() || RestartsWithoutK())) {
    const bool itself = answer.follows == answer.node_id;
    return Refuse(PromotionRefusal::kPrimaryReachable,
                  itself ? fmt::format("{} is primary: use holdfast switchover", answer.node_id)
                         : fmt::format("{} follows {}, which is up: use holdfast switchover",
                                       answer.node_id, answer.follows));
  }
  if (MustBeNewest()) {
    const std::string newer = KnowsNewer(answer.node_id, answer.granted_before, answer.last.epoch);
    if (!newer.empty()) return GiveUp(newer);
  }
  return JudgeLook(now);
}

CandidateEffects CandidateMachine::JudgeLook(MonoTime now) {
  if (RestartsWithoutK()) {
    const bool heard = looks_.size() >= facts_.members.size();
    if (!heard && now - began_ < limits::kRestartAskFor) return {};
    if (facts_.log.shape.tail.kind != LogTail::Kind::kHandOver) return Resume();
  } else if (!HeardAll() && now - asked_at_ < kReachWithin) {
    return {};
  }
  Grants would;
  for (const auto& [id, answer] : looks_) {
    if (answer.granted) would.emplace(id, answer);
  }
  verdict_ = JudgePromotion(facts_, would, unfetchable_);
  if (ordered() && (facts_.order.dry_run || verdict_.refusal.has_value())) {
    return GiveUp(verdict_.message);
  }
  if (verdict_.refusal.has_value()) return {};  // A restart: OnTick looks again.
  return NewCandidate();
}

// ---- The grants.

// Its own number again when nobody has gone above it: what granters once said stays true.
CandidateEffects CandidateMachine::NewCandidate() {
  const Epoch& granted = facts_.promises.granted;
  const bool unused = candidate_.number == 0 && granted.node_id == facts_.self &&
                      granted != facts_.promises.own && granted.number == highest_number_;
  candidate_ = unused ? granted : Epoch{highest_number_ + 1, facts_.self};
  highest_number_ = candidate_.number;
  grants_.clear();
  refusals_.clear();
  taken_ = false;
  phase_ = Phase::kGrantSelf;
  return {.grant_self = candidate_};
}

GrantAsk CandidateMachine::Ask(bool dry_run) const {
  const Epoch next{highest_number_ + 1, facts_.self};
  return {.epoch = dry_run ? next : candidate_,
          .last = facts_.log.shape.last,
          .restart = facts_.mode == CandidateMode::kRestart,
          .dry_run = dry_run,
          .k = facts_.order.k};
}

CandidateEffects CandidateMachine::OnSelfGranted(MonoTime now) {
  if (phase_ != Phase::kGrantSelf) return {};
  phase_ = Phase::kAskGrants;
  asked_at_ = now;
  asked_.clear();
  unreachable_.clear();
  // An order asks whom the look has found; the others would only be waited for.
  for (const std::string& id : facts_.members) {
    if (!ordered() || looks_.contains(id)) asked_.insert(id);
  }
  CandidateEffects out = JudgeGrants(now);
  if (phase_ != Phase::kAskGrants) return out;
  out.ask_grants.assign(asked_.begin(), asked_.end());
  return out;
}

CandidateEffects CandidateMachine::OnSelfGrantRefused(const EpochPromises& promises) {
  const Epoch& granted = promises.granted;
  if (done() || granted == candidate_ || granted.node_id == facts_.self) return {};
  Learn(granted);
  const bool must_be_newest = MustBeNewest();
  facts_.promises = promises;
  if (must_be_newest) return GiveUp(fmt::format("this node has granted {}", ToText(granted)));
  return phase_ == Phase::kGrantSelf ? NewCandidate() : CandidateEffects{};
}

CandidateEffects CandidateMachine::OnGrantAnswer(const GrantAnswer& answer, MonoTime now) {
  if (done()) return {};
  Learn(answer.granted_before);
  Learn(answer.last.epoch);
  if (answer.dry_run) return OnLooked(answer, now);
  if (!asked_.contains(answer.node_id) || phase_ != Phase::kAskGrants ||
      answer.asked != candidate_) {
    return {};
  }
  if (!answer.granted) {
    reason_ = fmt::format("{} refused: {}", answer.node_id, answer.reason);
    const Epoch& theirs = answer.granted_before;
    taken_ = taken_ || (theirs.number == candidate_.number && theirs != candidate_);
    refusals_[answer.node_id] = answer;
    return JudgeGrants(now);
  }
  if (MustBeNewest()) {
    const std::string newer = KnowsNewer(answer.node_id, answer.granted_before, answer.last.epoch);
    if (!newer.empty()) return GiveUp(newer);
  }
  grants_.emplace(answer.node_id, answer);  // The first one told the position before the grant.
  return JudgeGrants(now);
}

CandidateEffects CandidateMachine::OnUnreachable(const std::string& node_id, MonoTime now) {
  unreachable_.insert(node_id);
  if (phase_ == Phase::kLook) return JudgeLook(now);
  if (phase_ == Phase::kAskGrants) return JudgeGrants(now);
  return {};
}

CandidateEffects CandidateMachine::JudgeGrants(MonoTime now) {
  PromotionVerdict verdict = JudgePromotion(facts_, grants_, unfetchable_);
  const bool all_said = std::all_of(asked_.begin(), asked_.end(), [this](const std::string& id) {
    return grants_.contains(id) || refusals_.contains(id) || unreachable_.contains(id);
  });
  const bool waited = now - asked_at_ >= kReachWithin;
  const bool waits = !all_said && !waited;
  verdict_ = verdict;
  if (verdict.fetch_from.has_value()) {
    if (waits && verdict.complete != true) return {};  // Somebody may still be further ahead.
    phase_ = Phase::kFetch;
    asked_at_ = now;
    fetching_ = FetchTail{*verdict.fetch_from, facts_.log.committed_seq + 1};
    return {.fetch = fetching_};
  }
  if (!verdict.refusal.has_value() && (verdict.complete == true || !waits)) return Resume();
  if (facts_.mode == CandidateMode::kRestart || waits) return {};
  const bool above = taken_ || highest_number_ > candidate_.number;
  if (above) return NewCandidate();
  return Refuse(verdict.refusal.value_or(PromotionRefusal::kNotEnoughGrants), verdict.message);
}

// ---- The tail of whoever is ahead.

CandidateEffects CandidateMachine::OnFetched(CandidateLog log, MonoTime now) {
  if (phase_ != Phase::kFetch) return {};
  facts_.log = std::move(log);
  // Who is ahead still has nothing that could be added here: its log is another one (a split).
  const auto from = grants_.find(fetching_->node_id);
  if (from != grants_.end() && IsAhead(from->second.last, facts_)) {
    unfetchable_.insert(fetching_->node_id);
  }
  // It may name members that nobody was asked before.
  std::vector<std::vector<std::string>> sets = facts_.log.pending_voters;
  sets.push_back(facts_.log.voters);
  for (const auto& voters : sets) {
    for (const std::string& id : voters) {
      const auto& known = facts_.members;
      if (id == facts_.self || std::find(known.begin(), known.end(), id) != known.end()) continue;
      facts_.members.push_back(id);
      asked_.insert(id);
    }
  }
  phase_ = Phase::kAskGrants;
  asked_at_ = now;
  fetching_.reset();
  CandidateEffects out = JudgeGrants(now);
  if (phase_ != Phase::kAskGrants) return out;
  for (const std::string& id : asked_) {
    if (!grants_.contains(id)) out.ask_grants.push_back(id);
  }
  return out;
}

CandidateEffects CandidateMachine::OnFetchFailed(const std::string& reason, MonoTime now) {
  if (phase_ != Phase::kFetch) return {};
  reason_ = fmt::format("{} cannot be fetched from: {}", fetching_->node_id, reason);
  unfetchable_.insert(fetching_->node_id);
  fetching_.reset();
  phase_ = Phase::kAskGrants;
  asked_at_ = now - kReachWithin;  // All that could be said was said.
  return JudgeGrants(now);
}

CandidateEffects CandidateMachine::OnTick(MonoTime now) {
  if (phase_ == Phase::kFetch && now - asked_at_ >= kFetchWithin) {
    return OnFetchFailed("no answer in time", now);
  }
  if (phase_ == Phase::kLook) {
    CandidateEffects out = JudgeLook(now);
    if (phase_ == Phase::kLook && !ordered() && now - asked_at_ >= limits::kHeartbeatEvery) {
      return Look(now);
    }
    return out;
  }
  if (phase_ == Phase::kGrantSelf && now - asked_at_ >= limits::kHeartbeatEvery) {
    asked_at_ = now;
    return {.grant_self = candidate_};  // The disk did not take it; it may by now.
  }
  if (phase_ != Phase::kAskGrants) return {};
  CandidateEffects out = JudgeGrants(now);
  if (phase_ != Phase::kAskGrants || now - asked_at_ < limits::kHeartbeatEvery) return out;
  if (taken_ || highest_number_ > candidate_.number) return NewCandidate();
  asked_at_ = now;
  unreachable_.clear();
  refusals_.clear();
  for (const std::string& id : asked_) {
    if (!grants_.contains(id)) out.ask_grants.push_back(id);
  }
  return out;
}

// ---- For people.

std::string CandidateMachine::Waiting() const {
  switch (phase_) {
    case Phase::kLook:
      if (RestartsWithoutK()) {
        return fmt::format("asks the members for a newer epoch; {} of {} have answered",
                           looks_.size(), facts_.members.size());
      }
      if (verdict_.refusal.has_value()) return verdict_.message;
      return fmt::format("asks the members; {} of {} have answered", looks_.size(),
                         facts_.members.size());
    case Phase::kGrantSelf:
    case Phase::kAskGrants:
      return fmt::format("waits for grants of epoch {}; has {} of {}{}{}", ToText(candidate_),
                         grants_.size() + 1, verdict_.needed, reason_.empty() ? "" : "; ", reason_);
    case Phase::kFetch:
      return fmt::format("fetches the records of {} from {} on", fetching_->node_id,
                         fetching_->first_seq);
    case Phase::kGaveUp:
      return reason_;
    case Phase::kDone:
      return "";
  }
  return "";
}

std::vector<std::string> CandidateMachine::GrantedBy() const {
  std::vector<std::string> out{facts_.self};
  const Grants& from = candidate_.number == 0 ? looks_ : grants_;
  for (const auto& [id, answer] : from) {
    if (answer.granted) out.push_back(id);
  }
  return out;
}

std::vector<MemberSaid> CandidateMachine::Said() const {
  std::vector<MemberSaid> out;
  for (const std::string& id : facts_.members) {
    MemberSaid said{
        .id = id, .epoch = {}, .last = {}, .reason = looked_ ? "no answer" : "not asked"};
    for (const Grants* from : {&looks_, &refusals_, &grants_}) {
      const auto it = from->find(id);
      if (it == from->end()) continue;
      said = {.id = id,
              .answered = true,
              .granted = it->second.granted,
              .epoch = it->second.granted_before,
              .last = it->second.last,
              .reason = it->second.reason};
    }
    out.push_back(std::move(said));
  }
  return out;
}

}  // namespace holdfast::replication
