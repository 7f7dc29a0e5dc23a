#include "server/audit/journal.h"

#include <thread>
#include <vector>

#include "server/vault/refusal.h"
#include "tests/unit/server/audit/journal_fixture.h"

namespace holdfast::audit {
namespace {

using testing::HasSubstr;

class JournalTest : public JournalFixture {};

TEST_F(JournalTest, NumbersNodeAndTimeAreFilledIn) {
  const auto journal = MustOpen();
  EXPECT_EQ(journal->head(), 0u);
  EXPECT_EQ(journal->oldest(), 1u);
  clock_.SetWall(FromMillis(1234567));
  v1::AuditRecord record = Retrieval("root");
  record.set_number(99);
  record.set_node_id("somebody");
  ASSERT_TRUE(journal->AppendAndWait(record).ok());
  ASSERT_TRUE(journal->AppendAndWait(Retrieval("oracle")).ok());
  EXPECT_EQ(journal->head(), 2u);
  const auto records = journal->Read(1, 10, 1 << 20);
  ASSERT_TRUE(records.ok()) << records.status();
  ASSERT_EQ(records->records_size(), 2);
  EXPECT_EQ(records->records(0).number(), 1u);
  EXPECT_EQ(records->records(0).node_id(), "node-a");
  EXPECT_EQ(records->records(0).wall_ms(), 1234567);
  EXPECT_EQ(records->records(0).account_name(), "root");
  EXPECT_EQ(records->records(1).number(), 2u);
}

TEST_F(JournalTest, GoesOnAfterARestart) {
  { Add(*MustOpen(), 3); }
  const auto journal = MustOpen();
  EXPECT_EQ(journal->head(), 3u);
  Add(*journal, 2);
  EXPECT_EQ(journal->Read(1, 10, 1 << 20)->records_size(), 5);
  const auto report = journal->Verify();
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_EQ(report->last, 5u);
  EXPECT_FALSE(report->first_break.has_value());
}

TEST_F(JournalTest, ReadKeepsItsBounds) {
  const auto journal = MustOpen();
  Add(*journal, 20);
  EXPECT_EQ(journal->Read(5, 3, 1 << 20)->records_size(), 3);
  EXPECT_EQ(journal->Read(5, 3, 1 << 20)->records(0).number(), 5u);
  EXPECT_EQ(journal->Read(8, 3, 1)->records_size(), 1);
  EXPECT_EQ(journal->Read(2, 3, 1 << 20)->records(0).number(), 2u);
  EXPECT_EQ(journal->Read(20, 3, 1 << 20)->records_size(), 1);
  EXPECT_EQ(journal->Read(21, 3, 1 << 20)->records_size(), 0);
  EXPECT_EQ(journal->Read(1, 0, 1 << 20)->records_size(), 0);
}

TEST_F(JournalTest, ReadsAcrossSegments) {
  const auto journal = MustOpen();
  AddMany(*journal, 2000);
  ASSERT_GE(std::distance(std::filesystem::directory_iterator(options_.path), {}), 5);
  uint64_t next = 1;
  while (next <= journal->head()) {
    const auto records = journal->Read(next, 300, 1 << 20);
    ASSERT_TRUE(records.ok()) << records.status();
    ASSERT_GT(records->records_size(), 0);
    for (const auto& record : records->records()) ASSERT_EQ(record.number(), next++);
  }
  EXPECT_EQ(next, 2001u);
  EXPECT_FALSE(Report().first_break.has_value());
}

TEST_F(JournalTest, ThreadsShareAnFdatasync) {
  const auto journal = MustOpen();
  constexpr int kThreads = 16;
  constexpr int kEach = 20;
  const uint64_t before = Disk().syncs;
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&journal] { Add(*journal, kEach); });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(journal->head(), uint64_t{kThreads} * kEach);
  EXPECT_LT(Disk().syncs - before, uint64_t{kThreads} * kEach / 2);
  EXPECT_FALSE(Report().first_break.has_value());
}

TEST_F(JournalTest, NobodyIsToldBeforeTheDiskHasIt) {
  const auto journal = MustOpen();
  Disk().sync_waits = true;
  std::atomic<bool> told{false};
  const uint64_t before = Disk().syncs;
  journal->Append(Retrieval("root"), [&told](const absl::Status&) {
    told = true;
    told.notify_one();
  });
  while (Disk().syncs == before && !told) std::this_thread::yield();
  EXPECT_FALSE(told);
  EXPECT_EQ(journal->head(), 0u);
  EXPECT_EQ(journal->Read(1, 10, 1 << 20)->records_size(), 0);
  Disk().sync_waits = false;
  Disk().sync_waits.notify_all();
  told.wait(false);
  EXPECT_EQ(journal->head(), 1u);
}

TEST_F(JournalTest, AFailedFdatasyncClosesItForGood) {
  auto journal = MustOpen();
  Add(*journal, 1);
  Disk().sync_fails = true;
  absl::Status status = journal->AppendAndWait(Retrieval("root"));
  EXPECT_EQ(vault::RefusalOf(status), vault::Refusal::kAuditUnavailable) << status;
  Disk().sync_fails = false;
  status = journal->AppendAndWait(Retrieval("root"));
  EXPECT_EQ(vault::RefusalOf(status), vault::Refusal::kAuditUnavailable) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr("fdatasync"));
  EXPECT_FALSE(journal->failure().ok());
  EXPECT_EQ(journal->head(), 1u);
  EXPECT_EQ(journal->Read(1, 10, 1 << 20)->records_size(), 1);
  journal.reset();
  const auto again = MustOpen();
  EXPECT_TRUE(again->AppendAndWait(Retrieval("root")).ok());
}

TEST_F(JournalTest, AFullDiskStillTakesASegmentOfRecordsAndThenRefusesClearly) {
  const auto journal = MustOpen();
  Disk().full = true;
  const uint64_t ready = journal->room().bytes_ready;
  EXPECT_GE(ready, options_.segment_bytes);
  int taken = 0;
  absl::Status status;
  while ((status = journal->AppendAndWait(Retrieval(std::string(1000, 'x')))).ok()) ++taken;
  EXPECT_GT(taken, 100) << ready;
  EXPECT_EQ(vault::RefusalOf(status), vault::Refusal::kAuditUnavailable) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr("No space left on device"));
  EXPECT_TRUE(journal->failure().ok());
  EXPECT_FALSE(journal->room().cannot_grow.ok());
  EXPECT_EQ(journal->head(), static_cast<uint64_t>(taken));
  // Room again: it goes on by itself, with the next number.
  Disk().full = false;
  clock_.Advance(std::chrono::seconds(2));
  EXPECT_TRUE(journal->AppendAndWait(Retrieval(std::string(1000, 'x'))).ok());
  EXPECT_EQ(journal->head(), static_cast<uint64_t>(taken) + 1);
  EXPECT_TRUE(journal->room().cannot_grow.ok());
  EXPECT_FALSE(Report().first_break.has_value());
}

TEST_F(JournalTest, RefusesBeyondBytesMaxUntilRetentionMakesRoom) {
  options_.bytes_max = 3 * options_.segment_bytes;
  const auto journal = MustOpen();
  absl::Status status;
  while ((status = journal->AppendAndWait(Retrieval(std::string(1000, 'x')))).ok()) {
  }
  EXPECT_EQ(vault::RefusalOf(status), vault::Refusal::kAuditUnavailable) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr("limits.journal_megabytes"));
  EXPECT_GT(journal->room().uncollected_share(), 0.95);
  EXPECT_TRUE(journal->room().full);
  const uint64_t head = journal->head();
  clock_.Advance(std::chrono::seconds(2));
  const auto trimmed = journal->TrimOlderThan(clock_.Wall());
  ASSERT_TRUE(trimmed.ok()) << trimmed.status();
  EXPECT_GT(*trimmed, 0u);
  EXPECT_EQ(journal->oldest(), *trimmed + 1);
  EXPECT_EQ(journal->Read(1, 10, 1 << 20).status().code(), absl::StatusCode::kOutOfRange);
  EXPECT_TRUE(journal->AppendAndWait(Retrieval("root")).ok());
  EXPECT_EQ(journal->head(), head + 1);
  EXPECT_EQ(Report().first, journal->oldest());
  EXPECT_FALSE(Report().first_break.has_value());
}

TEST_F(JournalTest, TrimKeepsWhatIsNotOldEnough) {
  const auto journal = MustOpen();
  AddMany(*journal, 1000);
  EXPECT_EQ(*journal->TrimOlderThan(clock_.Wall() - std::chrono::milliseconds(1)), 0u);
  EXPECT_EQ(journal->oldest(), 1u);
}

TEST_F(JournalTest, ARecordThatIsTooLongIsRefusedAlone) {
  const auto journal = MustOpen();
  EXPECT_EQ(journal->AppendAndWait(Retrieval(std::string(kJournalRecordBytesMax, 'x'))).code(),
            absl::StatusCode::kInvalidArgument);
  Add(*journal, 1);
  EXPECT_EQ(journal->head(), 1u);
  for (int i = 0; i < 10; ++i) {
    ASSERT_TRUE(journal->AppendAndWait(Retrieval(std::string(32000, 'x'))).ok());
  }
  EXPECT_EQ(journal->Read(1, 100, 1 << 20)->records_size(), 11);
}

TEST_F(JournalTest, ANameThatIsNotUtf8CanBeReadBack) {
  const auto journal = MustOpen();
  ASSERT_TRUE(journal->AppendAndWait(Retrieval("caf\xe9")).ok());
  ASSERT_TRUE(journal->AppendAndWait(Retrieval("caf\xc3\xa9")).ok());
  const auto records = journal->Read(1, 10, 1 << 20);
  ASSERT_TRUE(records.ok()) << records.status();
  EXPECT_EQ(records->records(0).account_name(), "caf\\xe9");
  EXPECT_EQ(records->records(1).account_name(), "caf\xc3\xa9");
}

TEST_F(JournalTest, WhatWaitsIsBounded) {
  options_.pending_max = 4;
  const auto journal = MustOpen();
  Disk().sync_waits = true;
  std::atomic<int> overloaded{0};
  std::atomic<int> told{0};
  for (int i = 0; i < 100; ++i) {
    journal->Append(Retrieval("root"), [&](const absl::Status& status) {
      if (vault::RefusalOf(status) == vault::Refusal::kOverloaded) ++overloaded;
      ++told;
      told.notify_all();
    });
  }
  EXPECT_GT(overloaded, 0);
  Disk().sync_waits = false;
  Disk().sync_waits.notify_all();
  for (int seen = told; seen < 100; seen = told) told.wait(seen);
  EXPECT_EQ(journal->head(), static_cast<uint64_t>(100 - overloaded));
}

TEST_F(JournalTest, ASecondProcessOrAnotherNodeIsRefused) {
  {
    const auto journal = MustOpen();
    EXPECT_EQ(Open().status().code(), absl::StatusCode::kFailedPrecondition);
  }
  EXPECT_EQ(Journal::Open(options_, JournalKey('x'), clock_).status().code(),
            absl::StatusCode::kDataLoss);
  options_.node_id = "node-b";
  EXPECT_EQ(Open().status().code(), absl::StatusCode::kFailedPrecondition);
}

}  // namespace
}  // namespace holdfast::audit
