#include "server/storage/postgres/statements.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/conformance/store_medium.h"

namespace holdfast::storage::postgres {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

size_t Count(const std::string& text, const std::string& part) {
  size_t count = 0;
  for (size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++count;
  return count;
}

TEST(StatementsTest, AGroupIsOneTextWithOneStatementATable) {
  std::vector<EntryPtr> entries;
  for (uint64_t seq = 1; seq <= 32; ++seq) entries.push_back(EntryAt(seq));
  std::vector<v1::RowChange> changes;
  for (uint64_t id = 1; id <= 32; ++id) changes.push_back(Put(AccountRow(id, "a")));
  std::vector<const v1::RowChange*> rows;
  for (const v1::RowChange& change : changes) rows.push_back(&change);
  const auto texts = TextsOf({.entries = entries, .rows = rows, .facts = {{"x", "1"}, {"y", "2"}}});
  ASSERT_EQ(texts.size(), 1u);
  EXPECT_EQ(Count(texts[0], "INSERT INTO"), 3u);
  EXPECT_EQ(Count(texts[0], ";"), 3u);
}

TEST(StatementsTest, TheLastChangeOfARowIsTheOnlyOne) {
  const std::vector<v1::RowChange> changes = {
      Put(AccountRow(1, "first")),  Put(AccountRow(2, "gone")),   Put(AccountRow(1, "last")),
      Delete(v1::TABLE_ACCOUNT, 2), Delete(v1::TABLE_ACCOUNT, 3), Put(AccountRow(3, "back"))};
  std::vector<const v1::RowChange*> rows;
  for (const v1::RowChange& change : changes) rows.push_back(&change);
  const auto texts = TextsOf({.rows = rows});
  ASSERT_EQ(texts.size(), 1u);
  EXPECT_THAT(texts[0], Not(HasSubstr("'first'")));
  EXPECT_THAT(texts[0], Not(HasSubstr("'gone'")));
  EXPECT_THAT(texts[0], HasSubstr("'last'"));
  EXPECT_THAT(texts[0], HasSubstr("'back'"));
  EXPECT_EQ(Count(texts[0], "DELETE FROM"), 1u);
  EXPECT_THAT(texts[0], HasSubstr("DELETE FROM holdfast.accounts WHERE id = 2;"));
}

TEST(StatementsTest, FactsOfOneNameAreOne) {
  EXPECT_EQ(WriteFacts({{"a", "1"}, {"a", "2"}}),
            "INSERT INTO holdfast.facts VALUES ('a','\\x32') "
            "ON CONFLICT (name) DO UPDATE SET value = excluded.value;");
  EXPECT_EQ(WriteFacts({}), "");
}

TEST(StatementsTest, ALargeGroupIsSeveralTexts) {
  std::vector<EntryPtr> entries;
  for (uint64_t seq = 1; seq <= 20; ++seq) {
    auto entry = std::make_shared<LogEntry>(*EntryAt(seq));
    entry->record.assign(4 << 20, 'r');
    entries.push_back(std::move(entry));
  }
  const auto texts = TextsOf({.entries = entries});
  EXPECT_EQ(texts.size(), 3u);
  for (const std::string& text : texts) EXPECT_LT(text.size(), size_t{90} << 20);
}

}  // namespace
}  // namespace holdfast::storage::postgres
