#include "server/desk/new_token.h"

#include <gtest/gtest.h>

#include <cctype>
#include <set>
#include <string>

namespace holdfast::desk {
namespace {

TEST(NewTokenTest, IsAnUpperCaseGuid) {
  const SecretBytes token = NewToken();
  const std::string_view text = token.RevealText(Purpose::kCompare);
  ASSERT_EQ(text.size(), 36u);
  for (size_t i = 0; i < text.size(); ++i) {
    if (i == 8 || i == 13 || i == 18 || i == 23) {
      EXPECT_EQ(text[i], '-');
    } else {
      EXPECT_TRUE(std::isdigit(text[i]) || (text[i] >= 'A' && text[i] <= 'F')) << text[i];
    }
  }
}

TEST(NewTokenTest, EveryDigitVaries) {
  std::set<std::pair<size_t, char>> seen;
  for (int i = 0; i < 1000; ++i) {
    const SecretBytes token = NewToken();
    const std::string_view text = token.RevealText(Purpose::kCompare);
    for (size_t at = 0; at < text.size(); ++at) seen.insert({at, text[at]});
  }
  EXPECT_EQ(seen.size(), 32u * 16 + 4);
}

}  // namespace
}  // namespace holdfast::desk
