#include "server/storage/sqlite/schema.h"

#include "holdfast/v1/audit.pb.h"
#include "server/storage/row_table.h"
#include "server/storage/sqlite/database_file.h"
#include "tests/unit/server/storage/sqlite/sqlite_fixture.h"

namespace holdfast::storage::sqlite {
namespace {

class SchemaTest : public SqliteFixture {
 protected:
  std::unique_ptr<Connection> OpenKind(const DatabaseKind& kind) {
    auto opened = OpenDatabaseFile(path(), kind, Connection::Journal::kWal, 1 << 20);
    EXPECT_TRUE(opened.ok()) << opened.status();
    if (!opened.ok()) return nullptr;
    return std::move(opened->connection);
  }
};

std::string Declared(const MessageTable& table) {
  std::string all;
  for (const Column& column : table.columns()) {
    const char* type = column.type == ColumnType::kInteger ? "INTEGER"
                       : column.type == ColumnType::kText  ? "TEXT"
                                                           : "BLOB";
    all += column.name + " " + type + (column.nullable ? "\n" : " NOT NULL\n");
  }
  return all;
}

std::string InFile(Connection& connection, const std::string& table) {
  std::string all;
  Statement* const statement = *connection.Prepare(
      "SELECT name, type, \"notnull\", pk FROM pragma_table_info('" + table + "') ORDER BY cid");
  while (*statement->Step()) {
    all += std::string(statement->Bytes(0)) + " " + std::string(statement->Bytes(1));
    const bool never_null = statement->Int(2) != 0 || statement->Int(3) != 0;
    all += never_null ? " NOT NULL\n" : "\n";
  }
  return all;
}

TEST_F(SchemaTest, TheStoreHasAColumnForEveryFieldOfEveryRow) {
  const auto connection = OpenKind(kStoreKind);
  ASSERT_NE(connection, nullptr);
  for (const RowTable& table : RowTables()) {
    EXPECT_EQ(InFile(*connection, table.columns.name()), Declared(table.columns))
        << table.columns.name();
  }
}

TEST_F(SchemaTest, TheAuditStoreHasAColumnForEveryField) {
  const auto connection = OpenKind(kAuditKind);
  ASSERT_NE(connection, nullptr);
  const MessageTable table("audit_records", v1::AuditRecord::descriptor());
  EXPECT_EQ(InFile(*connection, table.name()), Declared(table));
}

// docs/formats/store.md
TEST_F(SchemaTest, TheSettingsAreThoseOfTheFormat) {
  const auto connection = OpenKind(kStoreKind);
  ASSERT_NE(connection, nullptr);
  EXPECT_EQ(*connection->ReadInt("PRAGMA application_id"), 0x48465354);
  EXPECT_EQ(*connection->ReadInt("PRAGMA user_version"), static_cast<int64_t>(kSchemaVersion));
  EXPECT_EQ(*connection->ReadInt("PRAGMA page_size"), 4096);
  EXPECT_EQ(*connection->ReadInt("PRAGMA synchronous"), 2);
  EXPECT_EQ(*connection->ReadInt("PRAGMA wal_autocheckpoint"), 0);
  EXPECT_EQ(*connection->ReadText("PRAGMA journal_mode"), "wal");
}

constexpr std::string_view kFirst = "CREATE TABLE notes (text TEXT NOT NULL) STRICT;";
constexpr std::string_view kSecond =
    "ALTER TABLE notes ADD COLUMN author TEXT NOT NULL DEFAULT '';";
constexpr std::string_view kBroken =
    "ALTER TABLE notes ADD COLUMN author TEXT NOT NULL DEFAULT ''; DROP TABLE nobody;";

DatabaseKind KindOf(absl::Span<const std::string_view> migrations) {
  return {.name = "test", .application_id = 77, .migrations = migrations, .next_step = "none"};
}

TEST_F(SchemaTest, AnOlderSchemaIsBroughtUpToDateWithItsRows) {
  const std::string_view one[] = {kFirst};
  const std::string_view two[] = {kFirst, kSecond};
  ASSERT_TRUE(OpenKind(KindOf(one))->Execute("INSERT INTO notes VALUES ('kept')").ok());
  const auto connection = OpenKind(KindOf(two));
  ASSERT_NE(connection, nullptr);
  EXPECT_EQ(*connection->ReadInt("PRAGMA user_version"), 2);
  EXPECT_EQ(*connection->ReadText("SELECT text || author FROM notes"), "kept");
}

TEST_F(SchemaTest, AMigrationThatFailsChangesNothing) {
  const std::string_view one[] = {kFirst};
  const std::string_view broken[] = {kFirst, kBroken};
  ASSERT_TRUE(OpenKind(KindOf(one))->Execute("INSERT INTO notes VALUES ('kept')").ok());
  EXPECT_FALSE(OpenDatabaseFile(path(), KindOf(broken), Connection::Journal::kWal, 1 << 20).ok());
  const auto connection = OpenKind(KindOf(one));
  ASSERT_NE(connection, nullptr);
  EXPECT_EQ(InFile(*connection, "notes"), "text TEXT NOT NULL\n");
  EXPECT_EQ(*connection->ReadText("SELECT text FROM notes"), "kept");
}

}  // namespace
}  // namespace holdfast::storage::sqlite
