#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "replication/ledger/ledger.h"
#include "server/base/check.h"
#include "server/base/crash_point.h"
#include "server/base/status_macros.h"
#include "server/vault/refusal.h"

namespace holdfast::replication {

LogTail EndOf(const v1::Record& record) {
  if (record.kind() == v1::RECORD_KIND_CLEAN_STOP) return {.kind = LogTail::Kind::kCleanStop};
  if (record.kind() == v1::RECORD_KIND_HAND_OVER) {
    return {.kind = LogTail::Kind::kHandOver, .target = record.hand_over().target()};
  }
  return {};
}

absl::Status Ledger::StartEpoch(const Epoch& epoch,
                                const std::optional<vault::SetSettings>& lowered,
                                const std::optional<EntryMeta>& after) {
  absl::Status result = absl::UnavailableError("the ledger stops");
  RunOnWriter([&] { result = StartNow(epoch, lowered, after); });
  return result;
}

absl::StatusOr<v1::Record> Ledger::StartRecord(
    const std::optional<vault::SetSettings>& lowered) const {
  v1::Record record;
  record.set_kind(v1::RECORD_KIND_EPOCH_START);
  record.set_operation("epoch.start");
  record.set_wall_ms(ToMillis(clock_.Wall()));
  if (lowered) {
    const vault::Command command{.actor = {}, .now_ms = record.wall_ms(), .body = *lowered};
    HOLDFAST_ASSIGN_OR_RETURN(vault::Planned planned, vault::Plan(*pending_, command));
    for (v1::RowChange& change : planned.changes) *record.add_changes() = std::move(change);
  }
  return record;
}

absl::Status Ledger::StartNow(const Epoch& epoch, const std::optional<vault::SetSettings>& lowered,
                              const std::optional<EntryMeta>& after) {
  HOLDFAST_RETURN_IF_ERROR(FindOut());
  if (const EntryMeta head = window_.head(); after && head != *after) {
    return absl::FailedPreconditionError(
        fmt::format("the log ends at {}, expected {}", head.seq, after->seq));
  }
  HOLDFAST_ASSIGN_OR_RETURN(v1::Record record, StartRecord(lowered));
  const auto others = [this](std::vector<std::string> voters) {
    std::erase(voters, options_.node_id);
    return voters;
  };
  const Membership members = MembersNow();
  CommitStart start{.epoch = epoch,
                    .start_seq = window_.head_seq() + 1,
                    .k = setting_.k,
                    .degrade = !setting_.block,
                    .wait = setting_.wait,
                    .pending = PendingSettings(),
                    .voters = others(members.committed)};
  for (const auto& voters : members.pending) start.pending_voters.push_back(others(voters));
  {
    MutexLock lock(mu_);
    HOLDFAST_RETURN_IF_ERROR(failure_);
    if (!distrust_.empty()) {
      return absl::FailedPreconditionError("the rows cannot be trusted: " + distrust_);
    }
    if (const v1::ClusterRow* row = ClusterRowIn(record)) lowered_ = SettingOf(*row);
    queue_wait_ = SettingNow().wait;
    track_->Lead(epoch);
    leading_epoch_ = epoch;
    epoch_start_seq_ = start.start_seq;
    start.committed_seq = track_->committed_seq();
    rule_ = std::make_unique<CommitRule>(std::move(start));
    ended_ = held_ = gave_up_ = false;
  }
  leads_.NotifyAll();
  HOLDFAST_CRASH_POINT("epoch.start.before_record");
  absl::Status result = PushRecord(std::move(record));
  if (result.ok()) result = AppendPushed(1);
  HOLDFAST_CRASH_POINT("epoch.start.after_record");
  if (!result.ok()) CloseWith(result);
  if (result.ok() && unstored_ > 0) {
    const absl::Status fault = progress().store_fault;
    StepDownNow();
    return absl::ResourceExhaustedError(FaultText(fault));
  }
  return result;
}

void Ledger::StepDown() {
  RunOnWriter([&] { StepDownNow(); });
}

void Ledger::StepDownNow() {
  std::deque<Waiting> queued;
  {
    MutexLock lock(mu_);
    if (rule_ == nullptr) return;
    // The last record of the epoch, if its answer was lost: it may be in the store.
    if (lost_ && track_->head_seq() < window_.head_seq()) {
      track_->AppendOwn(MetaOf(*window_.at(window_.head_seq()).entry));
    }
    rule_ = nullptr;
    epoch_start_seq_ = 0;
    ended_ = held_ = gave_up_ = false;
    track_->StopLeading();
    queued.swap(queue_);
  }
  lowered_.reset();
  DropUnstored();
  FailAnswers(vault::Refuse(vault::Refusal::kOutcomeUnknown,
                            "this node is no longer primary; the write may or may not be kept"));
  for (Waiting& waiting : queued) {
    waiting.done(vault::Refuse(vault::Refusal::kNotPrimary, "this node is no longer primary"));
  }
  Moved();
}

void Ledger::HoldWrites() {
  MutexLock lock(mu_);
  if (rule_ != nullptr) held_ = true;
}

void Ledger::ReleaseWrites() {
  {
    MutexLock lock(mu_);
    if (ended_) return;  // Nothing is planned any more in this epoch.
    held_ = false;
  }
  wake_.NotifyAll();
}

absl::StatusOr<uint64_t> Ledger::AppendHandOver(const std::string& target) {
  v1::Record record;
  record.set_kind(v1::RECORD_KIND_HAND_OVER);
  record.set_operation("epoch.hand_over");
  record.mutable_hand_over()->set_target(target);
  return AppendLast(std::move(record));
}

absl::StatusOr<uint64_t> Ledger::AppendCleanStop() {
  v1::Record record;
  record.set_kind(v1::RECORD_KIND_CLEAN_STOP);
  record.set_operation("epoch.clean_stop");
  return AppendLast(std::move(record));
}

absl::StatusOr<uint64_t> Ledger::AppendLast(v1::Record record) {
  absl::StatusOr<uint64_t> result = absl::UnavailableError("the ledger stops");
  RunOnWriter([&] {
    const absl::Status known = FindOut();
    {
      MutexLock lock(mu_);
      if (!failure_.ok()) {
        result = failure_;
        return;
      }
      if (!known.ok()) {  // UNAVAILABLE: of the very record; else nothing was appended
        result = ended_ ? known : absl::ResourceExhaustedError(FaultText(store_fault_));
        return;
      }
      if (ended_ && end_ == EndOf(record)) {  // asked for again
        result = track_->head_seq();
        return;
      }
      if (unstored_ > 0) {
        result = absl::ResourceExhaustedError(FaultText(store_fault_));
        return;
      }
      if (rule_ == nullptr || ended_) {
        result = absl::FailedPreconditionError(ended_ ? "this node has ended its epoch already"
                                                      : "this node does not lead");
        return;
      }
      ended_ = held_ = true;
    }
    record.set_wall_ms(ToMillis(clock_.Wall()));
    if (const absl::Status appended = AppendDurablyFirst(std::move(record)); !appended.ok()) {
      result = appended;
      return;
    }
    result = window_.head_seq();
  });
  return result;
}

// The last record of an epoch is on this disk before anybody is sent it (docs/adr/0002): an author
// that lost it in a crash could go on in an epoch that others know to be over.
absl::Status Ledger::AppendDurablyFirst(v1::Record record) {
  const uint64_t seq = window_.head_seq() + 1;
  absl::Status status = PushRecord(std::move(record));
  if (status.ok()) status = StoreAppend({window_.at(seq).entry}, /*commits=*/0, /*history=*/{});
  if (absl::IsResourceExhausted(status)) {  // as if nothing had been asked
    window_.CutAfter(seq - 1);
    RebuildPending();
    MutexLock lock(mu_);
    ended_ = held_ = false;
    return status;
  }
  if (absl::IsUnavailable(status)) return status;  // It is found out about: FoundThere.
  if (!status.ok()) {
    CloseWith(status);
    return status;
  }
  {
    MutexLock lock(mu_);
    status = FinishLast(seq);
  }
  Moved();
  return status;
}

absl::Status Ledger::FinishLast(uint64_t seq) {
  ring_.Push(window_.at(seq).entry);
  track_->AppendOwn(MetaOf(*window_.at(seq).entry));
  rule_->OnOwnDurable(seq);
  track_->OnDurable(seq);
  end_ = EndOf(*window_.at(seq).record);
  return absl::OkStatus();
}

void Ledger::OnConnected(const std::string& node_id) {
  MutexLock lock(mu_);
  if (rule_) rule_->OnConnected(node_id);
}

void Ledger::OnDisconnected(const std::string& node_id) {
  MutexLock lock(mu_);
  if (rule_) rule_->OnDisconnected(node_id);
}

void Ledger::OnAck(const std::string& node_id, const AckInfo& ack) {
  {
    MutexLock lock(mu_);
    if (!rule_) return;
    const uint64_t before = rule_->committed_seq();
    const bool moved = rule_->OnAck(node_id, ack) > before;
    if (!moved && !level_awaited_ && !rule_->degraded() && !gave_up_) return;  // Nobody waits.
    if (!TakeTurn()) {
      acked_ = true;
      if (!busy_) wake_.NotifyAll();
      return;
    }
  }
  EndTurn();
}

bool Ledger::ConnectedEnough() const {
  MutexLock lock(mu_);
  return rule_ == nullptr || rule_->ConnectedEnough();
}

}  // namespace holdfast::replication
