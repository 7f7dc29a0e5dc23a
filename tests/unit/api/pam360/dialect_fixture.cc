#include "tests/unit/api/pam360/dialect_fixture.h"

#include <fmt/format.h>

#include <memory>
#include <optional>
#include <utility>

#include "api/http/json.h"

namespace holdfast::pam360 {
namespace {

constexpr std::string_view kPrefix = "/restapi/json/v1/";

std::string Field(const boost::json::value& value) {
  return value.is_string() ? std::string(value.as_string()) : http::JsonText(value);
}

}  // namespace

DialectTest::DialectTest(Options options)
    : router_(
          [this](const http::Route& route, const http::Request&) -> std::optional<http::Response> {
            const absl::Status admitted = desk_.Admit(route.op_class);
            if (admitted.ok()) return std::nullopt;
            return route.refuse(admitted);
          }) {
  AddPam360Routes(router_, desk_, std::move(options));
}

http::Response DialectTest::Send(http::Method method, std::string_view path, std::string body,
                                 http::Headers headers) {
  if (!headers.Has("AUTHTOKEN")) headers.Add("AUTHTOKEN", token_);
  return SendRaw(method, std::string(kPrefix) + std::string(path), std::move(body),
                 std::move(headers));
}

http::Response DialectTest::Get(std::string_view path, std::string_view details) {
  std::string target(path);
  if (!details.empty()) {
    target += path.find('?') == std::string_view::npos ? "?" : "&";
    target += EncodedInput(details);
  }
  return Send(http::Method::kGet, target);
}

http::Response DialectTest::Put(std::string_view path, std::string_view details) {
  return Send(http::Method::kPut, path, details.empty() ? "" : EncodedInput(details));
}

http::Response DialectTest::Post(std::string_view path, std::string_view details) {
  return Send(http::Method::kPost, path, details.empty() ? "" : EncodedInput(details));
}

http::Response DialectTest::SendRaw(http::Method method, std::string_view target, std::string body,
                                    http::Headers headers) {
  auto request = std::make_shared<http::Request>();
  const auto parsed = http::ParseTarget(target);
  EXPECT_TRUE(parsed.ok()) << target << parsed.status();
  request->method = method;
  request->target = *parsed;
  request->headers = std::move(headers);
  request->body = std::move(body);
  request->client = "192.0.2.7";
  std::optional<http::Response> answer;
  router_.Dispatch(std::move(request),
                   [&](http::Response response) { answer = std::move(response); });
  EXPECT_TRUE(answer.has_value()) << target;
  return answer.has_value() ? *std::move(answer) : http::Response();
}

std::string InputOf(std::string_view details) {
  return fmt::format(R"({{"operation":{{"Details":{}}}}})", details);
}

std::string EncodedInput(std::string_view details) {
  return "INPUT_DATA=" + PercentEncode(InputOf(details));
}

std::string PercentEncode(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    out += plain ? std::string(1, c) : fmt::format("%{:02X}", static_cast<unsigned char>(c));
  }
  return out;
}

boost::json::value Parsed(const http::Response& response) {
  const auto value = http::ParseJson(response.body);
  EXPECT_TRUE(value.ok()) << response.body;
  return value.ok() ? *value : boost::json::value(boost::json::object_kind);
}

boost::json::value DetailsOf(const http::Response& response) {
  const boost::json::value all = Parsed(response);
  const auto* details = all.at("operation").as_object().if_contains("Details");
  return details == nullptr ? boost::json::value() : *details;
}

std::string MessageOf(const http::Response& response) {
  return Field(Parsed(response).at("operation").at("result").at("message"));
}

std::string StatusOf(const http::Response& response) {
  return Field(Parsed(response).at("operation").at("result").at("status"));
}

std::string NameOf(const http::Response& response) {
  return Field(Parsed(response).at("operation").at("name"));
}

int64_t CodeOf(const http::Response& response) {
  return Parsed(response).at("operation").at("result").at("statusCode").as_int64();
}

std::string TextOf(const http::Response& response, std::string_view key) {
  const boost::json::value details = DetailsOf(response);
  if (!details.is_object()) return "no Details: " + response.body;
  const auto* value = details.as_object().if_contains({key.data(), key.size()});
  if (value == nullptr || !value->is_string()) return "no text: " + response.body;
  return std::string(value->as_string());
}

}  // namespace holdfast::pam360
