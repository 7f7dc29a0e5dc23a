// A full journal that serves: what was only counted becomes one record, once, whatever happens.
#include "server/audit/unrecorded.h"
#include "server/vault/refusal.h"
#include "tests/unit/server/audit/journal_fixture.h"

namespace holdfast::audit {
namespace {

using testing::HasSubstr;

class ServeAndMarkTest : public JournalFixture {
 protected:
  ServeAndMarkTest() { options_.when_full = WhenFull::kServeAndMark; }

  static v1::AuditRecord Long() { return Retrieval(std::string(1000, 'x')); }
  static bool Counts(Journal& journal, uint64_t more) {
    const uint64_t before = journal.room().unrecorded;
    for (uint64_t i = 0; i < more; ++i) {
      if (!journal.AppendAndWait(Long()).ok()) return false;
    }
    return journal.room().unrecorded == before + more;
  }
  // Until the first record was only counted.
  static void FillUp(Journal& journal) {
    Disk().full = true;
    while (journal.room().unrecorded == 0) {
      const absl::Status status = journal.AppendAndWait(Long());
      ASSERT_TRUE(status.ok()) << status;
    }
  }
  void RoomAgain(Journal& journal) {
    Disk().full = false;
    clock_.Advance(std::chrono::seconds(2));
    ASSERT_TRUE(journal.AppendAndWait(Long()).ok());
    // The record that found no room may still have been counted; its own try has made room.
    while (journal.room().unrecorded > 0) ASSERT_TRUE(journal.AppendAndWait(Long()).ok());
  }
  static std::vector<v1::AuditRecord> Marks(const Journal& journal) {
    std::vector<v1::AuditRecord> marks;
    const auto all = journal.Read(1, 100'000, 64 << 20);
    EXPECT_TRUE(all.ok()) << all.status();
    for (const v1::AuditRecord& record : all->records()) {
      if (record.operation() == kUnrecordedOperation) marks.push_back(record);
    }
    return marks;
  }
  std::string CountPath() const { return options_.path + "/unrecorded"; }

  const crypto::Mac key_ = JournalKey();
};

TEST_F(ServeAndMarkTest, ServesOnAndMarksOnceThereIsRoom) {
  const auto journal = MustOpen();
  FillUp(*journal);
  const uint64_t head = journal->head();
  EXPECT_TRUE(Counts(*journal, 20));
  v1::AuditRecord write = Long();
  write.set_operation("account.set_password");
  EXPECT_TRUE(journal->AppendAndWait(write).ok());
  EXPECT_EQ(journal->head(), head);
  EXPECT_TRUE(Marks(*journal).empty());
  const uint64_t counted = journal->room().unrecorded;
  EXPECT_EQ(journal->write_failures(), counted);
  RoomAgain(*journal);
  const auto marks = Marks(*journal);
  ASSERT_EQ(marks.size(), 1u);
  EXPECT_EQ(marks[0].repeated(), counted);
  EXPECT_THAT(marks[0].reason(), HasSubstr("and 1 other requests"));
  EXPECT_EQ(journal->room().unrecorded, 0u);
  EXPECT_FALSE(Report().first_break.has_value());
}

TEST_F(ServeAndMarkTest, TheCountOutlivesTheProcess) {
  uint64_t counted = 0;
  {
    const auto journal = MustOpen();
    FillUp(*journal);
    EXPECT_TRUE(Counts(*journal, 5));
    counted = journal->room().unrecorded;
  }
  Disk().full = false;
  clock_.Advance(std::chrono::seconds(2));
  const auto journal = MustOpen();
  while (journal->room().unrecorded > 0) ASSERT_TRUE(journal->AppendAndWait(Long()).ok());
  const auto marks = Marks(*journal);
  ASSERT_EQ(marks.size(), 1u);
  EXPECT_EQ(marks[0].repeated(), counted);
}

// Killed between the announcement of the mark and the mark itself, and between that and its end.
TEST_F(ServeAndMarkTest, AKillAroundTheMarkCountsNeitherTwiceNorNever) {
  for (const uint64_t announced : {uint64_t{4}, uint64_t{3}}) {
    std::filesystem::remove_all(options_.path);
    { Add(*MustOpen(), 3); }
    {
      auto file = UnrecordedFile::Open(CountPath(), key_);
      ASSERT_TRUE(file.ok()) << file.status();
      ASSERT_TRUE((*file)->Save({.retrievals = 7, .marker = announced}).ok());
    }
    const auto journal = MustOpen();
    Add(*journal, 1);
    while (journal->room().unrecorded > 0) Add(*journal, 1);
    const auto marks = Marks(*journal);
    EXPECT_EQ(marks.size(), announced == 4 ? 1u : 0u);
    for (const auto& mark : marks) EXPECT_EQ(mark.repeated(), 7u);
  }
}

TEST_F(ServeAndMarkTest, RefuseMeansRefuse) {
  options_.when_full = WhenFull::kRefuse;
  const auto journal = MustOpen();
  Disk().full = true;
  absl::Status status;
  while ((status = journal->AppendAndWait(Long())).ok()) {
  }
  EXPECT_EQ(vault::RefusalOf(status), vault::Refusal::kAuditUnavailable) << status;
  EXPECT_EQ(journal->room().unrecorded, 0u);
  EXPECT_EQ(journal->write_failures(), 1u);
}

TEST_F(ServeAndMarkTest, ACountThatCannotBeKeptIsRefused) {
  const auto journal = MustOpen();
  FillUp(*journal);
  Disk().sync_fails = true;
  const absl::Status status = journal->AppendAndWait(Long());
  EXPECT_EQ(vault::RefusalOf(status), vault::Refusal::kAuditUnavailable) << status;
  EXPECT_FALSE(journal->failure().ok());
  Disk().sync_fails = false;
  const uint64_t counted = journal->room().unrecorded;
  EXPECT_EQ(vault::RefusalOf(journal->AppendAndWait(Long())), vault::Refusal::kAuditUnavailable);
  EXPECT_EQ(journal->room().unrecorded, counted);
}

TEST_F(ServeAndMarkTest, ATornSlotLeavesTheCountBefore) {
  {
    auto file = UnrecordedFile::Open(root_ + "/count", key_);
    ASSERT_TRUE(file.ok()) << file.status();
    ASSERT_TRUE((*file)->Save({.retrievals = 1}).ok());
    ASSERT_TRUE((*file)->Save({.retrievals = 2}).ok());
  }
  std::string bytes = *ReadFile(root_ + "/count", 1 << 20);
  bytes[30] ^= 1;  // The second save is in the first slot.
  ASSERT_TRUE(WriteFileAtomic(root_ + "/count", bytes, 0600).ok());
  auto file = UnrecordedFile::Open(root_ + "/count", key_);
  ASSERT_TRUE(file.ok()) << file.status();
  EXPECT_EQ((*file)->count().retrievals, 1u);
  bytes[4096 + 30] ^= 1;
  ASSERT_TRUE(WriteFileAtomic(root_ + "/count", bytes, 0600).ok());
  EXPECT_EQ(UnrecordedFile::Open(root_ + "/count", key_).status().code(),
            absl::StatusCode::kDataLoss);
}

}  // namespace
}  // namespace holdfast::audit
