#include "api/client/message.h"

#include <gtest/gtest.h>

#include "server/base/limits.h"

namespace holdfast::client {
namespace {

SecretBytes Secret(std::string_view text) { return SecretBytes::CopyOf(text); }

Response Answer(int status, std::string_view body) {
  Response response;
  response.status = status;
  response.body = Secret(body);
  return response;
}

TEST(WireTextTest, AReadHasATokenAndNoBody) {
  Request request;
  request.target = "/v1/me?x=1";
  request.headers = {{"X-Holdfast-Position", "1.2"}};
  EXPECT_EQ(WireText(request, {"::1", 8282}, Secret("tok")),
            "GET /v1/me?x=1 HTTP/1.1\r\n"
            "Host: [::1]:8282\r\n"
            "Connection: close\r\n"
            "X-Holdfast-Position: 1.2\r\n"
            "Authorization: Bearer tok\r\n"
            "\r\n");
}

TEST(WireTextTest, AWriteSaysHowLongItsBodyIs) {
  Request request;
  request.method = "POST";
  request.target = "/v1/users";
  EXPECT_EQ(WireText(request, {"n1", 1}, SecretBytes()),
            "POST /v1/users HTTP/1.1\r\nHost: n1:1\r\nConnection: close\r\n"
            "Content-Length: 0\r\n\r\n");
  request.body = Secret("{}");
  EXPECT_EQ(WireText(request, {"n1", 1}, SecretBytes()),
            "POST /v1/users HTTP/1.1\r\nHost: n1:1\r\nConnection: close\r\n"
            "Content-Type: application/json\r\nContent-Length: 2\r\n\r\n{}");
}

TEST(CheckRequestTest, RefusesWhatWouldBeMoreThanOneRequest) {
  const auto ok = [](auto change) {
    Request request;
    request.target = "/v1/me";
    change(request);
    return CheckRequest(request).ok();
  };
  EXPECT_TRUE(ok([](Request&) {}));
  EXPECT_TRUE(ok([](Request& r) { r.headers = {{"X-A", "b c"}}; }));
  for (const char* target : {"", "v1", "/a b", "/a\r\nX: y", "/\x7f", "https://n1/v1"}) {
    EXPECT_FALSE(ok([&](Request& r) { r.target = target; })) << target;
  }
  EXPECT_FALSE(ok([](Request& r) { r.target = "/" + std::string(kTargetBytesMax, 'a'); }));
  for (const char* method : {"", "G T", "GET\r\n", "AAAAAAAAAAAAAAAAA"}) {
    EXPECT_FALSE(ok([&](Request& r) { r.method = method; })) << method;
  }
  EXPECT_FALSE(ok([](Request& r) { r.headers = {{"X-A", "b\r\nX-B: c"}}; }));
  EXPECT_FALSE(ok([](Request& r) { r.headers = {{"X-A: b\r\nX", "c"}}; }));
  EXPECT_FALSE(ok([](Request& r) { r.headers = {{"", "c"}}; }));
  EXPECT_FALSE(ok([](Request& r) { r.content_type = "a\r\nX: y"; }));
  EXPECT_FALSE(ok([](Request& r) { r.body = SecretBytes::OfSize(limits::kBodyBytesMax + 1); }));
}

TEST(CheckRequestTest, TheFramingAndTheTokenAreTheClientsToWrite) {
  for (const char* name : {"Content-Length", "TRANSFER-ENCODING", "host", "Authorization",
                           "Connection", "Content-Type", "Expect", "Upgrade"}) {
    Request request;
    request.target = "/";
    request.headers = {{name, "x"}};
    EXPECT_FALSE(CheckRequest(request).ok()) << name;
  }
}

TEST(CheckTokenTest, RefusesATokenThatWouldEndItsLine) {
  EXPECT_TRUE(CheckToken(SecretBytes()).ok());
  EXPECT_TRUE(CheckToken(Secret("hf_abc.DEF-123")).ok());
  for (const char* bad : {"a b", "a\n", "a\r\nX: y", "\xc3\xa4"}) {
    const absl::Status status = CheckToken(Secret(bad));
    EXPECT_FALSE(status.ok()) << bad;
    EXPECT_EQ(status.message().find(bad), std::string::npos);
  }
}

TEST(ErrorOfTest, ReadsCodeAndMessage) {
  const ServerError error =
      ErrorOf(Answer(404, R"({"error":{"code":"NO_SUCH_USER","message":"no","primary":null}})"));
  EXPECT_EQ(error.code, "NO_SUCH_USER");
  EXPECT_EQ(error.message, "no");
}

TEST(ErrorOfTest, IsEmptyForWhatHasAnotherForm) {
  for (const char* body : {"", "x", "[]", "{}", R"({"error":"x"})", R"({"error":{}})",
                           R"({"error":{"code":1}})", R"({"error":null})"}) {
    EXPECT_EQ(ErrorOf(Answer(500, body)).code, "") << body;
  }
  EXPECT_EQ(ErrorOf(Answer(200, R"({"error":{"code":"X"}})")).code, "") << "not an error";
  EXPECT_EQ(ErrorOf(Answer(500, std::string(100'000, '['))).code, "");
}

TEST(ErrorOfTest, WhatAServerSaysIsFitForATerminal) {
  const ServerError error = ErrorOf(Answer(
      500, R"({"error":{"code":"A\u001b[2J","message":")" + std::string(5000, 'm') + R"("}})"));
  EXPECT_EQ(error.code, "A?[2J");
  EXPECT_EQ(error.message, std::string(512, 'm'));
}

TEST(ResponseTest, HeadersAreFoundInWhateverCase) {
  Response response;
  EXPECT_EQ(response.node(), "");
  response.headers = {{"x-holdfast-NODE", "n1"}, {"X-Holdfast-Node", "n2"}};
  EXPECT_EQ(response.node(), "n1");
  EXPECT_EQ(response.Find("X-Other"), nullptr);
}

}  // namespace
}  // namespace holdfast::client
