#include "server/storage/postgres/schema.h"

#include "holdfast/v1/audit.pb.h"
#include "server/base/status_macros.h"
#include "server/storage/postgres/postgres_audit_store.h"
#include "server/storage/row_table.h"
#include "tests/unit/server/storage/postgres/postgres_fixture.h"

namespace holdfast::storage::postgres {
namespace {

using testing::HasSubstr;

class SchemaTest : public PostgresFixture {
 protected:
  absl::Status Ensure(const SchemaKind& kind) {
    Watchdog watchdog;
    HOLDFAST_ASSIGN_OR_RETURN(const ConnectionString owner,
                              CompleteConnectionString(server_.OwnerConnection(database_)));
    HOLDFAST_ASSIGN_OR_RETURN(const auto session,
                              Session::Open(owner, watchdog, std::chrono::seconds(20)));
    return EnsureSchema(*session, kind);
  }
  std::string InDatabase(const std::string& table) {
    return Sql(
        "SELECT column_name, data_type, is_nullable, collation_name "
        "FROM information_schema.columns WHERE table_schema = 'holdfast' AND table_name = '" +
        table + "' ORDER BY ordinal_position");
  }
};

std::string Declared(const MessageTable& table) {
  std::string all;
  for (const Column& column : table.columns()) {
    const char* type = column.type == ColumnType::kInteger ? "bigint"
                       : column.type == ColumnType::kText  ? "text"
                                                           : "bytea";
    all += (all.empty() ? "" : "\n") + column.name + "|" + type + "|" +
           (column.nullable ? "YES" : "NO") + "|" + (column.type == ColumnType::kText ? "C" : "");
  }
  return all;
}

TEST_F(SchemaTest, TheStoreHasAColumnForEveryFieldOfEveryRow) {
  ASSERT_NE(MustOpen(), nullptr);
  for (const RowTable& table : RowTables()) {
    EXPECT_EQ(InDatabase(table.columns.name()), Declared(table.columns)) << table.columns.name();
  }
  EXPECT_EQ(Sql("SELECT version FROM holdfast.schema_versions WHERE kind = 'store'"),
            std::to_string(kSchemaVersion));
}

TEST_F(SchemaTest, TheAuditStoreHasAColumnForEveryField) {
  ASSERT_TRUE(Ensure(kAuditSchema).ok());
  const MessageTable table("audit_records", v1::AuditRecord::descriptor());
  EXPECT_EQ(InDatabase(table.name()), Declared(table));
}

TEST_F(SchemaTest, BothStoresAreInOneDatabaseAtOnce) {
  const auto store = MustOpen();
  const DatabaseOptions options{.connection = server_.RuntimeConnection(database_),
                                .migrate_connection = server_.OwnerConnection(database_)};
  const auto audit = PostgresAuditStore::Open(options, clock_);
  EXPECT_TRUE(audit.ok()) << audit.status();
}

constexpr std::string_view kFirst = "CREATE TABLE holdfast.notes (content text NOT NULL);";
constexpr std::string_view kSecond =
    "ALTER TABLE holdfast.notes ADD COLUMN author text NOT NULL DEFAULT '';";
constexpr std::string_view kBroken =
    "ALTER TABLE holdfast.notes ADD COLUMN author text NOT NULL DEFAULT ''; "
    "DROP TABLE holdfast.nobody;";

SchemaKind KindOf(absl::Span<const std::string_view> migrations) {
  return {.name = "test", .migrations = migrations, .lock_number = 77};
}

TEST_F(SchemaTest, AnOlderSchemaIsBroughtUpToDateWithItsRows) {
  const std::string_view one[] = {kFirst};
  const std::string_view two[] = {kFirst, kSecond};
  ASSERT_TRUE(Ensure(KindOf(one)).ok());
  Sql("INSERT INTO holdfast.notes VALUES ('kept')");
  ASSERT_TRUE(Ensure(KindOf(two)).ok());
  EXPECT_EQ(Sql("SELECT content || author FROM holdfast.notes"), "kept");
  EXPECT_EQ(Sql("SELECT version FROM holdfast.schema_versions WHERE kind = 'test'"), "2");
  const absl::Status older = Ensure(KindOf(one));
  EXPECT_EQ(older.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(older.message()), HasSubstr("version 2 is newer than 1"));
}

TEST_F(SchemaTest, AMigrationThatFailsChangesNothing) {
  const std::string_view one[] = {kFirst};
  const std::string_view broken[] = {kFirst, kBroken};
  ASSERT_TRUE(Ensure(KindOf(one)).ok());
  EXPECT_FALSE(Ensure(KindOf(broken)).ok());
  EXPECT_EQ(InDatabase("notes"), "content|text|NO|");
  EXPECT_EQ(Sql("SELECT version FROM holdfast.schema_versions WHERE kind = 'test'"), "1");
}

}  // namespace
}  // namespace holdfast::storage::postgres
