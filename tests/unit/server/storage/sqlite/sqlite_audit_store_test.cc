#include "server/storage/sqlite/sqlite_audit_store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>

#include "tests/support/audit_records.h"

namespace holdfast::storage::sqlite {
namespace {

using testing::HasSubstr;

class SqliteAuditStoreTest : public testing::Test {
 protected:
  SqliteAuditStoreTest() {
    std::string name = testing::TempDir() + "holdfast-audit-XXXXXX";
    folder_ = mkdtemp(name.data());
    Reopen();
  }
  ~SqliteAuditStoreTest() override {
    store_.reset();
    std::filesystem::remove_all(folder_);
  }
  std::string path() const { return folder_ + "/audit.db"; }
  void Reopen() {
    store_.reset();
    auto opened = SqliteAuditStore::Open({.path = path()});
    ASSERT_TRUE(opened.ok()) << opened.status();
    store_ = *std::move(opened);
  }
  void MustAdd(const v1::AuditRecords& records) {
    const absl::Status status = store_->Add(records);
    ASSERT_TRUE(status.ok()) << status;
  }
  std::string folder_;
  std::unique_ptr<SqliteAuditStore> store_;
};

TEST_F(SqliteAuditStoreTest, ADiskThatIsNearlyFullTakesNoCopies) {
  store_.reset();
  auto opened = SqliteAuditStore::Open({.path = path(), .free_bytes_min = uint64_t{1} << 60});
  ASSERT_TRUE(opened.ok()) << opened.status();
  EXPECT_EQ((*opened)->Add(AuditRecordsOf("a", 1, 1)).code(), absl::StatusCode::kResourceExhausted);
}

TEST_F(SqliteAuditStoreTest, ANewerSchemaIsRefusedAndLeftAsItIs) {
  MustAdd(AuditRecordsOf("a", 1, 3));
  store_.reset();
  {
    auto connection = Connection::Open(path(), Connection::Journal::kWal);
    ASSERT_TRUE(connection.ok()) << connection.status();
    ASSERT_TRUE((*connection)->Execute("PRAGMA user_version=7").ok());
  }
  const absl::Status status = SqliteAuditStore::Open({.path = path()}).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(status.message()), HasSubstr("7"));
  {
    auto connection = Connection::Open(path(), Connection::Journal::kWal);
    ASSERT_TRUE((*connection)->Execute("PRAGMA user_version=1").ok());
  }
  Reopen();
  EXPECT_EQ(store_->List({})->records.size(), 3u);
}

}  // namespace
}  // namespace holdfast::storage::sqlite
