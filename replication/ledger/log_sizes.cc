#include "replication/ledger/log_sizes.h"

#include <algorithm>

namespace holdfast::replication {

void LogSizes::Add(uint64_t seq, uint64_t bytes, int64_t wall_ms) {
  if (blocks_.empty() || blocks_.back().records >= kBlockRecords) {
    blocks_.push_back({.first_seq = seq, .records = 0, .bytes = 0, .newest_ms = wall_ms});
  }
  Block& block = blocks_.back();
  ++block.records;
  block.bytes += bytes + kEntryBytes;
  block.newest_ms = std::max(block.newest_ms, wall_ms);
  ++size_.records;
  size_.bytes += bytes + kEntryBytes;
}

// Of a block that is cut in two the bytes are counted by its records.
void LogSizes::CutAfter(uint64_t seq) {
  while (!blocks_.empty()) {
    Block& block = blocks_.back();
    const uint64_t left = seq < block.first_seq ? 0 : seq - block.first_seq + 1;
    if (left >= block.records) return;
    const uint64_t bytes = block.bytes / block.records * left;
    size_.records -= block.records - left;
    size_.bytes -= block.bytes - bytes;
    if (left > 0) {
      block.records = left;
      block.bytes = bytes;
      return;
    }
    blocks_.pop_back();
  }
}

void LogSizes::TrimmedUpTo(uint64_t seq) {
  while (!blocks_.empty()) {
    Block& block = blocks_.front();
    if (seq < block.first_seq) return;
    const uint64_t gone = std::min(block.records, seq - block.first_seq + 1);
    const uint64_t bytes = gone == block.records ? block.bytes : block.bytes / block.records * gone;
    size_.records -= gone;
    size_.bytes -= bytes;
    if (gone < block.records) {
      block.first_seq += gone;
      block.records -= gone;
      block.bytes -= bytes;
      return;
    }
    blocks_.pop_front();
  }
}

LogSizes::Order LogSizes::TrimFor(const Retention& retention) const {
  Order order;
  LogSize left = size_;
  for (const Block& block : blocks_) {
    const bool old = block.newest_ms != 0 && block.newest_ms < retention.newer_than_ms;
    if (left.records <= retention.records && left.bytes <= retention.bytes && !old) break;
    const uint64_t spare =
        left.records > retention.records ? left.records - retention.records : block.records;
    const bool all = old || left.bytes > retention.bytes || spare >= block.records;
    const uint64_t up_to = block.first_seq + (all ? block.records : spare) - 1;
    if (up_to > retention.needed_from) {
      order.let_go =
          order.let_go || left.records > 2 * retention.records || left.bytes > 2 * retention.bytes;
      if (!order.let_go) {
        order.up_to = std::max(order.up_to, retention.needed_from);
        return order;
      }
    }
    order.up_to = up_to;
    if (!all) break;
    left.records -= block.records;
    left.bytes -= block.bytes;
  }
  return order;
}

}  // namespace holdfast::replication
