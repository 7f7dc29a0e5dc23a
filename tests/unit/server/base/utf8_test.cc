#include "server/base/utf8.h"

#include <gtest/gtest.h>

#include <string>

namespace holdfast {
namespace {

TEST(Utf8Test, CountsCharactersNotBytes) {
  EXPECT_EQ(Utf8Chars(""), 0u);
  EXPECT_EQ(Utf8Chars("abc"), 3u);
  EXPECT_EQ(Utf8Chars("\xC3\xA9\xE2\x82\xAC\xF0\x9F\x94\x91"), 3u);
  EXPECT_EQ(Utf8Chars("\xF4\x8F\xBF\xBF"), 1u);  // U+10FFFF, the last one
}

TEST(Utf8Test, RefusesWhatIsNotUtf8) {
  for (const char* text : {"\x80", "\xC3", "a\xC3", "\xC0\x80", "\xC1\xBF", "\xE0\x9F\xBF",
                           "\xED\xA0\x80", "\xE2\x82", "\xE2\x28\xA1", "\xF0\x8F\xBF\xBF",
                           "\xF4\x90\x80\x80", "\xF5\x80\x80\x80", "\xFF", "\xF0\x9F\x94"}) {
    EXPECT_EQ(Utf8Chars(text), std::nullopt) << testing::PrintToString(std::string(text));
  }
}

}  // namespace
}  // namespace holdfast
