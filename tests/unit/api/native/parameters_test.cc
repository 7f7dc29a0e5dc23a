#include "api/native/parameters.h"

#include <gtest/gtest.h>

#include "server/vault/refusal.h"

namespace holdfast::native {
namespace {

using vault::Refusal;

void SetTarget(http::Request& request, std::string_view target) {
  absl::StatusOr<http::Target> parsed = http::ParseTarget(target);
  ASSERT_TRUE(parsed.ok()) << parsed.status();
  request.target = *std::move(parsed);
}

absl::Status PageOf(std::string_view target, vault::Page& page) {
  http::Request request;
  SetTarget(request, target);
  Parameters parameters(request);
  page = parameters.Page();
  return parameters.Done();
}

TEST(ParametersTest, APageHasItsDefaultsAndBounds) {
  vault::Page page;
  ASSERT_TRUE(PageOf("/v1/users", page).ok());
  EXPECT_EQ(page.limit, 100u);
  EXPECT_EQ(page.offset, 0u);
  ASSERT_TRUE(PageOf("/v1/users?limit=1000&offset=70", page).ok());
  EXPECT_EQ(page.limit, 1000u);
  EXPECT_EQ(page.offset, 70u);
  for (const std::string_view bad :
       {"limit=0", "limit=1001", "limit=", "limit=+1", "limit=1x", "offset=-1", "limit=1&limit=2",
        "offset=99999999999999999999"}) {
    EXPECT_EQ(vault::RefusalOf(PageOf("/v1/users?" + std::string(bad), page)),
              Refusal::kInvalidInput)
        << bad;
  }
}

TEST(ParametersTest, RefusesAnUnknownParameterByNameAndNotByValue) {
  http::Request request;
  SetTarget(request, "/v1/users?AUTHTOKEN=geheim");
  const absl::Status status = NoParameters(request);
  EXPECT_EQ(vault::RefusalOf(status), Refusal::kInvalidInput);
  EXPECT_EQ(status.message(), R"(unknown parameter "AUTHTOKEN")");
}

TEST(ParametersTest, TextIsBoundedAndUtf8) {
  for (const std::string_view bad : {"reason=%ff", "reason=abcd"}) {
    http::Request request;
    SetTarget(request, "/v1/secret?" + std::string(bad));
    Parameters parameters(request);
    EXPECT_EQ(parameters.Text("reason", 3), "");
    EXPECT_EQ(vault::RefusalOf(parameters.Done()), Refusal::kInvalidInput) << bad;
  }
}

TEST(ParametersTest, AnIdInAPathIsAPositiveNumber) {
  http::Request request;
  for (const std::string_view good : {"1", "9223372036854775807"}) {
    request.captures = {{"id", std::string(good)}};
    EXPECT_TRUE(PathId(request, "id").ok()) << good;
  }
  for (const std::string_view bad : {"0", "-1", "x", "1 ", "9223372036854775808", "0x1"}) {
    request.captures = {{"id", std::string(bad)}};
    EXPECT_EQ(vault::RefusalOf(PathId(request, "id").status()), Refusal::kInvalidInput) << bad;
  }
}

}  // namespace
}  // namespace holdfast::native
