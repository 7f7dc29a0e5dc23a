#ifndef HOLDFAST_REPLICATION_CORE_RESTART_H_
#define HOLDFAST_REPLICATION_CORE_RESTART_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "replication/core/grant.h"

namespace holdfast::replication {

// ---- The candidate's side.

struct RestartFacts {
  std::string self;
  std::vector<std::string> others;  // the other voting members
  EpochPromises promises;
  LogShape log;  // durable
  uint32_t setting_k = 0;
  std::vector<uint32_t> pending_k;
  // An operator orders it: the node need not have been primary. Needs grants with k = 0 too.
  bool ordered = false;
  bool old_primary_is_down = false;  // the operator's word
};

// Whether a node that starts should try at all: the newest epoch in its log is its own.
bool WasPrimary(const RestartFacts& facts);

struct RestartEffects {
  bool ask_reports = false;             // k = 0: an Exchange with every other member
  std::optional<Epoch> grant_self;      // EpochGuard::GrantSelf and persist, then OnSelfGranted
  std::vector<std::string> ask_grants;  // of epoch candidate(), to these members
  std::optional<Epoch> resume;          // RoleMachine::OnRestartAllowed; the machine is done
  bool give_up = false;                 // somebody else is, or was, primary in a newer epoch
};

// May a node that was primary serve again, in a new epoch? Until it says so the node is a secondary
// in all it does.
//   k = 0: asks all members for kRestartAskFor (shorter when all have answered) and resumes if none
//          knows a higher epoch and the newest epoch here is its own, with its start record in the
//          log, and k = 0 in all settings of the log.
//   k > 0: needs N - k grants, its own included (k: the smallest of the settings), and k + 1 grants
//          (k: the largest) or the operator's word; and nobody who granted may be ahead.
// A granter is not ahead when what it has beyond us is of our own epoch: a record commits only once
// it is durable on its primary, and ours is not, so nobody was ever told of it.
//
// Room        replication/core.
// Threading   Thread-compatible.
class RestartMachine {
 public:
  RestartMachine(RestartFacts facts, MonoTime now);

  RestartEffects Begin(MonoTime now);
  RestartEffects OnReport(const MemberReport& report, MonoTime now);
  RestartEffects OnSelfGranted(MonoTime now);
  // EpochGuard had promised something newer: tries again above it.
  RestartEffects OnSelfGrantRefused(const Epoch& granted);
  RestartEffects OnGrantAnswer(const GrantAnswer& answer, MonoTime now);
  RestartEffects OnTick(MonoTime now);

  bool done() const { return phase_ == Phase::kDone || phase_ == Phase::kGaveUp; }
  const Epoch& candidate() const { return candidate_; }
  // What it waits for, for status: "waits for a grant of node2; has 1 of 2".
  std::string Waiting() const;

 private:
  enum class Phase { kAskReports, kGrantSelf, kAskGrants, kBlocked, kDone, kGaveUp };
  RestartEffects Resume();
  RestartEffects GiveUp(std::string reason);
  RestartEffects NewCandidate();
  RestartEffects JudgeGrants();
  RestartEffects JudgeReports(MonoTime now);
  void Learn(const Epoch& epoch);
  bool KMaxIsZero() const;
  size_t GrantsNeeded() const;
  bool IsAhead(const GrantAnswer& answer) const;

  RestartFacts facts_;
  Phase phase_ = Phase::kAskReports;
  MonoTime began_;
  MonoTime asked_at_{};
  Epoch candidate_;
  uint64_t highest_number_ = 0;
  bool taken_ = false;  // a refuser has promised our number to another node
  std::map<std::string, MemberReport> reports_;
  std::map<std::string, GrantAnswer> grants_;
  std::string reason_;
};

}  // namespace holdfast::replication

#endif  // HOLDFAST_REPLICATION_CORE_RESTART_H_
