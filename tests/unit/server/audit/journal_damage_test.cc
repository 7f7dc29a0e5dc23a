// Somebody with write access, or a disk that lies, and no key.
#include "server/audit/segment.h"
#include "tests/unit/server/audit/journal_fixture.h"

namespace holdfast::audit {
namespace {

using testing::HasSubstr;

class JournalDamageTest : public JournalFixture {
 protected:
  // Of record `number` in the first segment.
  size_t ByteOf(uint64_t number) const {
    const std::string bytes = BytesOf(1);
    size_t at = kSegmentHeaderBytes;
    for (uint64_t i = 1; i < number; ++i) {
      at += *PeekFrameBytes(std::string_view(bytes).substr(at));
    }
    return at;
  }
  // In the folder, the segments' first numbers after the first.
  std::vector<uint64_t> LaterSegments() const {
    std::vector<uint64_t> firsts;
    for (uint64_t number = 2; number < 10'000; ++number) {
      if (FileExists(SegmentName(number))) firsts.push_back(number);
    }
    return firsts;
  }
  void ExpectBreakAt(uint64_t number) const {
    const JournalReport report = Report();
    ASSERT_TRUE(report.first_break.has_value());
    EXPECT_EQ(report.first_break->number, number) << report.first_break->what;
    EXPECT_EQ(report.last, number - 1);
  }
};

TEST_F(JournalDamageTest, AFlippedBitIsNamedAndNothingIsOpened) {
  { Add(*MustOpen(), 5); }
  std::string bytes = BytesOf(1);
  bytes[ByteOf(3) + kFrameHeaderBytes + 4] ^= 1;
  Replace(1, bytes);
  const absl::Status status = Open().status();
  EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss);
  EXPECT_THAT(std::string(status.message()), HasSubstr("record 3"));
  EXPECT_EQ(BytesOf(1), bytes);  // evidence
  ExpectBreakAt(3);
}

TEST_F(JournalDamageTest, ExchangedRecordsAreNamed) {
  { Add(*MustOpen(), 5); }
  std::string bytes = BytesOf(1);
  const ptrdiff_t second = static_cast<ptrdiff_t>(ByteOf(2));
  const ptrdiff_t third = static_cast<ptrdiff_t>(ByteOf(3));
  ASSERT_EQ(ByteOf(4) - ByteOf(3), ByteOf(3) - ByteOf(2));
  std::swap_ranges(bytes.begin() + second, bytes.begin() + third, bytes.begin() + third);
  Replace(1, bytes);
  EXPECT_EQ(Open().status().code(), absl::StatusCode::kDataLoss);
  ExpectBreakAt(2);
}

TEST_F(JournalDamageTest, ARemovedRecordIsNamed) {
  { Add(*MustOpen(), 5); }
  std::string bytes = BytesOf(1);
  const size_t frame = ByteOf(3) - ByteOf(2);
  bytes.erase(ByteOf(2), frame);
  bytes.append(frame, '\0');
  Replace(1, bytes);
  EXPECT_EQ(Open().status().code(), absl::StatusCode::kDataLoss);
  ExpectBreakAt(2);
}

TEST_F(JournalDamageTest, DamageInAnEarlierSegmentIsFoundByReadAndVerify) {
  { AddMany(*MustOpen(), 1000); }
  std::string bytes = BytesOf(1);
  bytes[ByteOf(7) + kFrameHeaderBytes] ^= 1;
  Replace(1, bytes);
  const auto journal = MustOpen();  // the last segment is whole: the node serves
  const absl::Status status = journal->Read(5, 10, 1 << 20).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss);
  EXPECT_THAT(std::string(status.message()), HasSubstr("record 7"));
  EXPECT_TRUE(journal->Read(8, 10, 1 << 20).ok());
  ExpectBreakAt(7);
}

TEST_F(JournalDamageTest, RecordsCutOffAtTheEndOfAnEarlierSegmentAreNamed) {
  { AddMany(*MustOpen(), 1000); }
  const uint64_t second = LaterSegments().front();
  std::string bytes = BytesOf(1);
  std::fill(bytes.begin() + static_cast<ptrdiff_t>(ByteOf(second - 1)), bytes.end(), '\0');
  Replace(1, bytes);
  ExpectBreakAt(second - 1);
}

TEST_F(JournalDamageTest, AMissingSegmentIsNamed) {
  { AddMany(*MustOpen(), 2000); }
  const std::vector<uint64_t> later = LaterSegments();
  ASSERT_GE(later.size(), 2u);
  std::filesystem::remove(SegmentName(later[0]));
  const absl::Status status = Open().status();
  EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss);
  EXPECT_THAT(std::string(status.message()), HasSubstr("record " + std::to_string(later[0])));
  ExpectBreakAt(later[0]);
}

TEST_F(JournalDamageTest, ASegmentUnderAnotherNameIsRefused) {
  { Add(*MustOpen(), 3); }
  std::filesystem::rename(SegmentName(1), SegmentName(2));
  EXPECT_EQ(Open().status().code(), absl::StatusCode::kDataLoss);
}

TEST_F(JournalDamageTest, ACutFileIsRefused) {
  { Add(*MustOpen(), 3); }
  std::filesystem::resize_file(SegmentName(1), options_.segment_bytes - 8);
  const absl::Status status = Open().status();
  EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss);
  EXPECT_THAT(std::string(status.message()), HasSubstr("cut"));
}

TEST_F(JournalDamageTest, ANewerFormatIsRefusedClearly) {
  { Add(*MustOpen(), 3); }
  std::string bytes = BytesOf(1);
  bytes[7] = '2';
  Replace(1, bytes);
  const absl::Status status = Open().status();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(status.message()), HasSubstr("newer"));
}

}  // namespace
}  // namespace holdfast::audit
