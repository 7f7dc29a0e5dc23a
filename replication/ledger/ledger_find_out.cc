// A write whose answer was lost: found out once the store can be asked, never guessed.
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "replication/ledger/ledger.h"
#include "server/base/check.h"
#include "server/base/status_macros.h"
#include "server/observe/log.h"

namespace holdfast::replication {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kStoreAgainFirst{50};
constexpr milliseconds kStoreAgainMax{1000};

}  // namespace

bool MayStoreLater(const absl::Status& stored) {
  return absl::IsResourceExhausted(stored) || absl::IsUnavailable(stored);
}

std::string FaultText(const absl::Status& fault) {
  if (fault.ok()) return "";
  return absl::IsUnavailable(fault) ? "the database of this node is away"
                                    : "the disk of this node is full";
}

// What the store said last; OK: nothing is owed to it any more.
void Ledger::NoteFault(const absl::Status& stored) {
  MutexLock lock(mu_);
  if (stored.code() != store_fault_.code()) {
    store_again_after_ = kStoreAgainFirst;
    LogWarning("{}", stored.ok()
                         ? "the store takes writes again"
                         : FaultText(stored) + "; writes are refused until it takes them: " +
                               holdfast::ToText(stored));
  }
  store_fault_ = stored;
  if (stored.ok()) return;
  store_again_at_ = clock_.Mono() + store_again_after_;
  store_again_after_ = std::min(2 * store_again_after_, kStoreAgainMax);
}

absl::Status Ledger::NoteLost(LostWrite lost, const absl::Status& status) {
  if (!absl::IsUnavailable(status)) return status;
  {
    MutexLock lock(mu_);
    lost_ = std::move(lost);
  }
  NoteFault(status);
  return status;
}

// The newest record of this log that others may hear of: what is lost is this node's own question.
EntryMeta Ledger::ToldHead() const {
  if (!lost_ || rule_ != nullptr) return track_->head();
  return track_->MetaAt(track_->durable_seq()).value_or(track_->committed());
}

absl::Status Ledger::Settle() {
  absl::Status status = absl::UnavailableError("the ledger stops");
  RunOnWriter([&] { status = FindOut(); });
  return status;
}

bool Ledger::lost() const {
  MutexLock lock(mu_);
  return lost_.has_value();
}

absl::Status Ledger::FindOut() {
  if (!lost()) return absl::OkStatus();
  const absl::StatusOr<bool> there = store_.FindOut();
  if (MayStoreLater(there.status())) {
    NoteFault(there.status());
    return there.status();
  }
  absl::Status status = there.status();
  if (status.ok()) {
    std::optional<LostWrite> lost;
    bool leading = false;
    {
      MutexLock lock(mu_);
      lost.swap(lost_);
      leading = rule_ != nullptr;
    }
    LogInfo("the write whose answer was lost is {} the store", *there ? "in" : "not in");
    status = *there ? FoundThere(*std::move(lost)) : FoundNotThere(*lost);
    if (status.ok() && (!leading || unstored_ == 0)) NoteFault(absl::OkStatus());
  }
  if (!status.ok()) CloseWith(status);
  if (status.ok()) Advance();
  Moved();
  return status;
}

absl::Status Ledger::FoundThere(LostWrite lost) {
  if (lost.rows != nullptr) {
    if (lost.point.pending) {  // Readers are turned away before it comes.
      {
        MutexLock lock(mu_);
        unconfirmed_seq_ = lost.point.seq;
      }
      Moved();
    }
    return SwapIn(std::move(lost.rows), lost.point);
  }
  if (lost.cut_after) return FinishCut(*lost.cut_after);
  NoteStored(lost.appended, lost.commits);
  if (lost.appended.empty()) return absl::OkStatus();
  const uint64_t last = lost.appended.back()->seq;
  {
    MutexLock lock(mu_);
    if (rule_ != nullptr && track_->head_seq() < last) return FinishLast(last);
    if (rule_ != nullptr) {
      unstored_ -= lost.appended.size();
      rule_->OnOwnDurable(last);
      track_->OnDurable(last);
      end_ = EndOf(*window_.at(last).record);
      return absl::OkStatus();
    }
    track_->OnDurable(last);
    track_->OnStoredRows(lost.commits);
  }
  for (const EntryPtr& entry : lost.appended) ring_.Push(entry);
  return ReadEnd();
}

// As if it had not been asked for; what was sent as primary keeps its place while this node leads.
absl::Status Ledger::FoundNotThere(const LostWrite& lost) {
  if (lost.appended.empty()) return absl::OkStatus();
  const uint64_t before = lost.appended.front()->seq - 1;
  bool leading = false;
  {
    MutexLock lock(mu_);
    leading = rule_ != nullptr;
    if (leading && track_->head_seq() > before) return absl::OkStatus();
    if (leading) ended_ = held_ = false;  // The last record of the epoch, which nobody was sent.
  }
  if (leading) {
    window_.CutAfter(before);
    RebuildPending();
  } else {
    TakeBack(before);
  }
  return absl::OkStatus();
}

}  // namespace holdfast::replication
