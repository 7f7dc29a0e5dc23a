#include "server/storage/postgres/sql_text.h"

#include <gtest/gtest.h>

namespace holdfast::storage::postgres {
namespace {

using namespace std::string_literals;

TEST(SqlTextTest, OrdinaryTextStaysAsItIs) {
  for (const std::string text :
       {"", "db/orders", "t\xc3\xa4xt \xf0\x9f\x94\x91", "CORP\\user's\n"}) {
    EXPECT_EQ(EncodeText(text), text);
    EXPECT_EQ(DecodeText(text), text);
  }
}

TEST(SqlTextTest, WhatPostgresTakesNotIsEscapedAndComesBack) {
  EXPECT_EQ(EncodeText("a\0b"s), "a\0010b");
  EXPECT_EQ(EncodeText("\001"), "\0011");
  EXPECT_EQ(EncodeText("a\xff"), "a\001xff");
  for (const std::string& text :
       {"\0"s, "\0\0\1\1"s, "\1"s + "0", "\1"s + "x41", "\xc3"s, "\xed\xa0\x80"s,
        "\xf4\x90\x80\x80"s, "\xc0\x80"s, "t\xc3\xa4\0\xfe\xc3"s, "\xf0\x9f\x94"s}) {
    const std::string encoded = EncodeText(text);
    EXPECT_EQ(encoded.find('\0'), std::string::npos);
    EXPECT_EQ(DecodeText(encoded), text);
    EXPECT_EQ(EncodeText(encoded) == encoded, false) << "two texts would become one";
  }
}

TEST(SqlTextTest, AnEscapeThatIsNotOursIsRefused) {
  for (const std::string& text :
       {"\001"s, "\0012"s, "a\001x"s, "\001x4"s, "\001xzz"s, "\001y41"s}) {
    EXPECT_EQ(DecodeText(text), std::nullopt);
  }
}

TEST(SqlTextTest, ValuesAreLiterals) {
  std::string sql;
  for (const ColumnValue& value :
       {ColumnValue(int64_t{-7}), ColumnValue(std::string_view("it's; -- \\")),
        ColumnValue(BlobView{std::string_view("\0'\xff", 3)}), ColumnValue(BlobView{}),
        ColumnValue()}) {
    AppendValue(value, sql);
    sql += ' ';
  }
  EXPECT_EQ(sql, "-7 'it''s; -- \\' '\\x0027ff' '\\x' NULL ");
  EXPECT_EQ(DecodeBytes("\\x0027ff"), "\0'\xff"s);
  EXPECT_EQ(DecodeBytes("\\x"), "");
  EXPECT_EQ(DecodeBytes("0027"), std::nullopt);
  EXPECT_EQ(DecodeBytes("\\x002"), std::nullopt);
}

}  // namespace
}  // namespace holdfast::storage::postgres
