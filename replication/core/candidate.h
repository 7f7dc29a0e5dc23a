#ifndef HOLDFAST_REPLICATION_CORE_CANDIDATE_H_
#define HOLDFAST_REPLICATION_CORE_CANDIDATE_H_

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "replication/core/promotion.h"

namespace holdfast::replication {

struct FetchTail {
  std::string node_id;
  uint64_t first_seq = 0;  // what this node has from there on is replaced; nothing below is touched
  bool operator==(const FetchTail&) const = default;
};

// What the shell must do, in this order.
struct CandidateEffects {
  std::vector<std::string> look;  // ask these for a grant as a dry run, Ask(true)
  // EpochGuard::GrantSelf(epoch, Ask().k), persist; OnSelfGranted. Comes again while neither that
  // nor a refusal is told: a disk may take nothing for a while.
  std::optional<Epoch> grant_self;
  std::vector<std::string> ask_grants;  // Ask(false), to these
  std::optional<FetchTail> fetch;       // then OnFetched or OnFetchFailed
  std::optional<Epoch> resume;          // RoleMachine::OnRestartAllowed; the machine has ended
  // Ended without: refused, nothing to do here, or a dry run is done. Verdict(), Said() tell.
  bool give_up = false;
};

// What one member answered, for people.
struct MemberSaid {
  std::string id;
  bool answered = false;
  bool granted = false;  // in a look: would
  Epoch epoch;           // the highest that it knew before
  EntryMeta last;
  std::string reason;
};

// May this node become primary, or serve again, in a new epoch? Until the machine says so the node
// is a secondary in all it does.
//   It looks first: asks everybody what they would answer, and promises nothing until that would
//   suffice (JudgePromotion). Then it grants itself, asks for grants, judges again by what it got,
//   fetches the tail of whoever is ahead (orders only), and ends in `resume` or in a refusal.
//   An order and a take-over end; a restart that waits for somebody looks again each second.
//   A restart without k asks for kRestartAskFor and resumes if nobody knows a higher epoch and the
//   newest one known here is its own, with its start record in the log.
// A member that does not answer within kReachWithin is not reachable.
//
// Room        replication/core. Rules and words: docs/promotion.md.
// Relies on   A log that does not change: a stream that begins ends the machine (the shell drops
//             it).
// Threading   Thread-compatible.
class CandidateMachine {
 public:
  CandidateMachine(CandidateFacts facts, MonoTime now);

  CandidateEffects Begin(MonoTime now);
  // Of the exchange each second: somebody who is primary ends it.
  CandidateEffects OnReport(const MemberReport& report);
  // Looks and grants alike: `answer.dry_run` tells them apart.
  CandidateEffects OnGrantAnswer(const GrantAnswer& answer, MonoTime now);
  // A refused connection: known at once. A call that failed otherwise may be told here too.
  CandidateEffects OnUnreachable(const std::string& node_id, MonoTime now);
  CandidateEffects OnSelfGranted(MonoTime now);
  // EpochGuard has promised something newer to another node, as a voter too, at whatever moment:
  // tries again above it, or ends, where the right to go on was that there is no such promise.
  // With all promises as they are then: what was told with them counts (granted_ks).
  CandidateEffects OnSelfGrantRefused(const EpochPromises& promises);
  // The tail is in the log, durably, and this is the log now.
  CandidateEffects OnFetched(CandidateLog log, MonoTime now);
  CandidateEffects OnFetchFailed(const std::string& reason, MonoTime now);
  CandidateEffects OnTick(MonoTime now);

  GrantAsk Ask(bool dry_run) const;
  bool done() const { return phase_ == Phase::kDone || phase_ == Phase::kGaveUp; }
  const Epoch& candidate() const { return candidate_; }
  const CandidateFacts& facts() const { return facts_; }
  // What it waits for or why it gave up, for status.
  std::string Waiting() const;

  // ---- For the answer to an order: what was found, and who said what. `complete` and the losses
  // are as if whoever is ahead could be fetched from.
  const PromotionVerdict& verdict() const { return verdict_; }
  std::vector<std::string> GrantedBy() const;  // this node first; in a look: who would
  std::vector<MemberSaid> Said() const;

 private:
  enum class Phase { kLook, kGrantSelf, kAskGrants, kFetch, kDone, kGaveUp };
  bool ordered() const { return facts_.mode == CandidateMode::kOrder; }
  bool RestartsWithoutK() const;
  bool NewestEpochIsMine() const;
  bool MustBeNewest() const;
  bool HandedBy(const std::string& node_id) const;
  std::vector<std::string> Silent() const;
  bool HeardAll() const;
  void Learn(const Epoch& epoch);
  CandidateEffects Look(MonoTime now);
  CandidateEffects OnLooked(const GrantAnswer& answer, MonoTime now);
  CandidateEffects JudgeLook(MonoTime now);
  CandidateEffects JudgeGrants(MonoTime now);
  CandidateEffects NewCandidate();
  CandidateEffects Resume();
  CandidateEffects GiveUp(std::string reason);
  CandidateEffects Refuse(PromotionRefusal refusal, std::string reason);
  std::string KnowsNewer(const std::string& who, const Epoch& granted, const Epoch& last) const;

  CandidateFacts facts_;
  Phase phase_ = Phase::kLook;
  MonoTime began_;
  MonoTime asked_at_{};
  Epoch candidate_;
  uint64_t highest_number_ = 0;
  bool taken_ = false;  // a refuser has promised our number to another node
  Grants looks_;        // of this round of looks
  Grants grants_;
  Grants refusals_;
  std::set<std::string> asked_;        // for a grant, in this round
  std::set<std::string> unreachable_;  // in this round
  std::set<std::string> unfetchable_;
  std::optional<FetchTail> fetching_;
  PromotionVerdict verdict_;
  std::string reason_;
  bool looked_ = false;  // members were asked
};

}  // namespace holdfast::replication

#endif  // HOLDFAST_REPLICATION_CORE_CANDIDATE_H_
