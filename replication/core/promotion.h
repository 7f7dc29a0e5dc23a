#ifndef HOLDFAST_REPLICATION_CORE_PROMOTION_H_
#define HOLDFAST_REPLICATION_CORE_PROMOTION_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "replication/core/grant.h"

namespace holdfast::replication {

// ---- What a candidate knows, and what it may do: docs/promotion.md as pure functions.

enum class CandidateMode {
  kRestart,   // was primary, and tries to go on by itself
  kOrder,     // an operator said so
  kTakeOver,  // its log ends in a hand-over that names it, and its author asks
};

// How much an operator is ready to lose: a number of records, or what cannot even be known.
struct AcceptLoss {
  uint64_t records = 0;
  bool unknown = false;
};

struct PromotionOrder {
  bool dry_run = false;
  bool old_primary_is_down = false;  // the word
  AcceptLoss accept_loss;
  std::optional<uint32_t> k;  // the epoch starts with it
};

// A log, as far as promotions care. It changes when the tail of somebody else was fetched.
struct CandidateLog {
  LogShape shape;  // durable
  uint64_t committed_seq = 0;
  uint32_t setting_k = 0;           // committed
  std::vector<uint32_t> pending_k;  // later ones
  bool degrade = false;             // one of those has the policy `degrade`
  // All that vote, this node among them: by the committed rows, and after each later change of them
  // in the log. What counts is not known yet, so each set must be satisfied.
  std::vector<std::string> voters;
  std::vector<std::vector<std::string>> pending_voters;
};

struct CandidateFacts {
  std::string self;
  std::vector<std::string> members;  // all others, voting or not
  EpochPromises promises;
  CandidateLog log;
  std::optional<std::string> following;  // a primary whose live stream this node has
  CandidateMode mode = CandidateMode::kRestart;
  PromotionOrder order;  // kOrder
};

// Whether a node that starts was primary in the newest epoch of its log.
bool WasPrimary(const CandidateFacts& facts);

enum class PromotionRefusal {
  kPrimaryReachable,
  kNotEnoughGrants,
  kOldPrimaryMayRun,
  kWouldLoseData,
  kInterrupted,  // a stream of a primary began, or the role ended: nothing was decided
};
const char* ToText(PromotionRefusal refusal);

using Grants = std::map<std::string, GrantAnswer>;  // by who gave them; never the candidate's own

// What these grants allow. In a look they are what would be given.
struct PromotionVerdict {
  std::optional<PromotionRefusal> refusal;
  std::string message;  // what is missing, in words, with the option that would go on
  // Somebody is ahead, and nothing else is in the way: fetch its tail, then ask again.
  std::optional<std::string> fetch_from;
  size_t needed = 1;                         // grants, the own one included, for quorum and fence
  std::optional<bool> complete;              // nullopt: cannot be known
  std::optional<uint64_t> lost_records = 0;  // nullopt: cannot be known
  uint64_t lost_at_least = 0;
};

// `unfetchable`: from whom the tail could not be fetched.
PromotionVerdict JudgePromotion(const CandidateFacts& facts, const Grants& grants,
                                const std::set<std::string>& unfetchable);

// Is what `last` ends above the end of the candidate's log? What a granter has beyond a candidate
// in the candidate's own last epoch is not ahead: a record commits only once it is durable on its
// primary, and this one is not, so nobody was ever told of it.
bool IsAhead(const EntryMeta& last, const CandidateFacts& facts);

}  // namespace holdfast::replication

#endif  // HOLDFAST_REPLICATION_CORE_PROMOTION_H_
