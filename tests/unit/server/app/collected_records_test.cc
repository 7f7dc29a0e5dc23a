#include "server/app/collected_records.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>

#include "server/storage/sqlite/sqlite_audit_store.h"
#include "tests/support/audit_records.h"
#include "tests/support/manual_clock.h"

namespace holdfast::app {
namespace {

using std::chrono::hours;

class CollectedRecordsTest : public ::testing::Test {
 protected:
  CollectedRecordsTest() {
    std::string name = testing::TempDir() + "holdfast-collected-XXXXXX";
    folder_ = mkdtemp(name.data());
    auto store = storage::sqlite::SqliteAuditStore::Open({.path = folder_ + "/audit.db"});
    EXPECT_TRUE(store.ok()) << store.status();
    store_ = *std::move(store);
  }
  ~CollectedRecordsTest() override { std::filesystem::remove_all(folder_); }

  void Add(uint64_t first, uint64_t last, hours age) {
    v1::AuditRecords records;
    for (uint64_t number = first; number <= last; ++number) {
      *records.add_records() = AuditRecordOf("a", number, ToMillis(clock_.Wall() - age));
    }
    ASSERT_TRUE(store_->Add(records).ok());
  }
  size_t Count() { return store_->List({.limit = storage::kAuditPageRecordsMax})->records.size(); }

  ManualClock clock_;
  std::string folder_;
  std::unique_ptr<storage::AuditStore> store_;
};

TEST_F(CollectedRecordsTest, WhatIsTooOldGoesAndTheRestStays) {
  Add(1, 3, hours(24 * 31));
  Add(4, 5, hours(24 * 29));
  CollectedRecords records(*store_, clock_, 30);
  records.Keep();
  EXPECT_EQ(Count(), 2U);
  EXPECT_EQ(*store_->Highest("a"), 5U);
  clock_.Advance(hours(48));
  records.Keep();
  EXPECT_EQ(Count(), 0U);
}

TEST_F(CollectedRecordsTest, ManyGoInOneRunAndARunIsNotAtEveryCall) {
  Add(1, 2 * CollectedRecords::kStepRecords + 1, hours(24 * 31));
  CollectedRecords records(*store_, clock_, 30);
  records.Keep();
  EXPECT_EQ(Count(), 0U);
  Add(10'000, 10'001, hours(24 * 31));
  records.Keep();
  EXPECT_EQ(Count(), 2U);
  clock_.Advance(CollectedRecords::kEvery);
  records.Keep();
  EXPECT_EQ(Count(), 0U);
}

TEST_F(CollectedRecordsTest, JournalsBoundedBySizeAloneBoundTheCopiesAtTenYears) {
  Add(1, 1, hours(24 * 3651));
  Add(2, 2, hours(24 * 3649));
  CollectedRecords(*store_, clock_, 0).Keep();
  EXPECT_EQ(Count(), 1U);
}

}  // namespace
}  // namespace holdfast::app
