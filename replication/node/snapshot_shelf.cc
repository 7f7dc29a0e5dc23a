#include "replication/node/snapshot_shelf.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "replication/core/publisher.h"
#include "replication/node/translate.h"
#include "server/base/encoding.h"
#include "server/base/status_macros.h"
#include "server/crypto/random.h"
#include "server/observe/log.h"

namespace holdfast::replication {
namespace {

constexpr uint64_t kRowBytesGuess = 640;  // until one was made
constexpr uint64_t kLookEveryChanges = 4096;

}  // namespace

SnapshotShelf::~SnapshotShelf() {
  Clear();
  if (maker_.joinable()) maker_.join();
}

void SnapshotShelf::Clear() {
  MutexLock lock(mu_);
  ++round_;
  newest_.reset();
  failure_ = absl::OkStatus();
}

absl::StatusOr<ShelvedSnapshotPtr> SnapshotShelf::Get(uint64_t at_least,
                                                      std::chrono::milliseconds wait) {
  const MonoTime until = deps_.clock.Mono() + wait;
  MutexLock lock(mu_);
  while (true) {
    if (newest_ && Fits(newest_, at_least)) return newest_;
    if (!making_) {
      if (!failure_.ok() && deps_.clock.Mono() - failed_at_ < kSnapshotRetryAfter) return failure_;
      const LedgerProgress progress = deps_.ledger.progress();
      // Before that is committed there is none; whoever waits keeps its stream. But for the record
      // that the epoch begins with: it may wait for this very follower (docs/adr/0006).
      const bool committed = progress.committed_seq >= at_least;
      const bool starts =
          progress.leading && !progress.epoch_start_committed && progress.durable_seq >= at_least;
      if (committed || starts) HOLDFAST_RETURN_IF_ERROR(Begin(/*with_start=*/!committed));
    }
    const auto left = until - deps_.clock.Mono();
    if (left <= std::chrono::nanoseconds(0)) return ShelvedSnapshotPtr();
    made_.WaitFor(mu_, left);
  }
}

// Young enough, and with no more log behind it than a new one would be worth.
bool SnapshotShelf::Fits(const ShelvedSnapshotPtr& snapshot, uint64_t at_least) const {
  if (snapshot->point.seq < at_least) return false;
  if (snapshot->point.seq + 1 < deps_.ledger.oldest_seq()) return false;
  if (deps_.clock.Mono() - snapshot->made_at > kSnapshotAgeMax) return false;
  const uint64_t behind = deps_.ledger.progress().head_seq - snapshot->point.seq;
  return behind <= SnapshotIsCheaperAbove(snapshot->begin.rows());
}

size_t SnapshotShelf::Living() {
  std::erase_if(living_, [](const auto& weak) { return weak.expired(); });
  return living_.size();
}

absl::Status SnapshotShelf::Begin(bool with_start) {
  newest_.reset();
  if (Living() >= kSnapshotFilesMax) {
    return absl::ResourceExhaustedError(
        fmt::format("{} older snapshots are still being sent", kSnapshotFilesMax));
  }
  const uint64_t rows = deps_.ledger.rows();
  HOLDFAST_RETURN_IF_ERROR(
      CheckRoomFor(std::max(last_bytes_ + last_bytes_ / 4, rows * kRowBytesGuess), deps_.folder));
  making_ = true;
  let_go_ = false;
  if (maker_.joinable()) maker_.join();  // It has ended: making_ was false.
  maker_ = std::thread([this, with_start] {
    absl::StatusOr<ShelvedSnapshotPtr> made = Make(with_start);
    {
      MutexLock lock(mu_);
      making_ = false;
      // One that was called off says nothing about the next.
      failure_ = absl::IsCancelled(made.status()) ? absl::OkStatus() : made.status();
      failed_at_ = deps_.clock.Mono();
      if (made.ok()) {
        newest_ = *made;
        living_.push_back(*made);
        last_bytes_ = newest_->file.bytes();
      } else {
        LogError("no snapshot: {}", holdfast::ToText(made.status()));
      }
    }
    made_.NotifyAll();
  });
  return absl::OkStatus();
}

absl::StatusOr<ShelvedSnapshotPtr> SnapshotShelf::Make(bool with_start) {
  uint64_t round = 0;
  {
    MutexLock lock(mu_);
    round = round_;
  }
  const MonoTime began = deps_.clock.Mono();
  HOLDFAST_ASSIGN_OR_RETURN(SnapshotFile file, SnapshotFile::Make(deps_.folder));
  uint64_t looked = 0;
  const auto add = [&](const v1::RowChange& change) -> absl::Status {
    if (++looked % kLookEveryChanges == 0) {
      MutexLock lock(mu_);
      if (round_ != round) return absl::CancelledError("this node serves no more");
    }
    return file.AddChange(change);
  };
  HOLDFAST_ASSIGN_OR_RETURN(SnapshotPoint point, deps_.ledger.CopyRows(add, with_start));
  HOLDFAST_RETURN_IF_ERROR(file.Finish());
  v1::SnapshotBegin begin = ToMessage(point, HexEncode(crypto::RandomId16()));
  begin.set_bytes(file.bytes());
  const Digest mac = file.MacOf(begin, deps_.keys);
  const std::chrono::duration<double> took = deps_.clock.Mono() - began;
  LogInfo("snapshot at {}: {} changes, {} bytes, made in {:.2f} s", point.seq, point.changes,
          file.bytes(), took.count());
  MutexLock lock(mu_);
  if (round_ != round) return absl::CancelledError("this node serves no more");
  return std::make_shared<const ShelvedSnapshot>(ShelvedSnapshot{.begin = std::move(begin),
                                                                 .point = std::move(point),
                                                                 .file = std::move(file),
                                                                 .mac = mac,
                                                                 .made_at = deps_.clock.Mono()});
}

ShelvedSnapshotPtr SnapshotShelf::Find(const std::string& id) {
  MutexLock lock(mu_);
  if (newest_ == nullptr || newest_->begin.snapshot_id() != id) return nullptr;
  if (newest_->point.seq + 1 < deps_.ledger.oldest_seq()) return nullptr;
  return newest_;
}

uint64_t SnapshotShelf::NeededFrom() {
  MutexLock lock(mu_);
  if (newest_ && deps_.clock.Mono() - newest_->made_at > kSnapshotAgeMax) newest_.reset();
  uint64_t from = std::numeric_limits<uint64_t>::max();
  if (let_go_) return from;
  for (const auto& weak : living_) {
    if (const ShelvedSnapshotPtr snapshot = weak.lock()) from = std::min(from, snapshot->point.seq);
  }
  return from;
}

void SnapshotShelf::LetGo() {
  MutexLock lock(mu_);
  let_go_ = true;
  newest_.reset();
}

void SnapshotShelf::Count(const std::string& reason, const std::string& result) {
  MutexLock lock(mu_);
  ++counts_[{reason, result}];
}

std::map<std::pair<std::string, std::string>, uint64_t> SnapshotShelf::counts() const {
  MutexLock lock(mu_);
  return counts_;
}

}  // namespace holdfast::replication
