// What a crash leaves: a file that is torn at any byte, and a process that was killed.
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "server/audit/segment.h"
#include "tests/unit/server/audit/journal_fixture.h"

namespace holdfast::audit {
namespace {

class JournalCrashTest : public JournalFixture {
 protected:
  // Where the last record begins and ends in the first segment.
  std::pair<size_t, size_t> LastRecord() const {
    const std::string bytes = BytesOf(1);
    const SegmentScan scan = ScanSegment(bytes, {}, JournalKey());
    size_t at = kSegmentHeaderBytes;
    for (uint64_t number = 1; number < scan.end.number; ++number) {
      at += *PeekFrameBytes(std::string_view(bytes).substr(at));
    }
    return {at, scan.end_byte};
  }
};

TEST_F(JournalCrashTest, ATornLastRecordIsCutOffAtEveryByte) {
  { Add(*MustOpen(), 3); }
  const std::string whole = BytesOf(1);
  const auto [begin, end] = LastRecord();
  for (size_t cut = begin; cut < end; ++cut) {
    std::string torn = whole;
    std::fill(torn.begin() + static_cast<ptrdiff_t>(cut), torn.end(), '\0');
    const bool lost_only_padding = torn == whole;
    Replace(1, torn);
    const auto journal = MustOpen();
    ASSERT_NE(journal, nullptr) << "cut at " << cut;
    ASSERT_EQ(journal->head(), lost_only_padding ? 3u : 2u) << "cut at " << cut;
    Add(*journal, 2);
    const auto records = journal->Read(1, 10, 1 << 20);
    ASSERT_TRUE(records.ok()) << "cut at " << cut << ": " << records.status();
    ASSERT_EQ(records->records_size(), lost_only_padding ? 5 : 4);
    ASSERT_FALSE(Report().first_break.has_value()) << "cut at " << cut;
  }
}

TEST_F(JournalCrashTest, GarbageAfterTheLastRecordIsCutOff) {
  { Add(*MustOpen(), 3); }
  std::string bytes = BytesOf(1);
  const size_t end = LastRecord().second;
  std::fill(bytes.begin() + static_cast<ptrdiff_t>(end), bytes.end(), 'x');
  Replace(1, bytes);
  const auto journal = MustOpen();
  EXPECT_EQ(journal->head(), 3u);
  Add(*journal, 1);
  EXPECT_EQ(Report().last, 4u);
  EXPECT_EQ(BytesOf(1).back(), '\0');
}

// The disk may write the blocks of one group in any order.
TEST_F(JournalCrashTest, WholeRecordsBehindAHoleInATornGroupDoNotComeBack) {
  {
    const auto journal = MustOpen();
    Add(*journal, 1);
  }
  std::string bytes = BytesOf(1);
  const SegmentScan scan = ScanSegment(bytes, {}, JournalKey());
  ChainEnd end = scan.end;
  std::string group;
  for (int i = 0; i < 3; ++i) {
    AppendFrame(Retrieval("lost").SerializeAsString(), 2, JournalKey(), end, group);
  }
  const size_t frame = group.size() / 3;
  std::fill_n(group.begin(), frame, '\0');
  bytes.replace(scan.end_byte, group.size(), group);
  Replace(1, bytes);
  const auto journal = MustOpen();
  EXPECT_EQ(journal->head(), 1u);
  Add(*journal, 3);
  const auto records = journal->Read(1, 10, 1 << 20);
  ASSERT_TRUE(records.ok()) << records.status();
  EXPECT_EQ(records->records_size(), 4);
  for (const auto& record : records->records()) EXPECT_EQ(record.account_name(), "root");
  EXPECT_FALSE(Report().first_break.has_value());
}

TEST_F(JournalCrashTest, ACrashWhileTheNextSegmentIsMadeLosesNothing) {
  { Add(*MustOpen(), 3); }
  // Half a spare under its temporary name, and a spare that got a header but not its name.
  ASSERT_TRUE(WriteFileAtomic(options_.path + "/spare.new", "half", 0600).ok());
  std::string spare(options_.segment_bytes, '\0');
  const std::string header = EncodeHeader({.node_id = "node-a", .first = 4}, JournalKey());
  spare.replace(0, header.size(), header);
  ASSERT_TRUE(WriteFileAtomic(options_.path + "/spare", spare, 0600).ok());
  const auto journal = MustOpen();
  AddMany(*journal, 1000);
  EXPECT_EQ(Report().last, 1003u);
  EXPECT_FALSE(Report().first_break.has_value());
}

// The child tells each number that it was told to be durable; then it is killed.
TEST_F(JournalCrashTest, WhatAKilledProcessWasToldIsThere) {
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    auto journal = Journal::Open(options_, JournalKey(), clock_);
    for (uint64_t number = 1; journal.ok() && (*journal)->AppendAndWait(Retrieval("root")).ok();
         ++number) {
      if (write(ends[1], &number, sizeof(number)) != sizeof(number)) break;
    }
    _exit(1);
  }
  close(ends[1]);
  uint64_t told = 0;
  while (told < 700 && read(ends[0], &told, sizeof(told)) == sizeof(told)) {
  }
  kill(child, SIGKILL);
  while (read(ends[0], &told, sizeof(told)) == sizeof(told)) {
  }
  close(ends[0]);
  ASSERT_EQ(waitpid(child, nullptr, 0), child);
  ASSERT_GE(told, 700u);
  const auto journal = MustOpen();
  EXPECT_GE(journal->head(), told);
  EXPECT_LE(journal->head(), told + 1);
  EXPECT_FALSE(Report().first_break.has_value());
}

}  // namespace
}  // namespace holdfast::audit
