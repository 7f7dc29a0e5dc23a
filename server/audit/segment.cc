#include "server/audit/segment.h"

#include <fmt/format.h>

#include <array>
#include <bit>
#include <cstring>

#include "server/audit/journal.h"
#include "server/base/check.h"
#include "server/base/encoding.h"

namespace holdfast::audit {
namespace {

static_assert(std::endian::native == std::endian::little, "numbers on disk are little-endian");

constexpr std::string_view kSegmentMagic = "HFJRN001";
constexpr size_t kMagicNameBytes = 5;  // the rest is the version
constexpr std::array<char, 4> kFrameMagic = {'H', 'F', 'J', 'R'};
constexpr size_t kNodeIdBytes = 64;

// One key for two uses: the labels keep a header from passing for a record.
constexpr std::string_view kHeaderLabel = "holdfast journal segment 1";
constexpr std::string_view kRecordLabel = "holdfast journal record 1";

struct RawHeader {
  std::array<char, 8> magic;
  uint64_t first;
  uint64_t previous_first;
  int64_t started_ms;
  uint64_t segment_bytes;
  Digest previous;
  std::array<char, kNodeIdBytes> node_id;  // the rest of it zeroes
  Digest mac;                              // over what stands before it
};
static_assert(sizeof(RawHeader) == kSegmentHeaderBytes);

struct RawFrame {
  std::array<char, 4> magic;
  uint32_t record_bytes;
  uint64_t number;
  uint64_t group_first;
  Digest previous;
  Digest chain;  // over what stands before it and the record
};
static_assert(sizeof(RawFrame) == kFrameHeaderBytes);

template <typename Raw>
std::string_view BytesBefore(const Raw& raw, size_t end) {
  return {reinterpret_cast<const char*>(&raw), end};
}

Digest MacOf(const RawHeader& raw, const crypto::Mac& mac) {
  return mac.Compute({kHeaderLabel, BytesBefore(raw, offsetof(RawHeader, mac))});
}

Digest ChainOf(const RawFrame& raw, std::string_view record, const crypto::Mac& mac) {
  return mac.Compute({kRecordLabel, BytesBefore(raw, offsetof(RawFrame, chain)), record});
}

bool AllZero(std::string_view bytes) {
  return bytes.find_first_not_of('\0') == std::string_view::npos;
}

// The first whole frame from `at` on that was written when record `number` was durable already.
std::optional<uint64_t> FindLaterGroup(std::string_view segment, size_t at, uint64_t number,
                                       const crypto::Mac& mac) {
  for (; at + kFrameHeaderBytes <= segment.size(); at += kFrameAlignment) {
    const std::optional<Frame> frame = ParseFrame(segment.substr(at), mac);
    if (frame.has_value() && frame->group_first > number) return frame->number;
  }
  return std::nullopt;
}

std::optional<std::string> DamageAt(std::string_view segment, const ChainEnd& end, size_t at,
                                    const crypto::Mac& mac) {
  const uint64_t expected = end.number + 1;
  const std::optional<Frame> frame = ParseFrame(segment.substr(at), mac);
  // Tearing leaves holes and never moves a record.
  if (frame.has_value() && frame->number != expected) {
    return fmt::format("record {} stands where record {} is expected", frame->number, expected);
  }
  if (frame.has_value()) return fmt::format("record {} does not continue the chain", expected);
  const std::optional<uint64_t> later = FindLaterGroup(segment, at, expected, mac);
  if (!later.has_value()) return std::nullopt;
  return fmt::format("record {} is damaged or missing, and record {} was written after it",
                     expected, *later);
}

}  // namespace

std::string EncodeHeader(const SegmentHeader& header, const crypto::Mac& mac) {
  HOLDFAST_CHECK(header.node_id.size() < kNodeIdBytes);  // Journal::Open has refused it.
  RawHeader raw{};
  std::memcpy(raw.magic.data(), kSegmentMagic.data(), raw.magic.size());
  raw.first = header.first;
  raw.previous_first = header.previous_first;
  raw.started_ms = header.started_ms;
  raw.segment_bytes = header.segment_bytes;
  raw.previous = header.previous;
  std::memcpy(raw.node_id.data(), header.node_id.data(), header.node_id.size());
  raw.mac = MacOf(raw, mac);
  return std::string(BytesBefore(raw, sizeof(raw)));
}

absl::StatusOr<SegmentHeader> DecodeHeader(std::string_view bytes, const crypto::Mac& mac) {
  if (bytes.size() < kSegmentHeaderBytes) {
    return absl::DataLossError(fmt::format("cut: expected a header of {} bytes, got {}",
                                           kSegmentHeaderBytes, bytes.size()));
  }
  RawHeader raw;
  std::memcpy(&raw, bytes.data(), sizeof(raw));
  const std::string_view magic(raw.magic.data(), raw.magic.size());
  if (magic.substr(0, kMagicNameBytes) != kSegmentMagic.substr(0, kMagicNameBytes)) {
    return absl::DataLossError("not a segment of a journal");
  }
  if (magic > kSegmentMagic) {
    return absl::FailedPreconditionError(
        fmt::format("its format is {}, newer than {}, which this program knows",
                    magic.substr(kMagicNameBytes), kSegmentMagic.substr(kMagicNameBytes)));
  }
  if (magic != kSegmentMagic || !crypto::ConstantTimeEquals(raw.mac, MacOf(raw, mac))) {
    return absl::DataLossError("its header was changed, or made under another cluster or node");
  }
  return SegmentHeader{
      .node_id = std::string(raw.node_id.data(), strnlen(raw.node_id.data(), kNodeIdBytes)),
      .first = raw.first,
      .previous_first = raw.previous_first,
      .started_ms = raw.started_ms,
      .segment_bytes = raw.segment_bytes,
      .previous = raw.previous};
}

void AppendFrame(std::string_view record, uint64_t group_first, const crypto::Mac& mac,
                 ChainEnd& end, std::string& out) {
  HOLDFAST_CHECK(record.size() <= kJournalRecordBytesMax);
  RawFrame raw{.magic = kFrameMagic,
               .record_bytes = static_cast<uint32_t>(record.size()),
               .number = end.number + 1,
               .group_first = group_first,
               .previous = end.chain,
               .chain = {}};
  raw.chain = ChainOf(raw, record, mac);
  const size_t frame_end = out.size() + FrameBytes(record.size());
  out.append(BytesBefore(raw, sizeof(raw)));
  out.append(record);
  out.resize(frame_end, '\0');
  end = ChainEnd{.number = raw.number, .chain = raw.chain};
}

std::optional<size_t> PeekFrameBytes(std::string_view bytes) {
  if (bytes.size() < kFrameHeaderBytes) return std::nullopt;
  if (std::memcmp(bytes.data(), kFrameMagic.data(), kFrameMagic.size()) != 0) return std::nullopt;
  uint32_t record_bytes = 0;
  std::memcpy(&record_bytes, bytes.data() + offsetof(RawFrame, record_bytes), sizeof(record_bytes));
  if (record_bytes > kJournalRecordBytesMax) return std::nullopt;
  return FrameBytes(record_bytes);
}

std::optional<Frame> ParseFrame(std::string_view bytes, const crypto::Mac& mac) {
  const std::optional<size_t> frame_bytes = PeekFrameBytes(bytes);
  if (!frame_bytes.has_value() || *frame_bytes > bytes.size()) return std::nullopt;
  RawFrame raw;
  std::memcpy(&raw, bytes.data(), sizeof(raw));
  const std::string_view record = bytes.substr(kFrameHeaderBytes, raw.record_bytes);
  const std::string_view padding = bytes.substr(kFrameHeaderBytes + record.size(),
                                                *frame_bytes - kFrameHeaderBytes - record.size());
  if (!AllZero(padding)) return std::nullopt;
  if (!crypto::ConstantTimeEquals(raw.chain, ChainOf(raw, record, mac))) return std::nullopt;
  return Frame{.number = raw.number,
               .group_first = raw.group_first,
               .previous = raw.previous,
               .chain = raw.chain,
               .record = record};
}

SegmentScan ScanSegment(std::string_view segment, const ChainEnd& start, const crypto::Mac& mac) {
  SegmentScan scan{.end = start, .end_byte = kSegmentHeaderBytes, .tail = false, .damage = {}};
  while (scan.end_byte < segment.size()) {
    const std::optional<Frame> frame = ParseFrame(segment.substr(scan.end_byte), mac);
    if (!frame.has_value() || frame->number != scan.end.number + 1) break;
    if (frame->previous != scan.end.chain) break;
    scan.end = ChainEnd{.number = frame->number, .chain = frame->chain};
    scan.end_byte += FrameBytes(frame->record.size());
  }
  if (scan.end_byte >= segment.size()) return scan;
  scan.tail = !AllZero(segment.substr(scan.end_byte));
  if (scan.tail) scan.damage = DamageAt(segment, scan.end, scan.end_byte, mac);
  return scan;
}

}  // namespace holdfast::audit
