#ifndef HOLDFAST_REPLICATION_LEDGER_ENTRY_RING_H_
#define HOLDFAST_REPLICATION_LEDGER_ENTRY_RING_H_

#include <deque>
#include <vector>

#include "server/base/mutex.h"
#include "server/base/position.h"

namespace holdfast::replication {

// The newest entries of the log in memory, so that streams do not read the store for what has just
// been written. Bounded in bytes; the oldest go first.
//
// Threading   Thread-safe: the writer thread pushes, streams read.
class EntryRing {
 public:
  explicit EntryRing(size_t bytes_max) : bytes_max_(bytes_max) {}

  // `entry` follows the newest one, or the ring is empty.
  void Push(EntryPtr entry);
  // Forgets what lies beyond `seq`: a pending tail was cut.
  void CutAfter(uint64_t seq);
  void Clear();
  // Entries from `first_seq` on, at most `records_max` and `bytes_max` of records (one always
  // fits); empty when first_seq is not held.
  std::vector<EntryPtr> Read(uint64_t first_seq, size_t records_max, size_t bytes_max) const;

 private:
  static size_t CostOf(const LogEntry& entry) { return entry.record.size() + sizeof(LogEntry); }

  const size_t bytes_max_;
  mutable Mutex mu_;
  std::deque<EntryPtr> entries_ ABSL_GUARDED_BY(mu_);
  size_t bytes_ ABSL_GUARDED_BY(mu_) = 0;
};

}  // namespace holdfast::replication

#endif  // HOLDFAST_REPLICATION_LEDGER_ENTRY_RING_H_
