#ifndef HOLDFAST_SERVER_AUDIT_SEGMENT_H_
#define HOLDFAST_SERVER_AUDIT_SEGMENT_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "server/base/position.h"
#include "server/crypto/hash.h"

// The bytes of a segment file of the journal: docs/formats/journal.md. Pure.
namespace holdfast::audit {

inline constexpr size_t kSegmentHeaderBytes = 168;
inline constexpr size_t kFrameHeaderBytes = 88;
inline constexpr size_t kFrameAlignment = 8;

struct SegmentHeader {
  std::string node_id;
  uint64_t first = 1;           // number of its first record
  uint64_t previous_first = 0;  // first of the segment before it, 0 when this is the first of all
  int64_t started_ms = 0;
  uint64_t segment_bytes = 0;
  Digest previous{};  // chain value of the record before `first`, zeroes before the first of all
};

std::string EncodeHeader(const SegmentHeader& header, const crypto::Mac& mac);
// DATA_LOSS: not one, or changed. FAILED_PRECONDITION: of a newer format.
absl::StatusOr<SegmentHeader> DecodeHeader(std::string_view bytes, const crypto::Mac& mac);

// How far a chain is.
struct ChainEnd {
  uint64_t number = 0;
  Digest chain{};
};

constexpr size_t FrameBytes(size_t record_bytes) {
  const size_t bytes = kFrameHeaderBytes + record_bytes;
  return (bytes + kFrameAlignment - 1) / kFrameAlignment * kFrameAlignment;
}

// Appends the frame of the record that follows `end` to `out`, and moves `end` to it. Everything
// before `group_first` is durable when the frame is written.
void AppendFrame(std::string_view record, uint64_t group_first, const crypto::Mac& mac,
                 ChainEnd& end, std::string& out);

struct Frame {
  uint64_t number = 0;
  uint64_t group_first = 0;
  Digest previous{};
  Digest chain{};
  std::string_view record;
};
// The size of the frame that begins at `bytes`, by its header alone; nullopt when there is none.
std::optional<size_t> PeekFrameBytes(std::string_view bytes);
// The frame at the start of `bytes`, when it is whole and made with the key; else nullopt.
std::optional<Frame> ParseFrame(std::string_view bytes, const crypto::Mac& mac);

struct SegmentScan {
  ChainEnd end;         // of the last record that is whole with all before it
  size_t end_byte = 0;  // behind that record
  // There are bytes behind it: the group that was being written when the node died, or damage.
  bool tail = false;
  // Set when it cannot be such a group: what is wrong with record end.number + 1 at end_byte.
  std::optional<std::string> damage;
};
// Walks the frames in a whole segment from `start`. Not every lost record can be told from a torn
// one: the last group is believed torn when none of its records can be proven to have been durable.
SegmentScan ScanSegment(std::string_view segment, const ChainEnd& start, const crypto::Mac& mac);

}  // namespace holdfast::audit

#endif  // HOLDFAST_SERVER_AUDIT_SEGMENT_H_
