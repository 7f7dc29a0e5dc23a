#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "replication/core/history.h"
#include "replication/ledger/ledger.h"
#include "server/base/status_macros.h"

namespace holdfast::replication {

absl::StatusOr<std::vector<EntryPtr>> Ledger::ReadLog(uint64_t first_seq, size_t records_max,
                                                      size_t bytes_max) {
  std::vector<EntryPtr> entries = ring_.Read(first_seq, records_max, bytes_max);
  if (!entries.empty()) return entries;
  return store_.ReadLog(first_seq, records_max, bytes_max);
}

std::optional<Digest> Ledger::DigestAt(uint64_t seq) {
  {
    MutexLock lock(mu_);
    if (seq >= track_->committed_seq() && seq <= track_->head_seq()) {
      return track_->MetaAt(seq)->digest;
    }
  }
  if (seq == 0) return Digest{};
  const absl::StatusOr<std::vector<EntryPtr>> read = ReadLog(seq, 1, 1);
  if (!read.ok() || read->empty() || read->front()->seq != seq) return std::nullopt;
  return read->front()->digest;
}

uint64_t Ledger::oldest_seq() const {
  MutexLock lock(mu_);
  return oldest_seq_;
}

absl::Status Ledger::Trim(uint64_t records) {
  uint64_t up_to = 0;
  RunOnWriter([&] { up_to = window_.rows_seq(); });
  {
    MutexLock lock(mu_);
    const uint64_t head = track_->head_seq();
    up_to = head > records ? std::min(up_to, head - records) : 0;
    if (up_to < oldest_seq_) return absl::OkStatus();
    oldest_seq_ = up_to + 1;  // Before the fact: nobody is sent to what is going away.
  }
  return store_.TrimUpTo(up_to);
}

}  // namespace holdfast::replication
