#ifndef HOLDFAST_REPLICATION_CORE_LOG_POSITION_H_
#define HOLDFAST_REPLICATION_CORE_LOG_POSITION_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "server/base/position.h"

namespace holdfast::replication {

// What the rules need to know of one log entry: which epoch made it, where it stands, and the chain
// digest there. Two entries with the same meta have the same bytes, and so has all before them.
struct EntryMeta {
  Epoch epoch;
  uint64_t seq = 0;  // 0: the place before the first entry, with a zero digest and no epoch
  Digest digest{};
  bool operator==(const EntryMeta&) const = default;
};

inline EntryMeta MetaOf(const LogEntry& entry) { return {entry.epoch, entry.seq, entry.digest}; }

// How one log runs: where its epochs began (oldest first) and where it ends.
struct LogShape {
  std::vector<EpochStart> history;
  EntryMeta last;
};

// "4@node1" and "4@node1:17", for messages: expected and got.
std::string ToText(const Epoch& epoch);
std::string ToText(const EntryMeta& meta);

// Bounds of this room; the window, batch and time limits stand in server/base/limits.h.
inline constexpr size_t kPendingRecordsMax = 64 * 1024;
inline constexpr size_t kHelloHistoryMax = 64;
inline constexpr uint32_t kProtocol = 1;

}  // namespace holdfast::replication

#endif  // HOLDFAST_REPLICATION_CORE_LOG_POSITION_H_
