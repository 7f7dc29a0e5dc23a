#include "replication/ledger/entry_ring.h"

#include <utility>

#include "server/base/check.h"

namespace holdfast::replication {

void EntryRing::Push(EntryPtr entry) {
  MutexLock lock(mu_);
  HOLDFAST_CHECK(entries_.empty() || entry->seq == entries_.back()->seq + 1);
  bytes_ += CostOf(*entry);
  entries_.push_back(std::move(entry));
  while (bytes_ > bytes_max_ && entries_.size() > 1) {
    bytes_ -= CostOf(*entries_.front());
    entries_.pop_front();
  }
}

void EntryRing::CutAfter(uint64_t seq) {
  MutexLock lock(mu_);
  while (!entries_.empty() && entries_.back()->seq > seq) {
    bytes_ -= CostOf(*entries_.back());
    entries_.pop_back();
  }
}

void EntryRing::Clear() {
  MutexLock lock(mu_);
  entries_.clear();
  bytes_ = 0;
}

std::vector<EntryPtr> EntryRing::Read(uint64_t first_seq, size_t records_max,
                                      size_t bytes_max) const {
  MutexLock lock(mu_);
  std::vector<EntryPtr> out;
  if (entries_.empty() || first_seq < entries_.front()->seq) return out;
  size_t bytes = 0;
  for (size_t i = first_seq - entries_.front()->seq; i < entries_.size(); ++i) {
    bytes += entries_[i]->record.size();
    if (out.size() == records_max || (bytes > bytes_max && !out.empty())) break;
    out.push_back(entries_[i]);
  }
  return out;
}

}  // namespace holdfast::replication
