// A candidate of this node: asks the others whether it may become primary, or go on as one.
#include <fmt/format.h>

#include <utility>

#include "replication/node/node.h"
#include "replication/node/translate.h"
#include "server/base/crash_point.h"
#include "server/base/status_macros.h"
#include "server/observe/log.h"

namespace holdfast::replication {
namespace {

constexpr uint32_t kFetchRecords = 512;
constexpr std::chrono::milliseconds kFetchCallMax{5000};

// Everything that `client` has from `first_seq` on, in place of what is here, while it is `wanted`.
absl::Status FetchInto(Ledger& ledger, PeerClient& client, uint64_t first_seq,
                       const std::function<bool()>& wanted) {
  while (wanted()) {
    v1::ReadLogRequest request;
    request.set_first_seq(first_seq);
    request.set_records_max(kFetchRecords);
    HOLDFAST_ASSIGN_OR_RETURN(const v1::ReadLogResponse page,
                              client.ReadLog(request, kFetchCallMax));
    if (page.entries().empty()) return absl::OkStatus();
    Digest previous{};
    HOLDFAST_ASSIGN_OR_RETURN(const std::vector<EntryPtr> entries,
                              FromMessage(page, first_seq, previous));
    HOLDFAST_RETURN_IF_ERROR(ledger.AppendFetched(previous, entries));
    HOLDFAST_CRASH_POINT("promotion.fetch.in_pieces");
    first_seq += entries.size();
    if (first_seq > page.last_seq()) return absl::OkStatus();
  }
  return absl::CancelledError("the candidate that wanted them has ended");
}

// Secondaries that must have a write before it is committed.
uint32_t CommitK(const vault::SetSettings& settings) {
  v1::ClusterRow row;
  row.set_level(settings.level);
  row.set_k(settings.k);
  return KOf(row);
}

}  // namespace

CandidateLog Node::CandidateLogNow() const {
  CandidateLog log;
  const HeldLog held = deps_.ledger.Held();
  const Membership members = deps_.ledger.Members();
  log.shape = deps_.ledger.Shape();
  log.committed_seq = held.committed_seq;
  log.setting_k = held.setting_k;
  log.pending_k = held.pending_k;
  log.degrade = held.degrade;
  log.voters = members.committed;
  log.pending_voters = members.pending;
  return log;
}

CandidateFacts Node::CandidateFactsNow(CandidateMode mode) const {
  CandidateFacts facts{.self = deps_.identity.node_id,
                       .promises = book_->promises(),
                       .log = CandidateLogNow(),
                       .mode = mode};
  for (const v1::MemberRow& member : Members()) {
    if (member.node_id() != facts.self) facts.members.push_back(member.node_id());
  }
  const LinkView link = follow_->View();
  if (link.live) facts.following = link.primary;
  return facts;
}

PromotionOrder Node::RulesOf(const PromoteOrder& order) {
  PromotionOrder rules{.dry_run = order.dry_run,
                       .old_primary_is_down = order.old_primary_is_down,
                       .accept_loss = order.accept_loss};
  if (order.lowered) rules.k = CommitK(*order.lowered);
  return rules;
}

// In the role kRestarting.
void Node::BeginCandidate(CandidateMode mode) {
  const MonoTime now = deps_.clock.Mono();
  CandidateFacts facts = CandidateFactsNow(mode);
  if (mode == CandidateMode::kOrder) facts.order = RulesOf(promotion_->order);
  LogInfo("asks {} other members whether it may {}", facts.members.size(),
          mode == CandidateMode::kRestart ? "go on as primary" : "become primary");
  ++candidacy_;
  candidate_ = std::make_unique<CandidateMachine>(std::move(facts), now);
  CarryOut(candidate_->Begin(now));
}

void Node::CarryOut(CandidateEffects effects) {
  CandidateEffects next;
  while (CarryOutOne(effects, next)) {
    effects = std::move(next);
    next = {};
  }
}

// True: `next` came of it.
bool Node::CarryOutOne(const CandidateEffects& effects, CandidateEffects& next) {
  if (candidate_ == nullptr) return false;
  if (!effects.look.empty()) AskGrants(candidate_->Ask(/*dry_run=*/true), effects.look);
  if (effects.grant_self) {
    const GrantAsk ask = candidate_->Ask(/*dry_run=*/false);
    const absl::Status granted = book_->GrantSelf(*effects.grant_self, ask.k);
    if (absl::IsAborted(granted)) {
      next = candidate_->OnSelfGrantRefused(book_->promises());
      return true;
    }
    if (!granted.ok()) {  // The machine asks for it again.
      LogWarning("epoch {} cannot be granted: {}", ToText(*effects.grant_self),
                 holdfast::ToText(granted));
      return false;
    }
    // Nothing of an older primary comes into the log that the others are told of.
    follow_->Granted(*effects.grant_self);
    deps_.ledger.HoldAppends(*effects.grant_self);
    next = candidate_->OnSelfGranted(deps_.clock.Mono());
    return true;
  }
  if (!effects.ask_grants.empty()) AskGrants(candidate_->Ask(false), effects.ask_grants);
  if (effects.fetch) Fetch(*effects.fetch);
  if (effects.give_up) {
    EndCandidate();
  } else if (effects.resume) {
    Resume(*effects.resume);
  }
  return false;
}

void Node::EndCandidate() {
  waiting_ = candidate_->Waiting();
  LogInfo("does not become primary: {}", waiting_);
  const std::unique_ptr<CandidateMachine> ended = std::move(candidate_);
  const bool ordered = ended->facts().mode == CandidateMode::kOrder;
  CarryOut(role_.OnRestartGivenUp());
  if (!ordered) return;
  FinishPromotion(
      RefusalFor(ended->verdict().refusal.value_or(PromotionRefusal::kInterrupted), waiting_));
}

// The log that was judged is the log that the epoch begins on: StartEpoch looks once more.
void Node::Resume(const Epoch& epoch) {
  follow_->Pause();
  const std::unique_ptr<CandidateMachine> ended = std::move(candidate_);
  judged_last_ = ended->facts().log.shape.last;
  if (deps_.ledger.Shape().last != judged_last_) {
    follow_->Resume();
    waiting_ = "a stream began meanwhile";
    CarryOut(role_.OnRestartGivenUp());
    FinishPromotion(RefusalFor(PromotionRefusal::kInterrupted, waiting_));
    return;
  }
  waiting_.clear();
  if (promotion_) promotion_->result = ResultOf(*ended, epoch);
  CarryOut(role_.OnRestartAllowed(epoch));
}

// The stream of the primary that has handed over lives a moment longer than its epoch: it says
// nothing against who takes over.
bool Node::SpeaksAgainstCandidate(const LinkView& link) const {
  const CandidateFacts& facts = candidate_->facts();
  const bool ended =
      facts.mode == CandidateMode::kTakeOver && link.epoch == facts.log.shape.last.epoch;
  return link.live && !ended;
}

// A stream of a primary has begun: it is the better evidence.
void Node::InterruptCandidate(const std::string& why) {
  if (candidate_ == nullptr) return;
  candidate_.reset();
  waiting_.clear();
  LogInfo("does not become primary: {}", why);
  CarryOut(role_.OnRestartGivenUp());
  FinishPromotion(RefusalFor(PromotionRefusal::kInterrupted, why));
}

void Node::AskGrants(const GrantAsk& ask, const std::vector<std::string>& ids) {
  MutexLock lock(links_mu_);
  for (const std::string& id : ids) {
    const auto link = links_.find(id);
    if (link == links_.end()) continue;
    link->second->Do([this, ask, id](PeerClient& client) {
      const absl::StatusOr<v1::GrantResponse> answer = client.Grant(ToMessage(ask), kReachMax);
      if (answer.ok()) {
        OnGrant(FromMessage(*answer, id, ask));
        return;
      }
      LogInfo("{} did not answer the ask for epoch {}: {}", id, ToText(ask.epoch),
              holdfast::ToText(answer.status()));
      OnUnreachable(id);
    });
  }
}

void Node::OnGrant(const GrantAnswer& answer) {
  MutexLock lock(mu_);
  if (stop_) return;
  const MonoTime now = deps_.clock.Mono();
  if (!answer.granted) OnEpochSeen(answer.granted_before, false);
  if (rehearsal_) CarryOutRehearsal(rehearsal_->machine.OnGrantAnswer(answer, now));
  if (candidate_) CarryOut(candidate_->OnGrantAnswer(answer, now));
  Wake();
}

void Node::OnUnreachable(const std::string& node_id) {
  MutexLock lock(mu_);
  if (stop_) return;
  const MonoTime now = deps_.clock.Mono();
  if (rehearsal_) CarryOutRehearsal(rehearsal_->machine.OnUnreachable(node_id, now));
  if (candidate_) CarryOut(candidate_->OnUnreachable(node_id, now));
  Wake();
}

bool Node::IsCandidate(uint64_t candidacy) const {
  return !stop_ && candidate_ != nullptr && candidacy_ == candidacy;
}

// On the link's thread, for it takes as long as the other's answers do.
void Node::Fetch(const FetchTail& order) {
  LogInfo("fetches the records of {} from {} on", order.node_id, order.first_seq);
  MutexLock lock(links_mu_);
  const auto link = links_.find(order.node_id);
  if (link == links_.end()) return;  // The machine gives it up in time.
  link->second->Do([this, order, candidacy = candidacy_](PeerClient& client) {
    const auto wanted = [this, candidacy] {
      MutexLock relock(mu_);
      return IsCandidate(candidacy);
    };
    const absl::Status fetched = FetchInto(deps_.ledger, client, order.first_seq, wanted);
    if (!fetched.ok()) LogWarning("{}: {}", order.node_id, holdfast::ToText(fetched));
    MutexLock relock(mu_);
    if (!IsCandidate(candidacy)) return;
    const MonoTime now = deps_.clock.Mono();
    CarryOut(fetched.ok() ? candidate_->OnFetched(CandidateLogNow(), now)
                          : candidate_->OnFetchFailed(std::string(fetched.message()), now));
    Wake();
  });
}

}  // namespace holdfast::replication
