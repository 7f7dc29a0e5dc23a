#ifndef HOLDFAST_TESTS_UNIT_SERVER_AUDIT_JOURNAL_FIXTURE_H_
#define HOLDFAST_TESTS_UNIT_SERVER_AUDIT_JOURNAL_FIXTURE_H_

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <memory>
#include <string>

#include "server/audit/journal.h"
#include "server/base/file.h"
#include "server/base/secret_bytes.h"
#include "tests/support/manual_clock.h"
#include "tests/unit/server/audit/disk_faults.h"

namespace holdfast::audit {

inline crypto::Mac JournalKey(char byte = 'j') {
  return crypto::Mac(SecretBytes::CopyOf(std::string(32, byte)));
}

inline v1::AuditRecord Retrieval(const std::string& account) {
  v1::AuditRecord record;
  record.set_operation("account.retrieve");
  record.set_result(v1::AUDIT_RESULT_OK);
  record.set_account_name(account);
  record.set_source("192.0.2.7");
  return record;
}

class JournalFixture : public testing::Test {
 protected:
  JournalFixture() {
    std::string name = testing::TempDir() + "holdfast-journal-XXXXXX";
    root_ = mkdtemp(name.data());
    options_.path = root_ + "/journal";
    options_.node_id = "node-a";
    options_.segment_bytes = kSegmentBytesMin;
    options_.bytes_max = 16 * kSegmentBytesMin;
  }
  ~JournalFixture() override {
    Disk().sync_fails = false;
    Disk().full = false;
    std::filesystem::remove_all(root_);
  }

  absl::StatusOr<std::unique_ptr<Journal>> Open() const {
    return Journal::Open(options_, JournalKey(), clock_);
  }
  std::unique_ptr<Journal> MustOpen() const {
    auto journal = Open();
    EXPECT_TRUE(journal.ok()) << journal.status();
    return journal.ok() ? *std::move(journal) : nullptr;
  }
  // Each in a group of its own.
  static void Add(Journal& journal, int count) {
    for (int i = 0; i < count; ++i) {
      const absl::Status status = journal.AppendAndWait(Retrieval("root"));
      ASSERT_TRUE(status.ok()) << status;
    }
  }
  // In few groups.
  static void AddMany(Journal& journal, int count) {
    for (int i = 1; i < count; ++i) {
      journal.Append(Retrieval("root"),
                     [](const absl::Status& status) { EXPECT_TRUE(status.ok()) << status; });
    }
    Add(journal, 1);
  }
  JournalReport Report() const {
    const auto report = VerifyJournal(options_.path, options_.node_id, JournalKey());
    EXPECT_TRUE(report.ok()) << report.status();
    return report.ok() ? *report : JournalReport();
  }
  std::string SegmentName(uint64_t first) const {
    std::string digits = std::to_string(first);
    return options_.path + "/" + std::string(20 - digits.size(), '0') + digits + ".segment";
  }
  std::string BytesOf(uint64_t first) const {
    const auto bytes = ReadFile(SegmentName(first), 1 << 30);
    EXPECT_TRUE(bytes.ok()) << bytes.status();
    return bytes.value_or("");
  }
  void Replace(uint64_t first, const std::string& bytes) const {
    const absl::Status status = WriteFileAtomic(SegmentName(first), bytes, 0600);
    ASSERT_TRUE(status.ok()) << status;
  }

  std::string root_;
  JournalOptions options_;
  ManualClock clock_;
};

}  // namespace holdfast::audit

#endif  // HOLDFAST_TESTS_UNIT_SERVER_AUDIT_JOURNAL_FIXTURE_H_
