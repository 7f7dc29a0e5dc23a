#include "replication/core/promotion.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <utility>

namespace holdfast::replication {
namespace {

// Everything that the grants and the log say, counted once.
struct Tally {
  uint32_t k_min = 0;
  uint32_t k_max = 0;
  bool degrade = false;
  size_t needed = 1;
  bool quorum = false;  // N - k
  bool all = false;
  bool outlives = false;  // k + 1
};

class Judge {
 public:
  Judge(const CandidateFacts& facts, const Grants& grants, const std::set<std::string>& gone)
      : facts_(facts), grants_(grants), gone_(gone) {
    CountSettings();
    CountGrants();
  }

  PromotionVerdict Run() {
    FindAhead();
    out_.needed = tally_.needed;
    JudgeComplete();
    if (Refused()) return std::move(out_);
    if (ahead_ != nullptr && Fetchable()) {
      out_.fetch_from = ahead_->node_id;
      return std::move(out_);
    }
    if (out_.complete == true || LossIsAccepted()) return std::move(out_);
    Refuse(PromotionRefusal::kWouldLoseData, LossInWords());
    return std::move(out_);
  }

 private:
  bool ordered() const { return facts_.mode == CandidateMode::kOrder; }
  bool word() const { return ordered() && facts_.order.old_primary_is_down; }
  bool restart() const { return facts_.mode == CandidateMode::kRestart; }
  const LogShape& shape() const { return facts_.log.shape; }

  void CountSettings() {
    tally_.k_min = tally_.k_max = facts_.log.setting_k;
    tally_.degrade = facts_.log.degrade;
    const auto count = [this](uint32_t k) {
      tally_.k_min = std::min(tally_.k_min, k);
      tally_.k_max = std::max(tally_.k_max, k);
    };
    for (uint32_t k : facts_.log.pending_k) count(k);
    for (const auto& granted : facts_.promises.granted_ks) count(granted.k);
    for (const auto& [id, grant] : grants_) {
      count(grant.setting_k);
      for (uint32_t k : grant.pending_k) count(k);
      for (uint32_t k : grant.granted_k) count(k);
      tally_.degrade = tally_.degrade || grant.degrade;
    }
  }

  bool Granted(const std::string& id) const { return id == facts_.self || grants_.contains(id); }

  void CountGrants() {
    tally_.quorum = tally_.all = tally_.outlives = true;
    CountIn(facts_.log.voters);
    for (const auto& voters : facts_.log.pending_voters) CountIn(voters);
  }

  void CountIn(const std::vector<std::string>& voters) {
    const auto have = static_cast<size_t>(std::count_if(
        voters.begin(), voters.end(), [this](const std::string& id) { return Granted(id); }));
    // A primary that may go on alone commits with nobody, whatever k says. A restart of the last
    // primary itself is not about what others committed alone.
    const uint32_t k = tally_.degrade && !restart() ? 0 : tally_.k_min;
    const size_t quorum = voters.size() > k ? voters.size() - k : 1;
    const size_t outlives = std::min(size_t{tally_.k_max} + 1, voters.size());  // All is enough.
    tally_.quorum = tally_.quorum && have >= quorum;
    tally_.outlives = tally_.outlives && have >= outlives;
    tally_.all = tally_.all && have >= voters.size();
    tally_.needed = std::max({tally_.needed, quorum, word() ? size_t{1} : outlives});
  }

  bool AloneMayCommit() const { return tally_.k_min == 0 || tally_.degrade; }
  // Only an operator's order takes over what others have; else somebody was primary after us.
  bool Fetchable() const { return ordered() && !gone_.contains(ahead_->node_id); }
  bool WithoutK() const { return tally_.k_max == 0; }

  // The last record says that its epoch has nothing more, and no granter knows of a later epoch
  // that somebody may have served in. The candidate's own next number is no such epoch.
  bool TailProves() const {
    if (shape().tail.kind == LogTail::Kind::kOpen) return false;
    if (word()) return true;
    if (Later(facts_.promises.granted, facts_.promises.rival)) return false;
    return std::none_of(grants_.begin(), grants_.end(), [this](const auto& g) {
      return Later(g.second.granted_before, g.second.rival_before);
    });
  }
  // What was promised to the candidate itself hides what was promised to another one before.
  bool Later(const Epoch& granted, const Epoch& rival) const {
    const uint64_t tail = shape().last.epoch.number;
    if (granted.node_id != facts_.self) return granted.number > tail;
    return rival.number > 0 ? rival.number > tail : granted.number > tail + 1;
  }

  // Somebody who does not vote by this log was promised an epoch after it, and may have committed
  // there alone: this log lacks the history in which it votes. Null: nobody, or it grants this.
  const Epoch* Stranger() const {
    if (!AloneMayCommit()) return nullptr;
    const auto is_one = [this](const Epoch& epoch) {
      return epoch.number > shape().last.epoch.number && !Votes(epoch.node_id) &&
             !Granted(epoch.node_id);
    };
    for (const Epoch* epoch : {&facts_.promises.granted, &facts_.promises.rival}) {
      if (is_one(*epoch)) return epoch;
    }
    for (const auto& [id, grant] : grants_) {
      if (is_one(grant.granted_before)) return &grant.granted_before;
      if (is_one(grant.rival_before)) return &grant.rival_before;
    }
    return nullptr;
  }
  bool Votes(const std::string& id) const {
    const auto in = [&id](const std::vector<std::string>& voters) {
      return std::find(voters.begin(), voters.end(), id) != voters.end();
    };
    return in(facts_.log.voters) ||
           std::any_of(facts_.log.pending_voters.begin(), facts_.log.pending_voters.end(), in);
  }

  // Who does not grant goes on counting with the k it knows, and would not miss this node in a
  // quorum of its own: docs/adr/0009.
  bool LowersK() const { return ordered() && facts_.order.k && *facts_.order.k < tally_.k_max; }

  // Handed over to this node, and the author of that record has promised not to go on.
  bool HandedToMe() const {
    return shape().tail.kind == LogTail::Kind::kHandOver && shape().tail.target == facts_.self &&
           Granted(shape().last.epoch.node_id) && TailProves();
  }
  bool HandedToAnother() const {
    return shape().tail.kind == LogTail::Kind::kHandOver && shape().tail.target != facts_.self;
  }

  void FindAhead() {
    const auto higher = [](const EntryMeta& a, const EntryMeta& b) {
      return std::pair(a.epoch, a.seq) > std::pair(b.epoch, b.seq);
    };
    // Whose tail could not be fetched is still ahead; another one at the same place may have it.
    for (const auto& [id, grant] : grants_) {
      if (!IsAhead(grant.last, facts_)) continue;
      const bool better = ahead_ == nullptr || higher(grant.last, ahead_->last) ||
                          (!higher(ahead_->last, grant.last) && gone_.contains(ahead_->node_id));
      if (better) ahead_ = &grant;
    }
  }

  void JudgeComplete() {
    proven_ = (tally_.all && Stranger() == nullptr) || (tally_.quorum && !AloneMayCommit()) ||
              TailProves();
    if (restart() && (tally_.quorum || WithoutK())) proven_ = true;
    const bool missing = ahead_ != nullptr && !Fetchable();
    if (missing) {
      const bool same_epoch = ahead_->last.epoch == shape().last.epoch;
      const uint64_t mine = shape().last.seq;
      out_.lost_at_least = ahead_->last.seq > mine ? ahead_->last.seq - mine : 1;
      out_.lost_records.reset();
      if (same_epoch && proven_) out_.lost_records = out_.lost_at_least;
      out_.complete = false;
    } else if (proven_) {
      out_.complete = true;
    } else {
      out_.lost_records.reset();
    }
  }

  bool Refuse(PromotionRefusal refusal, std::string message) {
    out_.refusal = refusal;
    out_.message = std::move(message);
    return true;
  }

  // The rows of the table in docs/promotion.md, from the quorum to the fence.
  bool Refused() {
    if (!VotesInEachSet()) {
      return Refuse(
          PromotionRefusal::kNotEnoughGrants,
          fmt::format("{} does not vote, by the log up to {}", facts_.self, ToText(shape().last)));
    }
    if (restart() && WithoutK()) return RefusedAsHandedOver();  // Its rule is another one.
    const std::string fence = FenceMissing();
    const bool goes_on = tally_.quorum || (TailProves() && !LowersK()) ||
                         (ordered() && facts_.order.accept_loss.unknown);
    if (!goes_on && TailProves()) {
      return Refuse(PromotionRefusal::kNotEnoughGrants,
                    fmt::format("{}, and who does not grant would not know of the lower k: start "
                                "more members, or leave --sync out; else only --accept-loss "
                                "unknown goes on",
                                GrantsInWords()));
    }
    if (!goes_on && fence.empty()) {
      return Refuse(PromotionRefusal::kWouldLoseData,
                    fmt::format("{}; what is missing cannot be known: only --accept-loss unknown "
                                "goes on",
                                GrantsInWords()));
    }
    if (!goes_on) {
      return Refuse(PromotionRefusal::kNotEnoughGrants,
                    fmt::format("{}: start more members; without them only --accept-loss unknown "
                                "with --old-primary-is-down goes on",
                                GrantsInWords()));
    }
    if (!fence.empty()) return Refuse(PromotionRefusal::kOldPrimaryMayRun, fence);
    if (facts_.mode == CandidateMode::kTakeOver && !Granted(shape().last.epoch.node_id)) {
      return Refuse(
          PromotionRefusal::kOldPrimaryMayRun,
          fmt::format("{} handed over and has not granted this", shape().last.epoch.node_id));
    }
    return RefusedAsHandedOver();
  }

  // A fetched tail may say that this node was forgotten: then nobody counts what it does.
  bool VotesInEachSet() const {
    const auto votes = [this](const std::vector<std::string>& voters) {
      return std::find(voters.begin(), voters.end(), facts_.self) != voters.end();
    };
    return votes(facts_.log.voters) &&
           std::all_of(facts_.log.pending_voters.begin(), facts_.log.pending_voters.end(), votes);
  }

  bool RefusedAsHandedOver() {
    if (!HandedToAnother() || word() || Granted(shape().tail.target)) return false;
    return Refuse(PromotionRefusal::kOldPrimaryMayRun,
                  fmt::format("the log ends in a hand-over to {}, which has not granted this",
                              shape().tail.target));
  }

  // Empty: nobody who served before can commit any more.
  std::string FenceMissing() const {
    if (word()) return "";
    if (!tally_.outlives && !(HandedToMe() && AloneMayCommit())) {
      return fmt::format(
          "{}: an older primary may still commit with those that did not grant; "
          "stop it, then --old-primary-is-down goes on",
          GrantsInWords());
    }
    if (const Epoch* other = restart() || HandedToMe() ? nullptr : Stranger()) {
      return fmt::format(
          "epoch {} was promised to a node that does not vote by the log up to {}: stop it, then "
          "--old-primary-is-down goes on",
          ToText(*other), ToText(shape().last));
    }
    if (AloneMayCommit() && !restart() && !tally_.all && !HandedToMe()) {
      return fmt::format(
          "{}: a primary that is cut off cannot be fenced from afar; stop it, then "
          "--old-primary-is-down goes on",
          GrantsInWords());
    }
    return "";
  }

  std::string GrantsInWords() const {
    std::vector<std::string> given{facts_.self};
    for (const auto& [id, grant] : grants_) given.push_back(id);
    return fmt::format("has {} of {} grants ({})", given.size(), tally_.needed,
                       fmt::join(given, ", "));
  }

  bool LossIsAccepted() const {
    if (!ordered()) return false;
    const AcceptLoss& accept = facts_.order.accept_loss;
    return accept.unknown ||
           (out_.lost_records.has_value() && accept.records >= *out_.lost_records);
  }

  std::string LossInWords() const {
    if (restart() && ahead_ != nullptr) {
      return fmt::format("not complete: node {} is ahead at {}, this node ends at {}",
                         ahead_->node_id, ToText(ahead_->last), ToText(shape().last));
    }
    if (out_.lost_records.has_value()) {
      return fmt::format("{} records of {} would be lost: --accept-loss {} goes on",
                         *out_.lost_records, ahead_->node_id, *out_.lost_records);
    }
    return fmt::format(
        "at least {} records would be lost, and how many cannot be known: only "
        "--accept-loss unknown goes on",
        out_.lost_at_least);
  }

  const CandidateFacts& facts_;
  const Grants& grants_;
  const std::set<std::string>& gone_;
  Tally tally_;
  const GrantAnswer* ahead_ = nullptr;
  bool proven_ = false;
  PromotionVerdict out_;
};

}  // namespace

const char* ToText(PromotionRefusal refusal) {
  switch (refusal) {
    case PromotionRefusal::kPrimaryReachable:
      return "primary reachable";
    case PromotionRefusal::kNotEnoughGrants:
      return "not enough grants";
    case PromotionRefusal::kOldPrimaryMayRun:
      return "old primary may run";
    case PromotionRefusal::kWouldLoseData:
      return "would lose data";
    case PromotionRefusal::kInterrupted:
      return "interrupted";
  }
  return "unknown";
}

bool WasPrimary(const CandidateFacts& facts) {
  const auto& history = facts.log.shape.history;
  return !history.empty() && history.back().epoch.node_id == facts.self;
}

bool IsAhead(const EntryMeta& last, const CandidateFacts& facts) {
  const EntryMeta& mine = facts.log.shape.last;
  if (last.epoch.number != mine.epoch.number) return last.epoch.number > mine.epoch.number;
  if (last.epoch != mine.epoch) return true;  // A split: only an operator can tell.
  return last.seq > mine.seq && mine.epoch.node_id != facts.self;
}

PromotionVerdict JudgePromotion(const CandidateFacts& facts, const Grants& grants,
                                const std::set<std::string>& unfetchable) {
  return Judge(facts, grants, unfetchable).Run();
}

}  // namespace holdfast::replication
