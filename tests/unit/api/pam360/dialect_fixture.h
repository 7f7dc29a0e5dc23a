#ifndef HOLDFAST_TESTS_UNIT_API_PAM360_DIALECT_FIXTURE_H_
#define HOLDFAST_TESTS_UNIT_API_PAM360_DIALECT_FIXTURE_H_

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json/value.hpp>
#include <string>
#include <string_view>

#include "api/http/request.h"
#include "api/http/router.h"
#include "api/pam360/routes.h"
#include "tests/support/state_desk.h"

namespace holdfast::pam360 {

// The dialect over a real vault: requests in, answers out, without sockets.
class DialectTest : public ::testing::Test {
 protected:
  explicit DialectTest(Options options = {});

  // Below /restapi/json/v1, as "admin" unless the headers bring a token of their own.
  http::Response Send(http::Method method, std::string_view path, std::string body = "",
                      http::Headers headers = {});
  http::Response Get(std::string_view path, std::string_view details = "");
  http::Response Put(std::string_view path, std::string_view details = "");
  http::Response Post(std::string_view path, std::string_view details = "");
  // Any target, no token added.
  http::Response SendRaw(http::Method method, std::string_view target, std::string body,
                         http::Headers headers);
  // Whose token Send, Get, ... bring.
  void As(std::string token) { token_ = std::move(token); }

  StateDesk desk_;

 private:
  http::Router router_;
  std::string token_ = StateDesk::kAdminToken;
};

// {"operation":{"Details":<details>}}
std::string InputOf(std::string_view details);
// INPUT_DATA=<the same, percent-encoded>
std::string EncodedInput(std::string_view details);
std::string PercentEncode(std::string_view text);

boost::json::value Parsed(const http::Response& response);
// operation.Details; null when there are none.
boost::json::value DetailsOf(const http::Response& response);
std::string MessageOf(const http::Response& response);
std::string StatusOf(const http::Response& response);
std::string NameOf(const http::Response& response);
int64_t CodeOf(const http::Response& response);
// The text at a key of Details.
std::string TextOf(const http::Response& response, std::string_view key);

// HTTP 200, Failed, no Details, this message.
MATCHER_P(FailedWith, message, "") {
  *result_listener << arg.status << " " << arg.body;
  return arg.status == 200 && StatusOf(arg) == "Failed" && DetailsOf(arg).is_null() &&
         MessageOf(arg) == message;
}
MATCHER(Succeeded, "") {
  *result_listener << arg.status << " " << arg.body;
  return arg.status == 200 && StatusOf(arg) == "Success" && CodeOf(arg) == 20000;
}

}  // namespace holdfast::pam360

#endif  // HOLDFAST_TESTS_UNIT_API_PAM360_DIALECT_FIXTURE_H_
