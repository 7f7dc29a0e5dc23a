#include "server/storage/row_table.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace holdfast::storage {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

std::vector<std::string> NamesOf(const MessageTable& table) {
  std::vector<std::string> names;
  for (const Column& column : table.columns()) names.push_back(column.name);
  return names;
}

TEST(RowTableTest, EveryTableOfTheProtocolHasOne) {
  for (int table = v1::Table_MIN + 1; table <= v1::Table_MAX; ++table) {
    EXPECT_NE(FindRowTable(table), nullptr) << v1::Table_Name(static_cast<v1::Table>(table));
  }
  EXPECT_EQ(FindRowTable(v1::TABLE_UNSPECIFIED), nullptr);
  EXPECT_EQ(FindRowTable(v1::Table_MAX + 1), nullptr);
}

TEST(RowTableTest, ASealedSecretIsFlattenedIntoFourColumns) {
  EXPECT_THAT(NamesOf(FindRowTable(v1::TABLE_DATA_KEY)->columns),
              ElementsAre("id", "organization_id", "generation", "key_id", "key_generation",
                          "key_nonce", "key_ciphertext", "created_ms"));
}

TEST(RowTableTest, TheKeyIsTheFirstFieldNumberOrText) {
  EXPECT_FALSE(FindRowTable(v1::TABLE_ACCOUNT)->keyed_by_text());
  EXPECT_TRUE(FindRowTable(v1::TABLE_MEMBER)->keyed_by_text());
  v1::Row row;
  row.mutable_member()->set_node_id("n1");
  EXPECT_EQ(KeyOf(row).name(), "n1");
  EXPECT_EQ(KeyOf(row).table(), v1::TABLE_MEMBER);
}

TEST(RowTableTest, RefusesAValueOfTheWrongTypeNamingTableAndColumn) {
  const MessageTable& shares = FindRowTable(v1::TABLE_SHARE)->columns;
  std::vector<ColumnValue> values(shares.columns().size(), int64_t{1});
  v1::ShareRow share;
  ASSERT_TRUE(shares.Write(values, share).ok());
  for (const ColumnValue& wrong :
       {ColumnValue(std::monostate()), ColumnValue(std::string_view("1")),
        ColumnValue(BlobView{"1"})}) {
    values[1] = wrong;
    const absl::Status status = shares.Write(values, share);
    EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss);
    EXPECT_THAT(std::string(status.message()), HasSubstr("table shares: column user_id"));
  }
}

TEST(RowTableTest, RefusesANumberThatDoesNotFitItsField) {
  const MessageTable& sshd = FindRowTable(v1::TABLE_SSHD)->columns;
  v1::SshdRow row;
  EXPECT_TRUE(sshd.Write({std::string_view("n1"), int64_t{6622}, int64_t{1}}, row).ok());
  EXPECT_EQ(row.port(), 6622u);
  for (const int64_t port : {int64_t{-1}, int64_t{UINT32_MAX} + 1}) {
    EXPECT_FALSE(sshd.Write({std::string_view("n1"), port, int64_t{1}}, row).ok());
  }
  EXPECT_FALSE(sshd.Write({std::string_view("n1"), int64_t{1}, int64_t{2}}, row).ok());
  EXPECT_FALSE(sshd.Write({BlobView{"n1"}, int64_t{1}, int64_t{1}}, row).ok());
}

}  // namespace
}  // namespace holdfast::storage
