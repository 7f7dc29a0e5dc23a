#include <sys/stat.h>

#include "server/storage/postgres/session.h"
#include "tests/unit/server/storage/postgres/postgres_fixture.h"

namespace holdfast::storage::postgres {
namespace {

using testing::HasSubstr;
using testing::Not;

// What the server's configuration may say, and what we take.
class SettingsTest : public PostgresFixture {
 protected:
  ~SettingsTest() override {
    Sql("ALTER SYSTEM RESET ALL");
    Reload("fsync", "on");
    Sql("ALTER ROLE hf_runtime RESET ALL");
  }
  void Set(const std::string& name, const std::string& value) {
    Sql("ALTER SYSTEM SET " + name + " = " + value);
    Reload(name, value);
  }
  void Reload(const std::string& name, const std::string& value) {
    Sql("SELECT pg_reload_conf()");
    while (Sql("SHOW " + name) != value) {
    }
  }
};

TEST_F(SettingsTest, AServerThatLosesCommitsIsRefused) {
  for (const char* setting : {"fsync", "full_page_writes"}) {
    Set(setting, "off");
    const absl::Status status = Open().status();
    EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition) << status;
    EXPECT_THAT(std::string(status.message()), HasSubstr(std::string("set ") + setting + " = on"));
    Set(setting, "on");
  }
  EXPECT_NE(MustOpen(), nullptr);
}

TEST_F(SettingsTest, WhatARoleOrDatabaseSetsChangesNothing) {
  Sql("ALTER ROLE hf_runtime SET synchronous_commit = off; "
      "ALTER ROLE hf_runtime SET standard_conforming_strings = off; "
      "ALTER ROLE hf_runtime SET bytea_output = 'escape'; "
      "ALTER ROLE hf_runtime SET default_transaction_read_only = on; "
      "ALTER ROLE hf_runtime SET statement_timeout = '1ms'; "
      "ALTER DATABASE " +
      database_ + " SET search_path = 'nowhere'");
  const auto store = MustOpen();
  ASSERT_NE(store, nullptr);
  ASSERT_TRUE(AppendOne(*store, 1).ok());
  EXPECT_EQ((*store->ReadLog(1, 1, 1000)).at(0)->record, EntryAt(1)->record);
  Watchdog watchdog;
  const auto session =
      Session::Open(*CompleteConnectionString(server_.RuntimeConnection(database_)), watchdog,
                    std::chrono::seconds(5));
  ASSERT_TRUE(session.ok()) << session.status();
  EXPECT_STREQ((*(*session)->Query("SHOW synchronous_commit"))[0][0].c_str(), "on");
}

TEST_F(SettingsTest, AnotherEncodingIsRefused) {
  Sql("CREATE DATABASE latin TEMPLATE template0 ENCODING 'SQL_ASCII' LOCALE 'C'");
  const absl::Status status =
      PostgresStore::Open({.connection = server_.Connection("latin")}, clock_).status();
  server_.DropDatabase("latin");
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(status.message()), HasSubstr("ENCODING 'UTF8'"));
}

TEST_F(SettingsTest, ErrorsHoldNoPassword) {
  const std::string wrong = server_.folder() + "/wrong.pgpass";
  FILE* const file = fopen(wrong.c_str(), "w");
  fputs("*:*:*:*:wr0ng-s3cret\n", file);
  fclose(file);
  ASSERT_EQ(chmod(wrong.c_str(), 0600), 0);
  const absl::Status status =
      PostgresStore::Open({.connection = "host='" + server_.socket_folder() + "' dbname=" +
                                         database_ + " user=hf_runtime passfile='" + wrong + "'"},
                          clock_)
          .status();
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(status.message()), HasSubstr("password authentication failed"));
  EXPECT_THAT(std::string(status.message()), Not(HasSubstr("s3cret")));
}

}  // namespace
}  // namespace holdfast::storage::postgres
