#ifndef HOLDFAST_REPLICATION_LEDGER_LOG_SIZES_H_
#define HOLDFAST_REPLICATION_LEDGER_LOG_SIZES_H_

#include <cstdint>
#include <deque>
#include <limits>

namespace holdfast::replication {

// How much of the log is to be kept: whichever is reached first.
struct Retention {
  uint64_t records = 1'000'000;
  uint64_t bytes = 512ULL << 20;
  int64_t newer_than_ms = std::numeric_limits<int64_t>::min();
  // Kept as long as others need it from behind here, up to twice `records` and `bytes`.
  uint64_t needed_from = std::numeric_limits<uint64_t>::max();
};

struct LogSize {
  uint64_t records = 0;
  uint64_t bytes = 0;
};

// How large the retained log is, and where it is to be trimmed: by blocks of records, not by each.
//
// Threading   Thread-compatible.
class LogSizes {
 public:
  // Entries in the order of the log; `wall_ms` of its record, 0 when not known.
  void Add(uint64_t seq, uint64_t bytes, int64_t wall_ms);
  void CutAfter(uint64_t seq);
  void TrimmedUpTo(uint64_t seq);
  void Clear() { blocks_.clear(), size_ = {}; }
  const LogSize& size() const { return size_; }

  struct Order {
    uint64_t up_to = 0;   // 0: nothing
    bool let_go = false;  // others need it, and do not get it any more
  };
  Order TrimFor(const Retention& retention) const;

 private:
  struct Block {
    uint64_t first_seq;
    uint64_t records;
    uint64_t bytes;
    int64_t newest_ms;
  };
  static constexpr uint64_t kBlockRecords = 256;
  static constexpr uint64_t kEntryBytes = 128;  // digest, MAC and what a store adds
  std::deque<Block> blocks_;
  LogSize size_;
};

}  // namespace holdfast::replication

#endif  // HOLDFAST_REPLICATION_LEDGER_LOG_SIZES_H_
