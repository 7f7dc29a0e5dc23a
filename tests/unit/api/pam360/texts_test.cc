#include "api/pam360/texts.h"

#include <gtest/gtest.h>

namespace holdfast::pam360 {
namespace {

int64_t Utc(int64_t) { return 0; }
int64_t East(int64_t) { return 5 * 3600 + 1800; }
int64_t West(int64_t) { return -8 * 3600; }

TEST(TextsTest, ATimeReadsAsTheDialectWritesIt) {
  EXPECT_EQ(TimeText(1638392400000, Utc), "Dec 1, 2021 09:00 PM");
  EXPECT_EQ(TimeText(1638392459999, Utc), "Dec 1, 2021 09:00 PM");
  EXPECT_EQ(TimeText(1638392400000, East), "Dec 2, 2021 02:30 AM");
  EXPECT_EQ(TimeText(1638392400000, West), "Dec 1, 2021 01:00 PM");
  EXPECT_EQ(TimeText(1709164800000, Utc), "Feb 29, 2024 12:00 AM");
  EXPECT_EQ(TimeText(1709208000000, Utc), "Feb 29, 2024 12:00 PM");
  EXPECT_EQ(TimeText(-1, Utc), "Dec 31, 1969 11:59 PM");
  EXPECT_EQ(TimeText(0, Utc), "N/A");
}

TEST(TextsTest, RolesGoByTheirNames) {
  EXPECT_EQ(ParseRole("password administrator"), v1::ROLE_PASSWORD_ADMINISTRATOR);
  for (const v1::Role role :
       {v1::ROLE_ADMINISTRATOR, v1::ROLE_PASSWORD_ADMINISTRATOR, v1::ROLE_PASSWORD_USER}) {
    EXPECT_EQ(ParseRole(RoleText(role)), role);
  }
  EXPECT_EQ(ParseRole("Password Auditor"), std::nullopt);
  EXPECT_EQ(ParseRole(""), std::nullopt);
}

TEST(TextsTest, AccessTypesGoByTheirNames) {
  EXPECT_EQ(ParseAccessType("view"), v1::SHARE_LEVEL_VIEW);
  EXPECT_EQ(ParseAccessType("Modify"), v1::SHARE_LEVEL_MODIFY);
  EXPECT_EQ(ParseAccessType("fullaccess"), v1::SHARE_LEVEL_FULL_ACCESS);
  EXPECT_EQ(ParseAccessType("revoke"), v1::SHARE_LEVEL_UNSPECIFIED);
  EXPECT_EQ(ParseAccessType("full access"), std::nullopt);
  EXPECT_EQ(ParseAccessType(""), std::nullopt);
}

TEST(TextsTest, AnExpiryDateEndsWithItsDay) {
  EXPECT_EQ(ParseExpiryDate("NeverExpires", Utc), 0);
  EXPECT_EQ(ParseExpiryDate("2024-02-29", Utc), 1709251200000);
  EXPECT_EQ(ParseExpiryDate("2024-02-29", West), 1709251200000 + 8 * 3600 * 1000);
  for (const std::string_view bad :
       {"", "2023-02-29", "2024-13-01", "2024-00-01", "2024-1-01", "24-01-01", "2024/01/01",
        "2024-01-011", "-024-01-01", "never"}) {
    EXPECT_EQ(ParseExpiryDate(bad, Utc), std::nullopt) << bad;
  }
}

TEST(TextsTest, AnIdIsDigitsOnly) {
  EXPECT_EQ(ParseId("12"), 12u);
  EXPECT_EQ(ParseId("18446744073709551615"), 18446744073709551615u);
  for (const std::string_view bad :
       {"", "-1", "+1", " 1", "1 ", "1x", "0x1", "18446744073709551616"}) {
    EXPECT_EQ(ParseId(bad), std::nullopt) << bad;
  }
}

}  // namespace
}  // namespace holdfast::pam360
