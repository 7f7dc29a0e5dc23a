#ifndef HOLDFAST_TESTS_UNIT_API_NATIVE_NATIVE_FIXTURE_H_
#define HOLDFAST_TESTS_UNIT_API_NATIVE_NATIVE_FIXTURE_H_

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json/value.hpp>
#include <memory>
#include <string>
#include <string_view>

#include "api/http/json.h"
#include "api/http/router.h"
#include "api/native/native.h"
#include "tests/support/state_desk.h"

namespace holdfast::native {

// The routes over a real vault, asked without sockets.
class NativeTest : public testing::Test {
 protected:
  NativeTest() {
    AddNativeRoutes(
        {.desk = desk_,
         .join =
             [this](const std::string& source, std::string body,
                    std::function<void(absl::StatusOr<std::string>)> done) {
               joined_ = source + " " + body;
               done(join_answer_);
             },
         .encode_invite = [](const std::string& node_id,
                             const SecretBytes& secret) -> absl::StatusOr<SecretBytes> {
           return SecretBytes::CopyOf("invite/" + node_id + "/" +
                                      std::string(secret.RevealText(Purpose::kCompare)));
         }},
        router_);
  }

  http::Response Ask(http::Method method, std::string_view target, std::string body = "") {
    return AskWith({{"AUTHTOKEN", token_}}, method, target, std::move(body));
  }
  http::Response AskWith(http::Headers headers, http::Method method, std::string_view target,
                         std::string body = "") {
    auto request = std::make_shared<http::Request>();
    request->method = method;
    auto parsed = http::ParseTarget(target);
    EXPECT_TRUE(parsed.ok()) << target;
    request->target = *std::move(parsed);
    request->headers = std::move(headers);
    request->body = std::move(body);
    request->client = "192.0.2.1";
    auto answered = std::make_shared<std::optional<http::Response>>();
    router_.Dispatch(std::move(request), [answered](http::Response response) {
      if (!answered->has_value()) *answered = std::move(response);
    });
    EXPECT_TRUE(answered->has_value()) << target;
    return answered->has_value() ? **std::move(answered) : http::Response{.status = 0};
  }
  http::Response Get(std::string_view target) { return Ask(http::Method::kGet, target); }
  http::Response Post(std::string_view target, std::string body = "") {
    return Ask(http::Method::kPost, target, std::move(body));
  }
  http::Response Put(std::string_view target, std::string body) {
    return Ask(http::Method::kPut, target, std::move(body));
  }
  http::Response Delete(std::string_view target) { return Ask(http::Method::kDelete, target); }

  static boost::json::value Json(const http::Response& response) {
    auto value = http::ParseJson(response.body);
    EXPECT_TRUE(value.ok()) << response.body;
    return value.ok() ? *std::move(value) : boost::json::value();
  }
  // The text of what stands at a pointer ("/user/id"), for comparing.
  static std::string At(const http::Response& response, std::string_view pointer) {
    const boost::json::value value = Json(response);
    boost::json::error_code error;
    const boost::json::value* found =
        value.find_pointer(boost::json::string_view(pointer.data(), pointer.size()), error);
    if (found == nullptr) return "(nothing at " + std::string(pointer) + ")";
    return found->is_string() ? std::string(found->get_string().c_str()) : http::JsonText(*found);
  }
  static std::string CodeOf(const http::Response& response) { return At(response, "/error/code"); }
  static std::string HeaderOf(const http::Response& response, std::string_view name) {
    const std::string* value = response.headers.Find(name);
    return value == nullptr ? "(none)" : *value;
  }
  static void ExpectRefused(const http::Response& response, int status, std::string_view code) {
    EXPECT_EQ(response.status, status) << response.body;
    EXPECT_EQ(CodeOf(response), code) << response.body;
  }

  void BecomeSecondary(bool primary_up) {
    desk::NodeFacts facts = desk_.Facts();
    facts.node_id = "b";
    facts.primary = false;
    facts.primary_up = primary_up;
    facts.age = std::chrono::milliseconds(40);
    desk_.SetFacts(facts);
  }

  StateDesk desk_;
  http::Router router_;
  std::string token_ = StateDesk::kAdminToken;
  std::string joined_;
  absl::StatusOr<std::string> join_answer_ = std::string(R"({"ca":"PEM"})");
};

}  // namespace holdfast::native

#endif  // HOLDFAST_TESTS_UNIT_API_NATIVE_NATIVE_FIXTURE_H_
