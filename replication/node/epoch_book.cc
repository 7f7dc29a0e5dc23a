#include "replication/node/epoch_book.h"

#include <fmt/format.h>

#include <utility>

#include "holdfast/v1/local.pb.h"
#include "replication/node/translate.h"
#include "server/base/crash_point.h"
#include "server/base/status_macros.h"

namespace holdfast::replication {
namespace {

constexpr char kEpochsFact[] = "epochs";

}  // namespace

absl::StatusOr<std::unique_ptr<EpochBook>> EpochBook::Open(storage::Store& store,
                                                           const std::string& node_id) {
  HOLDFAST_ASSIGN_OR_RETURN(const std::optional<std::string> fact, store.GetFact(kEpochsFact));
  v1::EpochFacts facts;
  if (!facts.ParseFromString(fact.value_or(""))) {
    return absl::DataLossError("the fact epochs cannot be read");
  }
  EpochPromises promises{.granted = FromMessage(facts.granted()),
                         .own = FromMessage(facts.own()),
                         .resumed_from = FromMessage(facts.resumed_from())};
  promises.rival = FromMessage(facts.rival());
  for (const v1::GrantedK& granted : facts.granted_ks()) {
    promises.granted_ks.push_back({FromMessage(granted.epoch()), granted.k()});
  }
  if (promises.own.number > promises.granted.number) {
    return absl::DataLossError("the fact epochs claims an epoch that it has not granted");
  }
  return std::unique_ptr<EpochBook>(new EpochBook(store, EpochGuard(node_id, std::move(promises))));
}

absl::Status EpochBook::Persist(const EpochPromises& promises) {
  v1::EpochFacts facts;
  *facts.mutable_granted() = ToMessage(promises.granted);
  *facts.mutable_own() = ToMessage(promises.own);
  *facts.mutable_resumed_from() = ToMessage(promises.resumed_from);
  if (promises.rival.number > 0) *facts.mutable_rival() = ToMessage(promises.rival);
  for (const EpochPromises::GrantedK& granted : promises.granted_ks) {
    v1::GrantedK& out = *facts.add_granted_ks();
    *out.mutable_epoch() = ToMessage(granted.epoch);
    out.set_k(granted.k);
  }
  const absl::Status status = store_.PutFact(kEpochsFact, facts.SerializeAsString());
  unwritten_ = !status.ok();
  return status;
}

absl::StatusOr<EpochSeen> EpochBook::OnSeen(const Epoch& epoch) {
  MutexLock lock(mu_);
  const EpochOutcome outcome = guard_.OnSeen(epoch);
  if (unwritten_) HOLDFAST_RETURN_IF_ERROR(Persist(guard_.promises()));
  if (outcome.persist) {
    HOLDFAST_CRASH_POINT("epoch.seen.before_persist");
    HOLDFAST_RETURN_IF_ERROR(Persist(*outcome.persist));
    HOLDFAST_CRASH_POINT("epoch.seen.after_persist");
  }
  return outcome.seen;
}

absl::Status EpochBook::GrantSelf(const Epoch& epoch, std::optional<uint32_t> k) {
  MutexLock lock(mu_);
  EpochGuard after = guard_;
  const std::optional<EpochPromises> persist = after.GrantSelf(epoch, k);
  if (!persist) return absl::AbortedError(fmt::format("{} was granted", ToText(guard_.granted())));
  HOLDFAST_CRASH_POINT("epoch.self_grant.before_persist");
  HOLDFAST_RETURN_IF_ERROR(Persist(*persist));
  guard_ = std::move(after);
  HOLDFAST_CRASH_POINT("epoch.self_grant.after_persist");
  return absl::OkStatus();
}

absl::Status EpochBook::Claim(const Epoch& epoch, const Epoch& resumed_from) {
  MutexLock lock(mu_);
  EpochGuard after = guard_;
  const std::optional<EpochPromises> persist = after.Claim(epoch, resumed_from);
  if (!persist) return absl::AbortedError(fmt::format("{} was granted", ToText(guard_.granted())));
  HOLDFAST_CRASH_POINT("epoch.claim.before_persist");
  HOLDFAST_RETURN_IF_ERROR(Persist(*persist));
  guard_ = std::move(after);
  HOLDFAST_CRASH_POINT("epoch.claim.after_persist");
  return absl::OkStatus();
}

absl::Status EpochBook::Yield(const Epoch& winner) {
  MutexLock lock(mu_);
  const std::optional<EpochPromises> persist = guard_.Yield(winner);
  return persist ? Persist(*persist) : absl::OkStatus();
}

void EpochBook::OnCommitted(const Epoch& epoch) {
  MutexLock lock(mu_);
  guard_.OnCommitted(epoch);
}

absl::StatusOr<GrantAnswer> EpochBook::Decide(const GrantAsk& ask, VoterFacts facts,
                                              const std::function<void(VoterFacts&)>& hold) {
  MutexLock lock(mu_);
  EpochGuard trial = guard_;
  const GrantDecision expected = DecideGrant(ask, trial, facts);
  if (!expected.answer.granted) return expected.answer;
  hold(facts);
  if (ask.dry_run) return DecideGrant(ask, trial, facts).answer;
  GrantDecision decision = DecideGrant(ask, guard_, facts);
  if (decision.persist) {
    HOLDFAST_CRASH_POINT("epoch.grant.before_persist");
    HOLDFAST_RETURN_IF_ERROR(Persist(*decision.persist));
    HOLDFAST_CRASH_POINT("epoch.grant.after_persist");
  }
  return std::move(decision.answer);
}

EpochPromises EpochBook::promises() const {
  MutexLock lock(mu_);
  return guard_.promises();
}

}  // namespace holdfast::replication
