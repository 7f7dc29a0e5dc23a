#ifndef HOLDFAST_SERVER_BASE_POSITION_H_
#define HOLDFAST_SERVER_BASE_POSITION_H_

#include <array>
#include <compare>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace holdfast {

using Digest = std::array<uint8_t, 32>;     // SHA-256, or a keyed digest of that size
using RecordMac = std::array<uint8_t, 16>;  // HMAC-SHA-256, truncated

// One term of one primary. Rises at every start as primary and is persisted before it is used.
struct Epoch {
  uint64_t number = 0;  // 0: none yet
  std::string node_id;  // who serves in it
  auto operator<=>(const Epoch&) const = default;
};

// A place in the log. Along one history positions compare as pairs. Written "<epoch>.<seq>".
struct Position {
  uint64_t epoch = 0;
  uint64_t seq = 0;  // dense; the first record is 1; 0: before it
  auto operator<=>(const Position&) const = default;
};

std::string ToText(const Position& position);
std::optional<Position> ParsePosition(std::string_view text);

// One record of the change log as it is stored, sent and chained: docs/formats/record.md.
// `record` is the serialized holdfast.v1.Record exactly as the primary made it; nobody serializes
// it again. digest = SHA-256(previous digest || record).
struct LogEntry {
  Epoch epoch;
  uint64_t seq = 0;
  Digest digest{};
  RecordMac mac{};
  std::string record;
};

// Entries are immutable once made and shared between ledger, ring, store and streams.
using EntryPtr = std::shared_ptr<const LogEntry>;

// Where an epoch began: kept for ever, so that fork points can be found.
struct EpochStart {
  Epoch epoch;
  uint64_t first_seq = 0;
  Digest digest{};  // of the entry before first_seq: the chain that the epoch continues
  bool operator==(const EpochStart&) const = default;
};

}  // namespace holdfast

#endif  // HOLDFAST_SERVER_BASE_POSITION_H_
