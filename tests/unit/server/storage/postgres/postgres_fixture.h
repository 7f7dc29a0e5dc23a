#ifndef HOLDFAST_TESTS_UNIT_SERVER_STORAGE_POSTGRES_POSTGRES_FIXTURE_H_
#define HOLDFAST_TESTS_UNIT_SERVER_STORAGE_POSTGRES_POSTGRES_FIXTURE_H_

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "server/storage/postgres/connection_string.h"
#include "server/storage/postgres/postgres_store.h"
#include "server/storage/postgres/session.h"
#include "server/storage/postgres/watchdog.h"
#include "tests/conformance/store_medium.h"
#include "tests/support/private_postgres.h"
#include "tests/support/real_clock.h"
#include "tests/support/socket_proxy.h"

namespace holdfast::storage::postgres {

// A database of its own on the program's server, reached through a proxy or directly.
class PostgresFixture : public testing::Test {
 protected:
  ~PostgresFixture() override { server_.DropDatabase(database_); }
  absl::StatusOr<std::unique_ptr<PostgresStore>> Open(
      bool by_proxy = true, std::chrono::milliseconds wait_max = std::chrono::seconds(20)) {
    return PostgresStore::Open(
        {.connection = server_.RuntimeConnection(database_, by_proxy ? proxy_.folder() : ""),
         .migrate_connection = server_.OwnerConnection(database_),
         .wait_max = wait_max},
        clock_);
  }
  std::unique_ptr<PostgresStore> MustOpen(bool by_proxy = true) {
    auto store = Open(by_proxy);
    EXPECT_TRUE(store.ok()) << store.status();
    return store.ok() ? *std::move(store) : nullptr;
  }
  static absl::Status AppendOne(PostgresStore& store, uint64_t seq) {
    const EntryPtr entry = EntryAt(seq);
    const v1::RowChange change = Put(AccountRow(seq, "a" + std::to_string(seq)));
    const v1::RowChange* rows[] = {&change};
    return store.Append({.entries = {&entry, 1}, .rows = rows, .applied = AppliedAt(entry)});
  }
  std::string Sql(const std::string& sql) { return server_.Sql(database_, sql); }

  // Somebody who keeps a table for himself until `End`.
  class HeldLock {
   public:
    HeldLock(const PostgresFixture& fixture, const std::string& table) {
      const auto connection =
          CompleteConnectionString(fixture.server_.Connection(fixture.database_));
      auto session = Session::Open(*connection, watchdog_, std::chrono::minutes(1));
      EXPECT_TRUE(session.ok()) << session.status();
      session_ = *std::move(session);
      EXPECT_TRUE(session_->Run("BEGIN").ok());
      EXPECT_TRUE(session_->Run("LOCK TABLE " + table + " IN ACCESS EXCLUSIVE MODE").ok());
    }
    void End() { EXPECT_TRUE(session_->Run("ROLLBACK").ok()); }

   private:
    Watchdog watchdog_;
    std::unique_ptr<Session> session_;
  };

  PrivatePostgres& server_ = PrivatePostgres::Get();
  const RealClock clock_{};
  const std::string database_ = server_.NewDatabase();
  SocketProxy proxy_{server_.socket_folder() + "/.s.PGSQL.5432"};
};

// The statement that counts a commit is the last one of every transaction.
inline constexpr char kCommitMark[] = "SET commits = CASE";

}  // namespace holdfast::storage::postgres

#endif  // HOLDFAST_TESTS_UNIT_SERVER_STORAGE_POSTGRES_POSTGRES_FIXTURE_H_
