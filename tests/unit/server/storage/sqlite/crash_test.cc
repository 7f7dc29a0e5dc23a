// What a crash leaves: a WAL that is torn at any place, a process that was killed, half a creation.
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "server/storage/sqlite/store_tables.h"
#include "tests/unit/server/storage/sqlite/sqlite_fixture.h"

namespace holdfast::storage::sqlite {
namespace {

class CrashTest : public SqliteFixture {};

TEST_F(CrashTest, ATornWalLosesTheLastTransactionOnly) {
  MakeStore(2);
  size_t before_last = 0;
  {
    // Without a checkpoint thread: all of it stays in the WAL.
    auto connection = Connection::Open(path(), Connection::Journal::kWal);
    ASSERT_TRUE(connection.ok()) << connection.status();
    for (uint64_t seq = 3; seq <= 4; ++seq) {
      before_last = seq == 4 ? Bytes(path() + "-wal").size() : 0;
      bool commit_failed = false;
      ASSERT_TRUE(
          (*connection)
              ->Transact([&] { return InsertEntry(**connection, *EntryAt(seq)); }, &commit_failed)
              .ok());
    }
  }
  const std::string database = Bytes(path());
  const std::string wal = Bytes(path() + "-wal");
  ASSERT_GT(wal.size(), before_last);
  ASSERT_GT(before_last, 0u);
  for (size_t cut = before_last; cut <= wal.size(); cut += cut + 97 < wal.size() ? 97 : 1) {
    Write(path(), database);
    Write(path() + "-wal", wal.substr(0, cut));
    std::filesystem::remove(path() + "-shm");
    ASSERT_EQ(LastSeq(), cut == wal.size() ? 4u : 3u) << "cut at " << cut;
  }
}

// As after a kill: the files as they are while rows are staged.
TEST_F(CrashTest, WhatWasStagedIsRemovedByTheNextOpening) {
  MakeStore(2);
  const std::string copy = folder_ + "/copy.db";
  {
    const auto store = MustOpen();
    const auto staged = store->StageRows();
    ASSERT_TRUE(staged.ok()) << staged.status();
    const v1::Row row = AccountRow(1, "new");
    ASSERT_TRUE((*staged)->Apply({{{.key = KeyOf(row), .row = row}}}).ok());
    for (const char* suffix : {"", "-wal"}) {
      std::filesystem::copy_file(path() + suffix, copy + suffix);
    }
  }
  const auto tables = [](const std::string& file) -> int64_t {
    const auto connection = Connection::Open(file, Connection::Journal::kWal);
    return *(*connection)->ReadInt("SELECT count(*) FROM sqlite_schema WHERE name GLOB 'staged_*'");
  };
  EXPECT_EQ(tables(path()), 0) << "they are left by a stop";
  EXPECT_GT(tables(copy), 0) << "the copy shows nothing";
  std::filesystem::remove(copy + "-shm");
  {
    const auto opened = SqliteStore::Open({.path = copy});
    ASSERT_TRUE(opened.ok()) << opened.status();
    std::vector<std::string> names;
    ASSERT_TRUE((*opened)
                    ->Load([&names](v1::Row&& row) {
                      names.push_back(row.account().name());
                      return absl::OkStatus();
                    })
                    .ok());
    EXPECT_THAT(names, testing::UnorderedElementsAre("account 1", "account 2"));
  }
  EXPECT_EQ(tables(copy), 0);
}

// The child tells each seq that Append has told to be durable; then it is killed.
TEST_F(CrashTest, WhatAKilledProcessWasToldIsThere) {
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    const auto store = Open();
    for (uint64_t seq = 1; store.ok(); ++seq) {
      const EntryPtr entry = EntryAt(seq);
      if (!(*store)->Append({.entries = {&entry, 1}, .applied = AppliedAt(entry)}).ok()) break;
      if (write(ends[1], &seq, sizeof(seq)) != sizeof(seq)) break;
    }
    _exit(1);
  }
  close(ends[1]);
  uint64_t told = 0;
  while (told < 100 && read(ends[0], &told, sizeof(told)) == sizeof(told)) {
  }
  kill(child, SIGKILL);
  while (read(ends[0], &told, sizeof(told)) == sizeof(told)) {
  }
  close(ends[0]);
  ASSERT_EQ(waitpid(child, nullptr, 0), child);
  ASSERT_GE(told, 100u);
  const uint64_t last = LastSeq();
  EXPECT_GE(last, told);
  EXPECT_LE(last, told + 1);
}

TEST_F(CrashTest, HalfACreationIsNotInTheWay) {
  Write(path() + ".new", "half");
  Write(path() + ".new-journal", "half");
  MakeStore(1);
  EXPECT_EQ(LastSeq(), 1u);
  EXPECT_FALSE(FileExists(path() + ".new"));
}

TEST_F(CrashTest, OnlyTheOwnerReadsTheFile) {
  MakeStore(1);
  struct stat info {};
  ASSERT_EQ(stat(path().c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777u, 0600u);
}

}  // namespace
}  // namespace holdfast::storage::sqlite
