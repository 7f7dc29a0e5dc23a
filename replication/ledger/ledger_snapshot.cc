#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "replication/core/history.h"
#include "replication/ledger/history_fact.h"
#include "replication/ledger/ledger.h"
#include "server/base/status_macros.h"
#include "server/observe/log.h"

namespace holdfast::replication {

absl::StatusOr<std::vector<EntryPtr>> Ledger::ReadLog(uint64_t first_seq, size_t records_max,
                                                      size_t bytes_max) {
  std::vector<EntryPtr> entries = ring_.Read(first_seq, records_max, bytes_max);
  if (!entries.empty()) return entries;
  // Beyond the head, the store may have what an append left whose outcome is not known.
  HOLDFAST_ASSIGN_OR_RETURN(entries, store_.ReadLog(first_seq, records_max, bytes_max));
  MutexLock lock(mu_);
  const uint64_t head = ToldHead().seq;
  while (!entries.empty() && entries.back()->seq > head) entries.pop_back();
  return entries;
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

absl::StatusOr<LogSizes::Order> Ledger::Trim(const Retention& retention) {
  LogSizes::Order order;
  {
    MutexLock lock(mu_);
    order = log_sizes_.TrimFor(retention);
    if (order.up_to < oldest_seq_) return order;
  }
  uint64_t rows_seq = 0;
  RunOnWriter([&] { rows_seq = window_.rows_seq(); });
  const uint64_t up_to = std::min(order.up_to, rows_seq);
  {
    MutexLock lock(mu_);
    if (up_to < oldest_seq_) return order;
    oldest_seq_ = up_to + 1;  // Before the fact: nobody is sent to what is going away.
    log_sizes_.TrimmedUpTo(up_to);
  }
  HOLDFAST_RETURN_IF_ERROR(store_.TrimUpTo(up_to));
  return order;
}

LogSize Ledger::log_size() const {
  MutexLock lock(mu_);
  return log_sizes_.size();
}

std::optional<Digest> Ledger::StateDigestAt(uint64_t seq) const {
  ReaderLock lock(state_mu_);
  if (seq == shown_.seq) return shown_state_digest_;
  for (const StatePoint& mark : digest_marks_) {
    if (mark.seq == seq) return mark.state_digest;
  }
  return std::nullopt;
}

StatePoint Ledger::ShownDigest() const {
  ReaderLock lock(state_mu_);
  return {shown_.seq, shown_state_digest_};
}

std::optional<StatePoint> Ledger::NewestDigestMark() const {
  ReaderLock lock(state_mu_);
  if (digest_marks_.empty()) return std::nullopt;
  return digest_marks_.back();
}

void Ledger::Distrust(const std::string& why) {
  {
    MutexLock lock(mu_);
    if (!distrust_.empty()) return;
    distrust_ = why;
  }
  // If it cannot be kept, the next comparison with a primary finds it again.
  if (const absl::Status put = store_.PutFact(kDistrustFact, why); !put.ok()) {
    LogWarning("that the rows cannot be trusted is not kept: {}", holdfast::ToText(put));
  }
  Moved();
}

bool Ledger::distrusted() const {
  MutexLock lock(mu_);
  return !distrust_.empty();
}

}  // namespace holdfast::replication
