#include "tests/unit/server/storage/postgres/postgres_fixture.h"

namespace holdfast::storage::postgres {
namespace {

using testing::HasSubstr;

// The conformance suite runs as this role too; here is what it must not be able to do.
class RolesTest : public PostgresFixture {
 protected:
  bool Allowed(const std::string& sql) {
    return Sql("SET client_min_messages = error; DO $$ BEGIN SET LOCAL ROLE hf_runtime; " + sql +
               "; RAISE EXCEPTION 'allowed'; EXCEPTION WHEN insufficient_privilege THEN NULL; "
               "WHEN OTHERS THEN CREATE TABLE public.allowed (); END $$; "
               "RESET ROLE; SELECT to_regclass('public.allowed') IS NOT NULL; "
               "DROP TABLE IF EXISTS public.allowed") != "f";
  }
};

TEST_F(RolesTest, WithoutTheOwnerItNamesWhatToDo) {
  const auto store =
      PostgresStore::Open({.connection = server_.RuntimeConnection(database_)}, clock_);
  EXPECT_EQ(store.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(store.status().message()), HasSubstr("store.migrate_connection"));
}

TEST_F(RolesTest, OnceTheSchemaIsThereTheOwnerIsNotNeeded) {
  ASSERT_NE(MustOpen(), nullptr);
  const auto store =
      PostgresStore::Open({.connection = server_.RuntimeConnection(database_)}, clock_);
  ASSERT_TRUE(store.ok()) << store.status();
  EXPECT_TRUE(AppendOne(**store, 1).ok());
}

TEST_F(RolesTest, TheRuntimeRoleChangesRowsAndNothingElse) {
  ASSERT_NE(MustOpen(), nullptr);
  EXPECT_TRUE(Allowed("DELETE FROM holdfast.log"));
  for (const char* sql :
       {"DROP TABLE holdfast.log", "TRUNCATE holdfast.log", "CREATE TABLE holdfast.mine (a int)",
        "ALTER TABLE holdfast.log ADD COLUMN mine int", "CREATE TABLE public.mine (a int)",
        "CREATE SCHEMA mine", "CREATE TEMP TABLE mine (a int)", "DROP SCHEMA holdfast CASCADE",
        "CREATE TRIGGER mine BEFORE INSERT ON holdfast.log EXECUTE FUNCTION "
        "suppress_redundant_updates_trigger()"}) {
    EXPECT_FALSE(Allowed(sql)) << sql;
  }
}

}  // namespace
}  // namespace holdfast::storage::postgres
