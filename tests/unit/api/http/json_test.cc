#include "api/http/json.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json/object.hpp>
#include <string>

#include "server/base/limits.h"

namespace holdfast::http {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

std::string Nested(size_t depth) { return std::string(depth, '[') + std::string(depth, ']'); }

TEST(JsonTest, ReadsAnObject) {
  const auto value = ParseJson(R"( {"name":"db","n":[1,2.5,true,null]} )");
  ASSERT_TRUE(value.ok()) << value.status();
  EXPECT_EQ(JsonText(*value), R"({"name":"db","n":[1,2.5E0,true,null]})");
}

TEST(JsonTest, AcceptsTheDeepestAllowedValue) {
  EXPECT_TRUE(ParseJson(Nested(limits::kJsonDepthMax)).ok());
}

TEST(JsonTest, RefusesOneLevelMore) {
  EXPECT_EQ(ParseJson(Nested(limits::kJsonDepthMax + 1)).status().code(),
            absl::StatusCode::kInvalidArgument);
}

TEST(JsonTest, RefusesAVeryDeepValueWithoutRecursion) {
  EXPECT_FALSE(ParseJson(std::string(1000000, '[')).ok());
}

TEST(JsonTest, SaysWhereTheErrorIsAndNotWhatStoodThere) {
  const auto value = ParseJson(R"({"password": hunter2})");
  ASSERT_FALSE(value.ok());
  const std::string message(value.status().message());
  EXPECT_THAT(message, HasSubstr("at byte 13"));
  EXPECT_THAT(message, Not(HasSubstr("hunter2")));
}

class BadJsonTest : public ::testing::TestWithParam<std::string> {};
TEST_P(BadJsonTest, IsRefused) { EXPECT_FALSE(ParseJson(GetParam()).ok()); }
INSTANTIATE_TEST_SUITE_P(Texts, BadJsonTest,
                         ::testing::Values("", " ", "{", R"({"a":1)", R"({"a":1} x)", "[1,]",
                                           R"({'a':1})", "nul", "\"\xff\"", "\"\xc0\xaf\"",
                                           "\"\xed\xa0\x80\"", "01", "{\"a\":1}{\"a\":1}",
                                           R"(// c
                                              1)"));

TEST(JsonTest, QuotesWhatCouldBreakOut) {
  EXPECT_EQ(JsonQuote("a\"b\\c\n\x01"), R"("a\"b\\c\u000a\u0001")");
  EXPECT_EQ(JsonQuote("gr\xc3\xbc\xc3\x9f"), "\"gr\xc3\xbc\xc3\x9f\"");
}

TEST(JsonTest, ReplacesBytesThatAreNotUtf8SoThatTheResultIsJson) {
  for (const std::string bad : {"\xff", "a\xc3", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xc0\xaf"}) {
    const auto value = ParseJson(JsonQuote(bad));
    ASSERT_TRUE(value.ok()) << value.status();
    EXPECT_THAT(std::string(value->as_string()), HasSubstr("\xef\xbf\xbd"));
  }
}

}  // namespace
}  // namespace holdfast::http
