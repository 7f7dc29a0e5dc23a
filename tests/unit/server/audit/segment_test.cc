#include "server/audit/segment.h"

#include <gtest/gtest.h>

#include "server/audit/journal.h"
#include "server/base/secret_bytes.h"

namespace holdfast::audit {
namespace {

crypto::Mac Key(char byte = 'k') { return crypto::Mac(SecretBytes::CopyOf(std::string(32, byte))); }

SegmentHeader HeaderForTest() {
  return SegmentHeader{.node_id = "node-a",
                       .first = 7,
                       .previous_first = 3,
                       .started_ms = 1700000000000,
                       .segment_bytes = 65536,
                       .previous = {1, 2, 3}};
}

std::string WithFlippedBit(std::string bytes, size_t at) {
  bytes[at] = static_cast<char>(bytes[at] ^ 0x10);
  return bytes;
}

TEST(SegmentHeaderTest, ComesBackAsItWasWritten) {
  const std::string bytes = EncodeHeader(HeaderForTest(), Key());
  ASSERT_EQ(bytes.size(), kSegmentHeaderBytes);
  const auto header = DecodeHeader(bytes, Key());
  ASSERT_TRUE(header.ok()) << header.status();
  EXPECT_EQ(header->node_id, "node-a");
  EXPECT_EQ(header->first, 7u);
  EXPECT_EQ(header->previous_first, 3u);
  EXPECT_EQ(header->started_ms, 1700000000000);
  EXPECT_EQ(header->segment_bytes, 65536u);
  EXPECT_EQ(header->previous, (Digest{1, 2, 3}));
}

TEST(SegmentHeaderTest, EveryFlippedBitIsRefused) {
  const std::string bytes = EncodeHeader(HeaderForTest(), Key());
  for (size_t at = 0; at < bytes.size(); ++at) {
    EXPECT_FALSE(DecodeHeader(WithFlippedBit(bytes, at), Key()).ok()) << "byte " << at;
  }
}

TEST(SegmentHeaderTest, AnotherKeyIsRefused) {
  EXPECT_EQ(DecodeHeader(EncodeHeader(HeaderForTest(), Key('x')), Key()).status().code(),
            absl::StatusCode::kDataLoss);
}

TEST(SegmentHeaderTest, ANewerFormatIsNamed) {
  std::string bytes = EncodeHeader(HeaderForTest(), Key());
  bytes[7] = '2';
  const absl::Status status = DecodeHeader(bytes, Key()).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_NE(status.message().find("002"), std::string::npos) << status;
}

// A segment of records "record 1" and so on, one number per group: {2, 1} is a group of two and one
// of one.
std::string SegmentOf(const std::vector<int>& groups) {
  std::string bytes(kSegmentHeaderBytes, 'h');
  ChainEnd end;
  for (const int group : groups) {
    const uint64_t first = end.number + 1;
    for (int i = 0; i < group; ++i) {
      AppendFrame("record " + std::to_string(end.number + 1), first, Key(), end, bytes);
    }
  }
  bytes.resize(kSegmentBytesMin, '\0');
  return bytes;
}
constexpr size_t kFrame = FrameBytes(8);
constexpr size_t ByteOf(uint64_t number) { return kSegmentHeaderBytes + (number - 1) * kFrame; }

TEST(SegmentScanTest, WalksToTheEnd) {
  const SegmentScan scan = ScanSegment(SegmentOf({1, 3, 1}), {}, Key());
  EXPECT_EQ(scan.end.number, 5u);
  EXPECT_EQ(scan.end_byte, ByteOf(6));
  EXPECT_FALSE(scan.tail);
  EXPECT_FALSE(scan.damage.has_value());
}

TEST(SegmentScanTest, EveryFlippedBitBeforeTheLastGroupIsDamageOfThatRecord) {
  const std::string bytes = SegmentOf({1, 1, 1});
  for (size_t at = ByteOf(2); at < ByteOf(3); ++at) {
    const SegmentScan scan = ScanSegment(WithFlippedBit(bytes, at), {}, Key());
    EXPECT_EQ(scan.end.number, 1u) << "byte " << at;
    ASSERT_TRUE(scan.damage.has_value()) << "byte " << at;
    EXPECT_NE(scan.damage->find("record 2 "), std::string::npos) << *scan.damage;
  }
}

TEST(SegmentScanTest, AHoleInTheLastGroupIsTorn) {
  std::string bytes = SegmentOf({1, 3});
  std::fill_n(bytes.begin() + ByteOf(3), kFrame, '\0');
  const SegmentScan scan = ScanSegment(bytes, {}, Key());
  EXPECT_EQ(scan.end.number, 2u);
  EXPECT_TRUE(scan.tail);
  EXPECT_FALSE(scan.damage.has_value()) << *scan.damage;
}

TEST(SegmentScanTest, AHoleInAnEarlierGroupIsDamage) {
  std::string bytes = SegmentOf({3, 1});
  std::fill_n(bytes.begin() + ByteOf(2), kFrame, '\0');
  const SegmentScan scan = ScanSegment(bytes, {}, Key());
  EXPECT_EQ(scan.end.number, 1u);
  EXPECT_TRUE(scan.damage.has_value());
}

TEST(SegmentScanTest, ExchangedRecordsAreDamageEvenInTheLastGroup) {
  std::string bytes = SegmentOf({3});
  std::swap_ranges(bytes.begin() + ByteOf(2), bytes.begin() + ByteOf(3), bytes.begin() + ByteOf(3));
  const SegmentScan scan = ScanSegment(bytes, {}, Key());
  EXPECT_EQ(scan.end.number, 1u);
  ASSERT_TRUE(scan.damage.has_value());
  EXPECT_NE(scan.damage->find("record 3 stands where record 2"), std::string::npos);
}

TEST(SegmentScanTest, ARecordOfAnotherChainIsDamage) {
  std::string other(kSegmentHeaderBytes, 'h');
  ChainEnd end;
  AppendFrame("another1", 1, Key(), end, other);
  AppendFrame("another2", 2, Key(), end, other);
  std::string bytes = SegmentOf({1, 1});
  std::copy_n(other.begin() + ByteOf(2), kFrame, bytes.begin() + ByteOf(2));
  const SegmentScan scan = ScanSegment(bytes, {}, Key());
  EXPECT_EQ(scan.end.number, 1u);
  EXPECT_TRUE(scan.damage.has_value());
}

TEST(SegmentScanTest, AFrameThatClaimsMoreThanThereIsIsNotRead) {
  std::string bytes = SegmentOf({1});
  EXPECT_FALSE(ParseFrame(bytes.substr(kSegmentHeaderBytes, kFrame - 1), Key()).has_value());
  bytes[kSegmentHeaderBytes + 7] = '\x7f';  // the size's high byte
  EXPECT_FALSE(PeekFrameBytes(bytes.substr(kSegmentHeaderBytes)).has_value());
}

}  // namespace
}  // namespace holdfast::audit
