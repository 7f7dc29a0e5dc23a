#include "server/crypto/strong_password.h"

#include <gtest/gtest.h>

#include <set>
#include <string>

namespace holdfast::crypto {
namespace {

std::string_view Why(std::string_view password) {
  return WhyNotStrong(SecretBytes::CopyOf(password));
}

TEST(StrongPasswordTest, GeneratesComplyingPasswordsThatDiffer) {
  std::set<std::string> seen;
  std::set<char> used;
  for (int i = 0; i < 500; ++i) {
    const SecretBytes password = GenerateStrongPassword();
    EXPECT_EQ(WhyNotStrong(password), "");
    EXPECT_EQ(password.size(), kGeneratedLength);
    const std::string text(password.RevealText(Purpose::kCompare));
    used.insert(text.begin(), text.end());
    EXPECT_TRUE(seen.insert(text).second);
  }
  EXPECT_EQ(used.size(), 77u) << "every character of the alphabet turns up in 8000 draws";
}

TEST(StrongPasswordTest, NamesTheRuleThatIsBroken) {
  EXPECT_EQ(Why("aB3$efgh"), "");
  EXPECT_EQ(Why(""), "Minimum length must be 8");
  EXPECT_EQ(Why("aB3$efg"), "Minimum length must be 8");
  EXPECT_EQ(Why("3aB$efgh"), "Must start with a letter");
  EXPECT_EQ(Why("ab3$efgh"), "Must contain an upper case letter");
  EXPECT_EQ(Why("AB3$EFGH"), "Must contain a lower case letter");
  EXPECT_EQ(Why("aBc$efgh"), "Must contain a digit");
  EXPECT_EQ(Why("aB3defgh"), "Must contain a special character");
  EXPECT_EQ(Why("aB3defg "), "Must contain a special character");
}

}  // namespace
}  // namespace holdfast::crypto
