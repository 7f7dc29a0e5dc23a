// A journal on a file system that is really full: a small tmpfs in a mount namespace of our own.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <memory>
#include <string>

#include "server/audit/journal.h"
#include "server/base/secret_bytes.h"
#include "server/vault/refusal.h"
#include "tests/support/manual_clock.h"

namespace holdfast::audit {
namespace {

constexpr int kPromised = 8000;  // docs/limits.md
constexpr size_t kRecordBytes = 430;

class FullDiskTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string name = testing::TempDir() + "holdfast-full-XXXXXX";
    root_ = mkdtemp(name.data());
    if (unshare(CLONE_NEWNS) != 0 ||
        mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
        mount("holdfast-test", root_.c_str(), "tmpfs", 0, "size=32m") != 0) {
      ASSERT_EQ(errno, EPERM);
      GTEST_SKIP() << "needs the right to mount";
    }
    mounted_ = true;
    options_.path = root_ + "/journal";
    options_.node_id = "node-a";
  }
  ~FullDiskTest() override {
    journal_.reset();
    if (mounted_) umount(root_.c_str());
    std::filesystem::remove_all(root_);
  }

  void Open() {
    auto opened =
        Journal::Open(options_, crypto::Mac(SecretBytes::CopyOf(std::string(32, 'j'))), clock_);
    ASSERT_TRUE(opened.ok()) << opened.status();
    journal_ = *std::move(opened);
  }
  void FillTheDisk() const {
    const int fd = open(Filler().c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
    ASSERT_GE(fd, 0);
    const std::string bytes(4096, 'f');
    while (write(fd, bytes.data(), bytes.size()) > 0) {
    }
    ASSERT_EQ(errno, ENOSPC);
    close(fd);
  }
  void FreeTheDisk() {
    std::filesystem::remove(Filler());
    clock_.Advance(std::chrono::seconds(2));
  }
  std::string Filler() const { return root_ + "/filler"; }
  static v1::AuditRecord Record() {
    v1::AuditRecord record;
    record.set_operation("account.retrieve");
    record.set_result(v1::AUDIT_RESULT_OK);
    record.set_reason(std::string(kRecordBytes - 80, 'r'));
    return record;
  }
  // How many records were taken, of at most `wanted`.
  int Add(int wanted) {
    for (int i = 0; i < wanted; ++i) {
      last_ = journal_->AppendAndWait(Record());
      if (!last_.ok()) return i;
    }
    return wanted;
  }

  bool mounted_ = false;
  std::string root_;
  JournalOptions options_;
  ManualClock clock_;
  std::unique_ptr<Journal> journal_;
  absl::Status last_;
};

TEST_F(FullDiskTest, TheReserveTakesWhatIsPromisedAndThenItRefuses) {
  ASSERT_NO_FATAL_FAILURE(Open());
  Add(1);
  ASSERT_NO_FATAL_FAILURE(FillTheDisk());
  const int taken = Add(1'000'000);
  EXPECT_GE(taken, kPromised);
  EXPECT_EQ(vault::RefusalOf(last_), vault::Refusal::kAuditUnavailable) << last_;
  EXPECT_TRUE(journal_->room().full);
  EXPECT_TRUE(journal_->failure().ok());
  FreeTheDisk();
  EXPECT_EQ(Add(100), 100) << last_;
  EXPECT_EQ(journal_->head(), static_cast<uint64_t>(taken) + 101);
  EXPECT_FALSE(journal_->room().full);
  const auto report = journal_->Verify();
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_FALSE(report->first_break.has_value());
}

TEST_F(FullDiskTest, ServesOnAndMarksWhenThatIsThePolicy) {
  options_.when_full = WhenFull::kServeAndMark;
  ASSERT_NO_FATAL_FAILURE(Open());
  ASSERT_NO_FATAL_FAILURE(FillTheDisk());
  constexpr int kServed = 30'000;
  EXPECT_EQ(Add(kServed), kServed) << last_;
  const uint64_t counted = journal_->room().unrecorded;
  EXPECT_GT(counted, 0u);
  EXPECT_EQ(journal_->head() + counted, uint64_t{kServed});
  journal_.reset();
  ASSERT_NO_FATAL_FAILURE(Open());  // on the full disk
  EXPECT_EQ(journal_->room().unrecorded, counted);
  FreeTheDisk();
  while (journal_->room().unrecorded > 0) ASSERT_EQ(Add(1), 1) << last_;
  uint64_t marked = 0;
  for (uint64_t next = 1; next <= journal_->head();) {
    const auto page = journal_->Read(next, 1000, 4 << 20);
    ASSERT_TRUE(page.ok()) << page.status();
    for (const v1::AuditRecord& record : page->records()) {
      if (record.operation() == kUnrecordedOperation) marked += record.repeated();
    }
    next += static_cast<uint64_t>(page->records_size());
  }
  EXPECT_GE(marked, counted);
}

TEST_F(FullDiskTest, WithAnotherNodeThatCollectsItNeverEnds) {
  ASSERT_NO_FATAL_FAILURE(Open());
  journal_->SetCollectors({{.name = "own"}, {.name = "b", .keeps = true}});
  Add(kPromised);
  ASSERT_NO_FATAL_FAILURE(FillTheDisk());
  for (int i = 0; i < 6; ++i) {
    journal_->Collected("b", journal_->head());
    clock_.Advance(std::chrono::seconds(2));
    ASSERT_EQ(Add(kPromised), kPromised) << last_;
  }
  EXPECT_GT(journal_->oldest(), 1u);
}

}  // namespace
}  // namespace holdfast::audit
