#include "api/http/request.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace holdfast::http {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST(TargetTest, DecodesOnceAndAfterSplitting) {
  const auto target = ParseTarget("/v1/a%2Fb/50%2525/x+y?q=a+b%2Bc&q=%3D&flag");
  ASSERT_TRUE(target.ok()) << target.status();
  EXPECT_THAT(target->segments, ElementsAre("v1", "a/b", "50%25", "x+y"));
  EXPECT_EQ(target->path, "/v1/a%2Fb/50%2525/x+y");
  EXPECT_EQ(target->raw_query, "q=a+b%2Bc&q=%3D&flag");
  ASSERT_EQ(target->query.size(), 3u);
  EXPECT_EQ(target->query[0].value, "a b+c");
  EXPECT_EQ(target->query[0].raw_value, "a+b%2Bc");
  EXPECT_EQ(target->query[1].value, "=");
  EXPECT_EQ(target->query[2].name, "flag");
  EXPECT_EQ(target->query[2].value, "");
}

TEST(TargetTest, IgnoresOneTrailingSlash) {
  EXPECT_THAT(ParseTarget("/v1/users/")->segments, ElementsAre("v1", "users"));
  EXPECT_THAT(ParseTarget("/v1/users//")->segments, ElementsAre("v1", "users", ""));
  EXPECT_THAT(ParseTarget("/")->segments, IsEmpty());
}

TEST(TargetTest, TakesThePathOfAnAbsoluteForm) {
  EXPECT_THAT(ParseTarget("http://a:1/x/y?z=1")->segments, ElementsAre("x", "y"));
  EXPECT_THAT(ParseTarget("HTTPS://a")->segments, IsEmpty());
}

class BadTargetTest : public ::testing::TestWithParam<std::string> {};
TEST_P(BadTargetTest, IsRefused) {
  EXPECT_EQ(ParseTarget(GetParam()).status().code(), absl::StatusCode::kInvalidArgument);
}
INSTANTIATE_TEST_SUITE_P(Targets, BadTargetTest,
                         ::testing::Values("", "*", "v1", "/%", "/%4", "/%zz", "/a%00b", "/../etc",
                                           "/a/%2e%2E/b", "/./a", "/a?x=%", "/a?%0=1", "/?q=%00"));

TEST(HeadersTest, NamesHaveNoCase) {
  const Headers headers = {{"AuthToken", "t"}, {"X-A", "1"}, {"x-a", "2"}};
  ASSERT_NE(headers.Find("AUTHTOKEN"), nullptr);
  EXPECT_EQ(*headers.Find("AUTHTOKEN"), "t");
  EXPECT_EQ(headers.Count("X-a"), 2u);
  EXPECT_EQ(headers.Find("AuthToke"), nullptr);
}

TEST(HeadersTest, SetReplacesEveryFieldOfTheName) {
  Headers headers = {{"X-A", "1"}, {"x-a", "2"}};
  headers.Set("X-A", "3");
  EXPECT_EQ(headers.Count("x-a"), 1u);
  EXPECT_EQ(*headers.Find("x-a"), "3");
}

TEST(ErrorResponseTest, IsJsonWhateverTheMessage) {
  const Response response = ErrorResponse(absl::NotFoundError("no \"x\"\n"));
  EXPECT_EQ(response.status, 404);
  EXPECT_EQ(response.body, R"({"error":{"code":"NOT_FOUND","message":"no \"x\"\u000a"}})");
}

TEST(RequestDeathTest, AsksOnlyForCapturesOfThePattern) {
  const Request request;
  EXPECT_DEATH(request.Capture("id"), "CHECK|captures");
}

}  // namespace
}  // namespace holdfast::http
