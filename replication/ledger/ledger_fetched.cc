#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "replication/ledger/ledger.h"
#include "server/base/status_macros.h"

namespace holdfast::replication {

absl::Status Ledger::AppendFetched(const Digest& previous, const std::vector<EntryPtr>& entries) {
  if (entries.empty()) return absl::OkStatus();
  HOLDFAST_ASSIGN_OR_RETURN(const std::vector<WindowItem> items,
                            CheckEntries(entries, previous, keys_));
  absl::Status result = absl::UnavailableError("the ledger stops");
  RunOnWriter([&] { result = AppendFetchedNow(previous, items); });
  return result;
}

absl::Status Ledger::AppendFetchedNow(const Digest& previous,
                                      const std::vector<WindowItem>& items) {
  HOLDFAST_RETURN_IF_ERROR(FindOut());
  {
    MutexLock lock(mu_);
    HOLDFAST_RETURN_IF_ERROR(failure_);
    if (rule_ != nullptr || track_->following()) {
      return absl::FailedPreconditionError("this node leads or follows: nothing is fetched");
    }
  }
  HOLDFAST_ASSIGN_OR_RETURN(const size_t known, CutWhereTheyDiffer(previous, items));
  if (known == items.size()) return absl::OkStatus();
  ForeignBatch batch;
  batch.items.assign(items.begin() + static_cast<ptrdiff_t>(known), items.end());
  const EntryMeta head = window_.head();
  const Epoch epoch = items.back().entry->epoch;
  batch.info = {.epoch = epoch, .first_seq = head.seq + 1, .previous_digest = head.digest};
  for (const WindowItem& item : batch.items) batch.info.entries.push_back(MetaOf(*item.entry));
  {
    // As a batch of the last entry's author, with no word about what is committed.
    MutexLock lock(mu_);
    track_->Follow(epoch, head.seq + 1);
  }
  const ForeignOutcome outcome = AppendForeignNow(batch);
  {
    MutexLock lock(mu_);
    track_->Unfollow();
  }
  HOLDFAST_RETURN_IF_ERROR(outcome.failure);
  if (outcome.refusal == BatchRefusal::kNoRoom) {
    return absl::ResourceExhaustedError(outcome.detail);
  }
  if (outcome.refusal) return absl::FailedPreconditionError(outcome.detail);
  Moved();
  return absl::OkStatus();
}

// How many of `items` this log has; what it has instead of the others is cut.
absl::StatusOr<size_t> Ledger::CutWhereTheyDiffer(const Digest& previous,
                                                  const std::vector<WindowItem>& items) {
  const uint64_t first = items.front().entry->seq;
  size_t known = 0;
  {
    MutexLock lock(mu_);
    if (first > track_->head_seq() + 1) {
      return absl::FailedPreconditionError(
          fmt::format("expected entries from {} on, got {}", track_->head_seq() + 1, first));
    }
    const auto before = track_->MetaAt(first - 1);
    if (before.has_value() && before->digest != previous) {
      return absl::FailedPreconditionError(
          fmt::format("another chain digest at {} than the sender's", ToText(*before)));
    }
    for (const WindowItem& item : items) {
      if (item.entry->seq > track_->head_seq()) break;
      const auto mine = track_->MetaAt(item.entry->seq);  // nullopt: shown long ago
      if (mine.has_value() && *mine != MetaOf(*item.entry)) break;
      ++known;
    }
    // Nothing that this log still knows the digest of vouches for these.
    const bool all_below = first + items.size() - 1 < track_->committed_seq();
    if (all_below) return known;
  }
  if (known < items.size()) HOLDFAST_RETURN_IF_ERROR(CutNow(first + known - 1));
  return known;
}

// After an append, a cut or a start: what the last record says.
absl::Status Ledger::ReadEnd() {
  LogTail end;
  const uint64_t head = window_.head_seq();
  if (head > window_.rows_seq()) {
    end = EndOf(*window_.at(head).record);
  } else if (head > 0) {
    const absl::StatusOr<std::vector<EntryPtr>> read = store_.ReadLog(head, 1, 1);
    // A server that is away says nothing: then the log ends in an ordinary record, the weakest
    // word.
    const bool silent = absl::IsOutOfRange(read.status()) || absl::IsUnavailable(read.status());
    if (!read.ok() && !silent) return read.status();
    if (read.ok() && !read->empty()) {
      HOLDFAST_ASSIGN_OR_RETURN(const WindowItem item, ParseEntry(read->front()));
      end = EndOf(*item.record);
    }
  }
  MutexLock lock(mu_);
  end_ = std::move(end);
  return absl::OkStatus();
}

}  // namespace holdfast::replication
