#ifndef HOLDFAST_TESTS_UNIT_SERVER_STORAGE_SQLITE_SQLITE_FIXTURE_H_
#define HOLDFAST_TESTS_UNIT_SERVER_STORAGE_SQLITE_SQLITE_FIXTURE_H_

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <memory>
#include <string>

#include "server/base/file.h"
#include "server/storage/sqlite/connection.h"
#include "server/storage/sqlite/sqlite_store.h"
#include "tests/conformance/store_medium.h"

namespace holdfast::storage::sqlite {

class SqliteFixture : public testing::Test {
 protected:
  SqliteFixture() {
    std::string name = testing::TempDir() + "holdfast-sqlite-XXXXXX";
    folder_ = mkdtemp(name.data());
  }
  ~SqliteFixture() override { std::filesystem::remove_all(folder_); }

  std::string path() const { return folder_ + "/store.db"; }
  absl::StatusOr<std::unique_ptr<SqliteStore>> Open() const {
    return SqliteStore::Open({.path = path()});
  }
  std::unique_ptr<SqliteStore> MustOpen() const {
    auto store = Open();
    EXPECT_TRUE(store.ok()) << store.status();
    return store.ok() ? *std::move(store) : nullptr;
  }
  // A store with `count` entries, each with an account; closed, so that its WAL is empty.
  void MakeStore(uint64_t count) const {
    const auto store = MustOpen();
    for (uint64_t seq = 1; seq <= count; ++seq) {
      const EntryPtr entry = EntryAt(seq);
      const v1::RowChange change = Put(AccountRow(seq, "account " + std::to_string(seq)));
      const v1::RowChange* const rows[] = {&change};
      const absl::Status status =
          store->Append({.entries = {&entry, 1}, .rows = rows, .applied = AppliedAt(entry)});
      ASSERT_TRUE(status.ok()) << status;
    }
  }
  uint64_t LastSeq() const {
    const auto store = MustOpen();
    if (store == nullptr) return 0;
    const auto loaded = store->Load([](v1::Row&&) { return absl::OkStatus(); });
    EXPECT_TRUE(loaded.ok()) << loaded.status();
    return loaded.ok() ? loaded->last.seq : 0;
  }
  static std::string Bytes(const std::string& path) {
    const auto bytes = ReadFile(path, 1 << 30);
    EXPECT_TRUE(bytes.ok()) << bytes.status();
    return bytes.value_or("");
  }
  static void Write(const std::string& path, const std::string& bytes) {
    const absl::Status status = WriteFileAtomic(path, bytes, 0600);
    ASSERT_TRUE(status.ok()) << status;
  }

  std::string folder_;
};

}  // namespace holdfast::storage::sqlite

#endif  // HOLDFAST_TESTS_UNIT_SERVER_STORAGE_SQLITE_SQLITE_FIXTURE_H_
