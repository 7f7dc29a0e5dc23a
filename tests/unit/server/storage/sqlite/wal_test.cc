// The WAL under steady writes: begun anew in the blocks it has, and cut when it has grown too long.
#include <chrono>
#include <thread>

#include "tests/support/real_clock.h"
#include "tests/unit/server/storage/sqlite/sqlite_fixture.h"

namespace holdfast::storage::sqlite {
namespace {

constexpr uint64_t kRestartAbove = 256 << 10;

class WalTest : public SqliteFixture {
 protected:
  WalTest() {
    auto store = SqliteStore::Open({.path = path(), .wal_restart_above_bytes = kRestartAbove});
    EXPECT_TRUE(store.ok()) << store.status();
    store_ = *std::move(store);
  }
  void Append(size_t bytes) {
    const EntryPtr entry = EntryAt(++seq_);
    const v1::RowChange change = Put(AccountRow(seq_ % 100 + 1, std::string(bytes, 'x')));
    const v1::RowChange* const rows[] = {&change};
    const absl::Status status =
        store_->Append({.entries = {&entry, 1}, .rows = rows, .applied = AppliedAt(entry)});
    ASSERT_TRUE(status.ok()) << status;
  }
  // True when `reached` became so between two writes, within 30 s of them.
  bool WriteUntil(const std::function<bool()>& reached) {
    const RealClock clock;
    const MonoTime end = clock.Mono() + std::chrono::seconds(30);
    while (!reached()) {
      if (HasFailure() || clock.Mono() > end) return false;
      Append(1000);
    }
    return true;
  }
  uint64_t WalBytes() const { return std::filesystem::file_size(path() + "-wal"); }

  std::unique_ptr<SqliteStore> store_;
  uint64_t seq_ = 0;
};

TEST_F(WalTest, BeginsAnewWithoutGivingItsBlocksBack) {
  ASSERT_TRUE(WriteUntil([&] { return WalBytes() > kRestartAbove; }));
  // The header's count of restarts: https://www.sqlite.org/fileformat.html, section 4.1.
  const auto restarts = [&] { return Bytes(path() + "-wal").substr(12, 4); };
  for (int i = 0; i < 3; ++i) {
    const std::string before = restarts();
    ASSERT_TRUE(WriteUntil([&] {
      EXPECT_GT(WalBytes(), kRestartAbove);
      return restarts() != before;
    }));
  }
  store_.reset();
  EXPECT_EQ(LastSeq(), seq_);
}

TEST_F(WalTest, IsCutWhenOneTransactionMadeItLong) {
  Append(8 << 20);
  ASSERT_GT(WalBytes(), uint64_t{8 << 20});
  EXPECT_TRUE(WriteUntil([&] { return WalBytes() <= 2 * kRestartAbove; })) << WalBytes();
  store_.reset();
  EXPECT_EQ(LastSeq(), seq_);
}

// Longer than its frames, so that commits overwrite it; and no longer than it may get anyway.
TEST_F(WalTest, IsMadeLongerAheadOfItsFrames) {
  const uint64_t most = kRestartAbove / 8 * 9;
  Append(1000);
  const RealClock clock;
  const MonoTime end_of_wait = clock.Mono() + std::chrono::seconds(30);
  while (WalBytes() < most && clock.Mono() < end_of_wait) {
    std::this_thread::yield();
  }
  ASSERT_EQ(WalBytes(), most);
  const std::string end = Bytes(path() + "-wal").substr(most - 4096);
  EXPECT_EQ(end, std::string(4096, '\0'));
  // A node that was killed: what is behind the last frame says nothing.
  const std::string left = path() + ".left";
  for (const char* suffix : {"", "-wal"}) {
    std::filesystem::copy_file(path() + suffix, left + suffix);
  }
  auto opened = SqliteStore::Open({.path = left, .wal_restart_above_bytes = kRestartAbove});
  ASSERT_TRUE(opened.ok()) << opened.status();
  EXPECT_EQ((*opened)->Load([](auto&&) { return absl::OkStatus(); })->last.seq, seq_);
}

}  // namespace
}  // namespace holdfast::storage::sqlite
