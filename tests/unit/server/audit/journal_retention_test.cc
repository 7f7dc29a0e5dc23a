// What goes, and what stays: by size, by age, on a full disk.
#include "server/vault/refusal.h"
#include "tests/unit/server/audit/journal_fixture.h"

namespace holdfast::audit {
namespace {

using testing::HasSubstr;

class JournalRetentionTest : public JournalFixture {
 protected:
  JournalRetentionTest() {
    options_.bytes_max = 4 * options_.segment_bytes;
    options_.keep_days = 30;
  }
  static v1::AuditRecord Long() { return Retrieval(std::string(1000, 'x')); }
  // As many records as `segments` hold, at least. False when one was refused.
  bool Fill(Journal& journal, uint64_t segments) const {
    for (uint64_t i = 0; i < segments * (options_.segment_bytes / 1000); ++i) {
      if (!journal.AppendAndWait(Long()).ok()) return false;
    }
    return true;
  }
  void NextTry() { clock_.Advance(std::chrono::seconds(2)); }
};

TEST_F(JournalRetentionTest, TheOldestGoForNewOnesOnceEverybodyHasThem) {
  const auto journal = MustOpen();
  journal->SetCollectors({{.name = "own"}, {.name = "b", .keeps = true}});
  for (int i = 0; i < 12; ++i) {
    journal->Collected("own", journal->head());
    journal->Collected("b", journal->head());
    ASSERT_TRUE(Fill(*journal, 1)) << i;
  }
  EXPECT_GT(journal->oldest(), 100u);
  EXPECT_EQ(journal->room().trimmed_uncollected, 0u);
  EXPECT_LE(journal->room().bytes_used + journal->room().bytes_ready, options_.bytes_max);
  EXPECT_EQ(Report().first, journal->oldest());
  EXPECT_EQ(Report().last, journal->head());
  EXPECT_FALSE(Report().first_break.has_value());
  EXPECT_EQ(journal->Read(1, 1, 1 << 20).status().code(), absl::StatusCode::kOutOfRange);
}

TEST_F(JournalRetentionTest, WhatNobodyElseHasStays) {
  const auto journal = MustOpen();
  journal->SetCollectors({{.name = "own"}, {.name = "b", .keeps = true}});
  journal->Collected("own", 1'000'000);
  EXPECT_FALSE(Fill(*journal, 12));
  EXPECT_EQ(journal->oldest(), 1u);
  EXPECT_TRUE(journal->room().full);
  EXPECT_GT(journal->room().uncollected_share(), 0.9);
  EXPECT_THAT(std::string(journal->room().cannot_grow.message()), HasSubstr("nobody else has"));
  // The other node comes back: it goes on by itself, and nothing was lost.
  journal->Collected("b", journal->head());
  EXPECT_EQ(journal->room().bytes_uncollected, 0u);
  NextTry();
  EXPECT_TRUE(Fill(*journal, 2));
  EXPECT_FALSE(journal->room().full);
  EXPECT_EQ(journal->room().trimmed_uncollected, 0u);
}

TEST_F(JournalRetentionTest, ADeadMemberHoldsRecordsOnlyAsLongAsThereIsRoom) {
  const auto journal = MustOpen();
  journal->SetCollectors(
      {{.name = "own"}, {.name = "b", .keeps = true}, {.name = "dead", .keeps = true}});
  for (int i = 0; i < 12; ++i) {
    if (i == 2) {
      EXPECT_EQ(journal->oldest(), 1u);
    }
    journal->Collected("own", journal->head());
    journal->Collected("b", journal->head());
    ASSERT_TRUE(Fill(*journal, 1)) << i;
  }
  EXPECT_GT(journal->oldest(), 1u);
  EXPECT_EQ(journal->room().trimmed_uncollected, journal->oldest() - 1);
}

TEST_F(JournalRetentionTest, AgeTakesOnlyWhatEverybodyHas) {
  const auto journal = MustOpen();
  journal->SetCollectors({{.name = "own"}, {.name = "b", .keeps = true}});
  ASSERT_TRUE(Fill(*journal, 2));
  const uint64_t head = journal->head();
  clock_.Advance(std::chrono::hours(24 * 31));
  ASSERT_TRUE(Fill(*journal, 1));
  journal->Collected("own", head);
  journal->Collected("b", 1);
  journal->RetainNow();
  EXPECT_EQ(journal->oldest(), 1u);
  journal->Collected("b", head);
  journal->RetainNow();
  EXPECT_GT(journal->oldest(), 1u);
  EXPECT_LE(journal->oldest(), head);
  EXPECT_EQ(journal->room().trimmed_uncollected, 0u);
  EXPECT_FALSE(Report().first_break.has_value());
}

TEST_F(JournalRetentionTest, WhatIsYoungStays) {
  const auto journal = MustOpen();
  journal->SetCollectors({{.name = "b", .keeps = true}});
  ASSERT_TRUE(Fill(*journal, 2));
  journal->Collected("b", journal->head());
  clock_.Advance(std::chrono::hours(24 * 29));
  journal->RetainNow();
  EXPECT_EQ(journal->oldest(), 1u);
}

TEST_F(JournalRetentionTest, AFullDiskTakesTheBlocksOfWhatOthersHave) {
  options_.bytes_max = 16 * options_.segment_bytes;
  const auto journal = MustOpen();
  journal->SetCollectors({{.name = "own"}, {.name = "b", .keeps = true}});
  ASSERT_TRUE(Fill(*journal, 2));
  Disk().full = true;
  for (int i = 0; i < 8; ++i) {
    journal->Collected("b", journal->head());
    ASSERT_TRUE(Fill(*journal, 1)) << i << journal->room().cannot_grow;
  }
  EXPECT_GT(journal->oldest(), 1u);
  EXPECT_GT(journal->room().trimmed_uncollected, 0u);  // "own", which takes nothing then
  EXPECT_FALSE(Report().first_break.has_value());
}

TEST_F(JournalRetentionTest, AStartAfterAKillInTheMiddleOfRecycling) {
  uint64_t head = 0;
  {
    const auto journal = MustOpen();
    journal->SetCollectors({{.name = "b", .keeps = true}});
    ASSERT_TRUE(Fill(*journal, 2));
    head = journal->head();
  }
  std::filesystem::rename(SegmentName(1), options_.path + "/spare.new");
  std::filesystem::remove(options_.path + "/spare");
  Disk().full = true;  // Only the blocks of spare.new are left.
  const auto journal = MustOpen();
  ASSERT_NE(journal, nullptr);
  EXPECT_EQ(journal->head(), head);
  EXPECT_GT(journal->oldest(), 1u);
  EXPECT_TRUE(Fill(*journal, 1));
  EXPECT_FALSE(Report().first_break.has_value());
}

TEST_F(JournalRetentionTest, TheOldestUncollectedTellsItsTime) {
  clock_.SetWall(FromMillis(1000));
  const auto journal = MustOpen();
  journal->SetCollectors({{.name = "b", .keeps = true}});
  EXPECT_EQ(journal->OldestUncollectedMs(), 0);
  Add(*journal, 1);
  clock_.SetWall(FromMillis(2000));
  Add(*journal, 1);
  EXPECT_EQ(journal->OldestUncollectedMs(), 1000);
  journal->Collected("b", 1);
  EXPECT_EQ(journal->OldestUncollectedMs(), 2000);
  journal->Collected("b", 2);
  EXPECT_EQ(journal->OldestUncollectedMs(), 0);
}

}  // namespace
}  // namespace holdfast::audit
