// A file system that is really full: a small one in memory, mounted where only this process sees
// it.
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

#include "tests/unit/server/storage/sqlite/sqlite_fixture.h"

namespace holdfast::storage::sqlite {
namespace {

using testing::HasSubstr;

bool OwnMounts() {
  static const bool own =
      unshare(CLONE_NEWNS) == 0 && mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0;
  return own;
}

class FullDiskTest : public SqliteFixture {
 protected:
  void SetUp() override {
    if (!OwnMounts()) {
      GTEST_SKIP() << "needs the right to mount (CAP_SYS_ADMIN): " << strerror(errno);
    }
    ASSERT_EQ(mount("none", folder_.c_str(), "tmpfs", 0, "size=4m"), 0) << strerror(errno);
  }
  void TearDown() override { umount2(folder_.c_str(), MNT_DETACH); }

  // Without the margin that refuses earlier: SQLite itself meets the end of the disk.
  std::unique_ptr<SqliteStore> MustOpenBare() {
    auto store = SqliteStore::Open({.path = path(), .free_bytes_min = 0});
    EXPECT_TRUE(store.ok()) << store.status();
    return store.ok() ? *std::move(store) : nullptr;
  }
  // To the last byte.
  void Fill() {
    const UniqueFd fd(open(filler().c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600));
    for (size_t step = 64 << 10; step > 0; step /= 2) {
      const std::string bytes(step, 'f');
      while (write(fd.get(), bytes.data(), bytes.size()) > 0) {
      }
    }
  }
  void GiveBack() { ASSERT_EQ(unlink(filler().c_str()), 0); }

  // An entry with a row of that size.
  absl::Status Append(SqliteStore& store, uint64_t seq, size_t bytes = 100) {
    const EntryPtr entry = EntryAt(seq);
    const v1::RowChange change = Put(AccountRow(seq, std::string(bytes, 'x')));
    const v1::RowChange* const rows[] = {&change};
    return store.Append({.entries = {&entry, 1},
                         .rows = rows,
                         .applied = AppliedAt(entry),
                         .facts = {{"promise", std::to_string(seq)}}});
  }
  // Appends until there is no room; the first seq that is not there.
  uint64_t AppendUntilFull(SqliteStore& store, uint64_t seq, size_t bytes) {
    for (; seq < 1000; ++seq) {
      const absl::Status status = Append(store, seq, bytes);
      if (status.ok()) continue;
      EXPECT_TRUE(absl::IsResourceExhausted(status)) << status;
      return seq;
    }
    ADD_FAILURE() << "the disk does not get full";
    return seq;
  }
  static uint64_t LastOf(SqliteStore& store) {
    const auto loaded = store.Load([](v1::Row&&) { return absl::OkStatus(); });
    EXPECT_TRUE(loaded.ok()) << loaded.status();
    return loaded.ok() ? loaded->last.seq : 0;
  }
  // What a start finds when the process is killed now, and the disk has room.
  uint64_t LastAfterKill() {
    std::string copy = testing::TempDir() + "holdfast-copy-XXXXXX";
    const std::string folder = mkdtemp(copy.data());
    for (const char* suffix : {"", "-wal"}) {
      std::filesystem::copy_file(path() + suffix, folder + "/store.db" + suffix);
    }
    uint64_t last = 0;
    {
      auto store = SqliteStore::Open({.path = folder + "/store.db", .free_bytes_min = 0});
      EXPECT_TRUE(store.ok()) << store.status();
      if (store.ok()) {
        last = LastOf(**store);
        EXPECT_EQ(*(*store)->GetFact("promise"), std::to_string(last));
      }
    }
    std::filesystem::remove_all(folder);
    return last;
  }

  std::string filler() const { return folder_ + "/filler"; }
};

TEST_F(FullDiskTest, AnAppendWithoutRoomChangesNothingAndGoesOnOnceThereIsRoom) {
  for (const size_t bytes : {100, 5'000, 200'000}) {
    SCOPED_TRACE(bytes);
    const auto store = MustOpenBare();
    ASSERT_NE(store, nullptr);
    const uint64_t first = LastOf(*store) + 1;
    ASSERT_TRUE(Append(*store, first).ok());
    Fill();
    const uint64_t refused = AppendUntilFull(*store, first + 1, bytes);
    for (int again = 0; again < 3; ++again) {
      EXPECT_TRUE(absl::IsResourceExhausted(Append(*store, refused, bytes)));
    }
    EXPECT_TRUE(store->failure().ok()) << store->failure();
    EXPECT_EQ(LastOf(*store), refused - 1);
    EXPECT_EQ(*store->GetFact("promise"), std::to_string(refused - 1));
    EXPECT_EQ(LastAfterKill(), refused - 1);
    GiveBack();
    const absl::Status status = Append(*store, refused, bytes);
    EXPECT_TRUE(status.ok()) << status;
    EXPECT_EQ(LastOf(*store), refused);
    EXPECT_EQ(LastAfterKill(), refused);
  }
  const auto store = MustOpenBare();
  EXPECT_TRUE(Append(*store, LastOf(*store) + 1).ok());
}

TEST_F(FullDiskTest, ASnapshotWithoutRoomChangesNothing) {
  const auto store = MustOpenBare();
  for (uint64_t seq = 1; seq <= 10; ++seq) ASSERT_TRUE(Append(*store, seq).ok());
  const auto install = [&](uint64_t rows) {
    uint64_t id = 0;
    const auto next = [&]() -> absl::StatusOr<std::optional<v1::Row>> {
      if (id == rows) return std::optional<v1::Row>();
      return std::optional<v1::Row>(AccountRow(++id, std::string(4000, 's')));
    };
    return store->ReplaceBySnapshot(next, AppliedAt(EntryAt(500)), {.number = 1, .node_id = "n1"},
                                    {{"promise", "500"}});
  };
  EXPECT_TRUE(absl::IsResourceExhausted(install(30'000)));
  EXPECT_TRUE(store->failure().ok()) << store->failure();
  EXPECT_EQ(LastOf(*store), 10u);
  EXPECT_EQ(LastAfterKill(), 10u);
  const absl::Status status = Append(*store, 11);  // The WAL has room: it has become long.
  EXPECT_TRUE(status.ok()) << status;
  ASSERT_TRUE(install(50).ok());
  EXPECT_EQ(LastOf(*store), 500u);
}

TEST_F(FullDiskTest, StagedRowsWithoutRoomChangeNothingAndGo) {
  auto opened = SqliteStore::Open(
      {.path = path(), .free_bytes_min = 1 << 20, .wal_restart_above_bytes = 128 << 10});
  ASSERT_TRUE(opened.ok()) << opened.status();
  const auto store = *std::move(opened);
  Write(filler(), std::string(2 << 20, 'f'));  // what came of the snapshot
  for (uint64_t seq = 1; seq <= 10; ++seq) ASSERT_TRUE(Append(*store, seq).ok());
  const auto stage = [&](uint64_t rows) -> absl::Status {
    const auto staged = store->StageRows();
    if (!staged.ok()) return staged.status();
    for (uint64_t id = 1; id <= rows; ++id) {
      const v1::Row row = AccountRow(id, std::string(4000, 's'));
      const absl::Status applied = (*staged)->Apply({{{.key = KeyOf(row), .row = row}}});
      if (!applied.ok()) return applied;
    }
    return store->ReplaceByStaged(**staged, AppliedAt(EntryAt(500)), {.number = 1, .node_id = "n1"},
                                  {{"promise", "500"}});
  };
  EXPECT_TRUE(absl::IsResourceExhausted(stage(30'000)));
  EXPECT_TRUE(store->failure().ok()) << store->failure();
  EXPECT_EQ(LastOf(*store), 10u);
  EXPECT_EQ(LastAfterKill(), 10u);
  GiveBack();
  const absl::Status placed = stage(50);
  ASSERT_TRUE(placed.ok()) << placed;
  EXPECT_EQ(LastOf(*store), 500u);
  EXPECT_EQ(LastAfterKill(), 500u);
}

// The WAL cannot be emptied into a database that cannot grow; nothing is lost by that.
TEST_F(FullDiskTest, ACheckpointWithoutRoomIsTriedAgain) {
  uint64_t last = 0;
  {
    const auto store = MustOpenBare();
    const uint64_t refused = AppendUntilFull(*store, 1, 20'000);
    Fill();
    last = refused - 1;
  }  // Closing tries a checkpoint, too.
  GiveBack();
  const auto store = MustOpenBare();
  EXPECT_EQ(LastOf(*store), last);
  EXPECT_TRUE(store->failure().ok()) << store->failure();
  const absl::Status status = Append(*store, last + 1);
  EXPECT_TRUE(status.ok()) << status;
}

TEST_F(FullDiskTest, TheUsualMarginRefusesBeforeAnythingIsWritten) {
  { ASSERT_TRUE(Append(*MustOpenBare(), 1).ok()); }
  auto store = SqliteStore::Open({.path = path(), .free_bytes_min = 1 << 20});
  ASSERT_TRUE(store.ok()) << store.status();
  Fill();
  const absl::Status status = Append(**store, 2);
  EXPECT_TRUE(absl::IsResourceExhausted(status)) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr("bytes are free on its file system"));
  EXPECT_EQ(LastOf(**store), 1u);
  GiveBack();
  EXPECT_TRUE(Append(**store, 2).ok());
}

TEST_F(FullDiskTest, AStartWithoutRoomSaysSo) {
  { ASSERT_TRUE(Append(*MustOpenBare(), 1).ok()); }
  ASSERT_TRUE(std::filesystem::remove(path() + "-shm"));  // As after a restore.
  Fill();
  {
    const auto store = SqliteStore::Open({.path = path(), .free_bytes_min = 0});
    EXPECT_TRUE(absl::IsResourceExhausted(store.status())) << store.status();
  }
  GiveBack();
  EXPECT_EQ(LastOf(*MustOpenBare()), 1u);
}

}  // namespace
}  // namespace holdfast::storage::sqlite
