#ifndef HOLDFAST_REPLICATION_CORE_LOG_POSITION_H_
#define HOLDFAST_REPLICATION_CORE_LOG_POSITION_H_

#include <chrono>
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

// What the last record of a log says about the epoch that it ends. The rules know it of the last
// record only, for only there it means something.
struct LogTail {
  enum class Kind {
    kOpen,       // nothing
    kCleanStop,  // its primary stopped in order: this log holds all of that epoch
    kHandOver,   // the same, and `target` may become primary
  };
  Kind kind = Kind::kOpen;
  std::string target;
  bool operator==(const LogTail&) const = default;
};

// How one log runs: where its epochs began (oldest first) and where it ends. `tail` is filled in by
// whoever has the record's bytes.
struct LogShape {
  std::vector<EpochStart> history;
  EntryMeta last;
  LogTail tail{};
};

// "4@node1" and "4@node1:17", for messages: expected and got.
std::string ToText(const Epoch& epoch);
std::string ToText(const EntryMeta& meta);

// Bounds of this room; the window, batch and time limits stand in server/base/limits.h.
inline constexpr size_t kPendingRecordsMax = 64 * 1024;
inline constexpr size_t kHelloHistoryMax = 64;
inline constexpr uint32_t kProtocol = 1;
inline constexpr size_t kGrantedKsMax = 16;
// Of a promotion: who has not answered until then is not reachable.
inline constexpr std::chrono::seconds kReachWithin{1};
// The tail of whoever is ahead must be here until then.
inline constexpr std::chrono::seconds kFetchWithin{10};
// The primary that handed over asks its target this often.
inline constexpr std::chrono::milliseconds kTakeOverAskEvery{200};
// How long writes wait for a switchover, and how far its target may be behind when it begins.
inline constexpr std::chrono::seconds kSwitchoverWritesWait{5};
inline constexpr uint64_t kSwitchoverBehindMax = 1000;

}  // namespace holdfast::replication

#endif  // HOLDFAST_REPLICATION_CORE_LOG_POSITION_H_
