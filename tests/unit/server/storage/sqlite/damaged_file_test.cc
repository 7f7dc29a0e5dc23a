// A file that is damaged, cut, foreign or newer is refused by name and left as it was found.
#include "server/storage/sqlite/sqlite_audit_store.h"
#include "tests/unit/server/storage/sqlite/sqlite_fixture.h"

namespace holdfast::storage::sqlite {
namespace {

using absl::StatusCode;
using testing::HasSubstr;

constexpr size_t kPageBytes = 4096;

class DamagedFileTest : public SqliteFixture {
 protected:
  void ExpectRefused(const std::string& bytes, const std::string& words) const {
    Write(path(), bytes);
    const absl::Status status = Open().status();
    EXPECT_EQ(status.code(), StatusCode::kDataLoss) << status;
    EXPECT_THAT(std::string(status.message()), HasSubstr(path()));
    EXPECT_THAT(std::string(status.message()), HasSubstr(words));
    EXPECT_THAT(std::string(status.message()), HasSubstr("nothing was changed"));
    EXPECT_EQ(Bytes(path()), bytes);
  }
};

TEST_F(DamagedFileTest, ACutFile) {
  MakeStore(50);
  const std::string whole = Bytes(path());
  ASSERT_GT(whole.size(), 4 * kPageBytes);
  for (const size_t size :
       {size_t{0}, size_t{50}, kPageBytes, whole.size() / 2, whole.size() - 1}) {
    ExpectRefused(whole.substr(0, size), "cut");
  }
  Write(path(), whole);
  EXPECT_EQ(LastSeq(), 50u);
}

TEST_F(DamagedFileTest, AFlippedBitInThePlanOfAnyPage) {
  MakeStore(50);
  const std::string whole = Bytes(path());
  for (size_t page = 0; page < whole.size() / kPageBytes; ++page) {
    std::string bytes = whole;
    bytes[page * kPageBytes + (page == 0 ? 100 : 0)] ^= 0x04;  // the type of the page
    ExpectRefused(bytes, "");
  }
  Write(path(), whole);
  EXPECT_EQ(LastSeq(), 50u);
}

TEST_F(DamagedFileTest, AFileThatIsNoDatabase) {
  ExpectRefused(std::string(2 * kPageBytes, 'x'), "not a SQLite file");
}

TEST_F(DamagedFileTest, ADatabaseOfSomebodyElse) {
  ASSERT_TRUE(SqliteAuditStore::Open({.path = path()}).ok());
  ExpectRefused(Bytes(path()), "not a store of holdfast");
}

TEST_F(DamagedFileTest, AWalWithoutItsDatabase) {
  Write(path() + "-wal", "frames");
  const absl::Status status = Open().status();
  EXPECT_EQ(status.code(), StatusCode::kDataLoss) << status;
  EXPECT_FALSE(FileExists(path()));
  EXPECT_EQ(Bytes(path() + "-wal"), "frames");
}

TEST_F(DamagedFileTest, ANewerSchemaLosesNothing) {
  MakeStore(3);
  {
    auto connection = Connection::Open(path(), Connection::Journal::kWal);
    ASSERT_TRUE((*connection)->Execute("PRAGMA user_version=9").ok());
    ASSERT_TRUE((*connection)->Checkpoint(CheckpointMode::kTruncate).ok());
  }
  const std::string bytes = Bytes(path());
  const absl::Status status = Open().status();
  EXPECT_EQ(status.code(), StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(status.message()), HasSubstr("9"));
  EXPECT_EQ(Bytes(path()), bytes);
}

}  // namespace
}  // namespace holdfast::storage::sqlite
