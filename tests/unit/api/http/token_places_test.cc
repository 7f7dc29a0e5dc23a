#include "api/http/token_places.h"

#include <gtest/gtest.h>

#include <string>

namespace holdfast::http {
namespace {

std::string TokenOf(const Headers& headers) {
  Request request;
  request.headers = headers;
  return std::string(TokenIn(request).RevealText(Purpose::kCompare));
}

TEST(TokenPlacesTest, AHeaderOfItsOwnComesBeforeTheBearers) {
  EXPECT_EQ(TokenOf({{"AuthToken", "A"}, {"Authorization", "Bearer B"}}), "A");
  EXPECT_EQ(TokenOf({{"AuthToken", ""}, {"Authorization", "bearer B"}}), "B");
  EXPECT_EQ(TokenOf({{"Authorization", "Basic B"}}), "");
  EXPECT_EQ(TokenOf({{"Authorization", "Bearer "}}), "");
  EXPECT_EQ(TokenOf({}), "");
}

}  // namespace
}  // namespace holdfast::http
