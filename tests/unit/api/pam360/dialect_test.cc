// What all operations have in common: where tokens and INPUT_DATA may stand, how refusals look,
// what a secondary answers.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "server/vault/refusal.h"
#include "tests/unit/api/pam360/dialect_fixture.h"

namespace holdfast::pam360 {
namespace {

using http::Method;
using ::testing::HasSubstr;
using ::testing::Not;
using vault::Refusal;

constexpr char kBadToken[] =
    "API key received is not associated to any user. Authentication failed.";
constexpr char kList[] = "/restapi/json/v1/resources";

// ---- INPUT_DATA.

struct Shape {
  std::string body;
  std::string content_type;
};

class BodyShapesTest : public DialectTest, public ::testing::WithParamInterface<Shape> {};

std::string Json() {
  return InputOf(R"({"RESOURCENAME":"a & b","ACCOUNTNAME":"x+y","PASSWORD":"p\"q%41+'"})");
}

TEST_P(BodyShapesTest, MakeTheSameResource) {
  http::Headers headers;
  if (!GetParam().content_type.empty()) headers.Add("Content-Type", GetParam().content_type);
  const http::Response made = Send(Method::kPost, "resources", GetParam().body, headers);
  ASSERT_THAT(made, Succeeded()) << GetParam().body;
  EXPECT_EQ(MessageOf(made), "Resource a & b has been added successfully");
  const http::Response ids =
      Get("resources/getResourceIdAccountId?RESOURCENAME=a%20%26%20b&ACCOUNTNAME=x%2By");
  EXPECT_EQ(desk_.SecretOf(std::stoull(TextOf(ids, "ACCOUNTID"))), "p\"q%41+'");
}

std::string PlusForBlanks(std::string text) {
  for (size_t at = text.find("%20"); at != std::string::npos; at = text.find("%20", at)) {
    text.replace(at, 3, "+");
  }
  return text;
}

constexpr char kForm[] = "application/x-www-form-urlencoded";
constexpr char kPython[] =
    R"({'operation': {'Details': {'RESOURCENAME': 'a & b', 'ACCOUNTNAME': u'x+y',)"
    R"( 'PASSWORD': 'p"q%41+\'', 'NOTES': None, 'ENABLEPRIVATEKEY': False}}})";

INSTANTIATE_TEST_SUITE_P(
    Spec, BodyShapesTest,
    ::testing::Values(Shape{"INPUT_DATA=" + PercentEncode(Json()), kForm},
                      Shape{"INPUT_DATA=" + PlusForBlanks(PercentEncode(Json())), "text/json"},
                      Shape{"INPUT_DATA=" + Json(), "text/json"},
                      Shape{"INPUT_DATA=" + Json(), kForm},
                      Shape{"INPUT_DATA=" + std::string(kPython), ""},
                      Shape{"INPUT_DATA=" + PercentEncode(kPython), kForm},
                      Shape{"INPUT_DATA=" + PercentEncode(Json()), "application/json"},
                      Shape{"a=b&INPUT_DATA=" + PercentEncode(Json()) + "&c=d", ""}));

class DialectRulesTest : public DialectTest {};

TEST_F(DialectRulesTest, InputDataMayStandInTheQueryOfAWrite) {
  const std::string target = "resources?" + EncodedInput(R"({"RESOURCENAME":"q"})");
  EXPECT_THAT(Send(Method::kPost, target), Succeeded());
}

TEST_F(DialectRulesTest, UnreadableInputDataIsRefused) {
  for (const std::string_view body :
       {"INPUT_DATA={", "INPUT_DATA=", "INPUT_DATA=%7", "INPUT_DATA={}", "INPUT_DATA=[1]",
        "INPUT_DATA={\"operation\":1}"}) {
    const http::Response refused = Send(Method::kPost, "resources", std::string(body));
    EXPECT_THAT(refused, FailedWith("Invalid input data.")) << body;
    EXPECT_EQ(NameOf(refused), "CREATE RESOURCE");
  }
}

// ---- Tokens.

TEST_F(DialectRulesTest, TheTokenIsTakenFromEveryPlace) {
  const std::string token = StateDesk::kAdminToken;
  const std::string list = kList;
  const auto get = [&](const std::string& target, http::Headers headers) {
    return SendRaw(Method::kGet, target, "", std::move(headers));
  };
  EXPECT_THAT(get(list, {{"authtoken", token}}), Succeeded());
  EXPECT_THAT(get(list, {{"APP_AUTHTOKEN", token}, {"APP_TYPE", "17"}}), Succeeded());
  EXPECT_THAT(get(list + "?AUTHTOKEN=" + token, {}), Succeeded());
  EXPECT_THAT(get(list + "?APP_AUTHTOKEN=" + token + "&APP_NAME=Ansible", {}), Succeeded());
  EXPECT_THAT(get(list, {{"Authorization", "Bearer " + token}}), Succeeded());
}

TEST_F(DialectRulesTest, TheFirstPlaceThatHoldsATokenCounts) {
  const std::string token = StateDesk::kAdminToken;
  EXPECT_THAT(
      SendRaw(Method::kGet, std::string(kList) + "?AUTHTOKEN=" + token, "", {{"AUTHTOKEN", "bad"}}),
      FailedWith(kBadToken));
  EXPECT_THAT(
      SendRaw(Method::kGet, std::string(kList) + "?AUTHTOKEN=bad", "", {{"APP_AUTHTOKEN", token}}),
      Succeeded());
}

class NoQueryTokensTest : public DialectTest {
 protected:
  NoQueryTokensTest() : DialectTest({.query_tokens = false}) {}
};

TEST_F(NoQueryTokensTest, TokensInTheQueryCanBeSwitchedOff) {
  EXPECT_THAT(
      SendRaw(Method::kGet, std::string(kList) + "?AUTHTOKEN=" + StateDesk::kAdminToken, "", {}),
      FailedWith(kBadToken));
}

TEST_F(DialectRulesTest, ABadTokenIsTheExampleByteForByte) {
  const std::string expected =
      R"({"operation":{"result":{"message":"API key received is not associated to any user. )"
      R"(Authentication failed.","status":"Failed","statusCode":40000},"name":"Authentication"}})";
  const http::Response bad = SendRaw(Method::kGet, kList, "", {{"AUTHTOKEN", "NOT-ONE"}});
  EXPECT_EQ(bad.body, expected);
  EXPECT_EQ(bad.status, 200);
  EXPECT_FALSE(bad.authenticated);
  EXPECT_EQ(SendRaw(Method::kGet, kList, "", {}).body, expected);
  EXPECT_TRUE(Get("resources").authenticated);
}

TEST_F(DialectRulesTest, EveryRefusedLoginHasItsText) {
  v1::UserRow user;
  user.set_role(v1::ROLE_PASSWORD_USER);
  user.set_name("expired");
  user.set_rest_enabled(true);
  desk_.AddUser(user, "EXPIRED", StateDesk::kStartMs + 1);
  user.set_name("locked");
  const uint64_t locked = desk_.AddUser(user, "LOCKED");
  desk_.Do(vault::SetUserLocked{locked, true});
  user.set_name("elsewhere");
  user.set_host_name("203.0.113.9");
  user.set_host_check(true);
  desk_.AddUser(user, "ELSEWHERE");
  desk_.SetNow(StateDesk::kStartMs + 2);
  const std::pair<std::string, std::string> cases[] = {
      {"EXPIRED", "API key has expired. Authentication failed."},
      {"LOCKED", "User account is locked. Authentication failed."},
      {"ELSEWHERE", "User is not allowed to access from this host"}};
  for (const auto& [token, message] : cases) {
    As(token);
    const http::Response refused = Get("resources");
    EXPECT_THAT(refused, FailedWith(message));
    EXPECT_EQ(NameOf(refused), "Authentication");
    EXPECT_EQ(CodeOf(refused), 40000);
  }
}

TEST_F(DialectRulesTest, OnlyTheOwnOrganizationIsThere) {
  const auto with = [&](std::string name) {
    return Send(Method::kGet, "resources", "", {{"orgname", std::move(name)}});
  };
  EXPECT_THAT(with("default"), Succeeded());
  EXPECT_THAT(with(""), Succeeded());
  EXPECT_THAT(with("other"), FailedWith("No such organization found."));
}

// ---- Paths.

TEST_F(DialectRulesTest, UnknownPathsAndMethodsAnswerInTheEnvelope) {
  for (const std::string_view path :
       {"/restapi/json/v1/nothing", "/restapi/json/v1/resources/1/2/3", "/api/json/request",
        "/api/json"}) {
    const http::Response none = SendRaw(Method::kGet, path, "", {});
    EXPECT_EQ(none.status, 404) << path;
    EXPECT_EQ(StatusOf(none), "Failed");
  }
  const http::Response method = SendRaw(Method::kDelete, kList, "", {});
  EXPECT_EQ(method.status, 405);
  EXPECT_THAT(*method.headers.Find("Allow"), HasSubstr("POST"));
}

// ---- Roles, ages, outcomes.

desk::NodeFacts Secondary() {
  desk::NodeFacts facts;
  facts.node_id = "b";
  facts.position = {.epoch = 1, .seq = 7};
  facts.age = std::chrono::milliseconds(1500);
  facts.primary_up = true;
  facts.primary_rest_url = "https://a.test:8282";
  facts.can_read = true;
  return facts;
}

TEST_F(DialectRulesTest, ASecondaryAnswersReadsWithItsPositionAndAge) {
  desk_.SetFacts(Secondary());
  const http::Response list = Get("resources");
  EXPECT_THAT(list, Succeeded());
  EXPECT_EQ(*list.headers.Find("X-Holdfast-Node"), "b");
  EXPECT_EQ(*list.headers.Find("X-Holdfast-Role"), "secondary");
  EXPECT_EQ(*list.headers.Find("X-Holdfast-Position"), "1.7");
  EXPECT_EQ(*list.headers.Find("X-Holdfast-Age-Ms"), "1500");
  EXPECT_THAT(Get("resources/resourcetypes"), Succeeded());
}

TEST_F(DialectRulesTest, ASecondaryRefusesEveryWriteInTheNameOfTheOperation) {
  desk::NodeFacts facts = Secondary();
  const std::pair<Method, std::string> writes[] = {
      {Method::kPost, "resources"},
      {Method::kPost, "resources/1/accounts"},
      {Method::kPut, "resources/1/share"},
      {Method::kPut, "resources/1/accounts/1/share"},
      {Method::kPut, "resources/1/accounts/1/password"},
      {Method::kPost, "user"},
      {Method::kPut, "user/regenerateAuthtoken"}};
  for (const bool up : {true, false}) {
    facts.primary_up = up;
    desk_.SetFacts(facts);
    for (const auto& [method, path] : writes) {
      const http::Response refused = Send(method, path);
      EXPECT_THAT(refused, FailedWith("Write operations are not permitted. The server is running "
                                      "in read-only mode."))
          << path;
      EXPECT_EQ(CodeOf(refused), 40300);
      EXPECT_NE(NameOf(refused), "Authentication");
      EXPECT_EQ(*refused.headers.Find("X-Holdfast-Primary"),
                up ? "https://a.test:8282" : "unknown");
      EXPECT_EQ(*refused.headers.Find("X-Holdfast-Role"), "secondary");
      EXPECT_EQ(refused.headers.Has("Retry-After"), !up);
    }
  }
  EXPECT_EQ(NameOf(Send(Method::kPost, "resources")), "CREATE RESOURCE");
}

TEST_F(DialectRulesTest, ADemandThatIsNotMetAnswers412) {
  desk_.SetFacts(Secondary());
  const auto with = [&](std::string name, std::string value) {
    return Send(Method::kGet, "resources", "", {{std::move(name), std::move(value)}});
  };
  EXPECT_EQ(with("X-Holdfast-Position", "1.7").status, 200);
  EXPECT_EQ(with("X-Holdfast-Max-Age", "2").status, 200);
  for (const http::Response& refused :
       {with("X-Holdfast-Position", "1.8"), with("X-Holdfast-Max-Age", "1")}) {
    EXPECT_EQ(refused.status, 412);
    EXPECT_EQ(StatusOf(refused), "Failed");
    EXPECT_EQ(NameOf(refused), "GET RESOURCES");
    EXPECT_TRUE(refused.headers.Has("Retry-After"));
    EXPECT_EQ(*refused.headers.Find("X-Holdfast-Position"), "1.7");
  }
  EXPECT_THAT(MessageOf(with("X-Holdfast-Position", "x")), HasSubstr("X-Holdfast-Position"));
}

TEST_F(DialectRulesTest, AnUnknownOutcomeIsNeitherSuccessNorAnOrdinaryFailure) {
  desk_.FailWrites(vault::Refuse(Refusal::kOutcomeUnknown, "durable on a at 1.9"));
  const http::Response unknown = Post("resources", R"({"RESOURCENAME":"x"})");
  EXPECT_EQ(unknown.status, 200);
  EXPECT_EQ(StatusOf(unknown), "Failed");
  EXPECT_EQ(CodeOf(unknown), 50400);
  EXPECT_THAT(MessageOf(unknown), HasSubstr("unknown"));
}

TEST_F(DialectRulesTest, WhatCannotBeDoneNowIs503AndAFaultIs500WithoutItsText) {
  for (const Refusal refusal : {Refusal::kNotServing, Refusal::kAuditUnavailable,
                                Refusal::kLedgerClosed, Refusal::kOverloaded}) {
    desk_.FailWrites(vault::Refuse(refusal, "x"));
    const http::Response refused = Post("resources", R"({"RESOURCENAME":"x"})");
    EXPECT_EQ(refused.status, 503);
    EXPECT_EQ(CodeOf(refused), 50300);
  }
  desk_.FailWrites(absl::DataLossError("page 7 of /var/lib/holdfast"));
  const http::Response fault = Post("resources", R"({"RESOURCENAME":"x"})");
  EXPECT_EQ(fault.status, 500);
  EXPECT_EQ(fault.body, R"({"operation":{"result":{"message":"Internal server error.",)"
                        R"("status":"Failed","statusCode":50001},"name":"CREATE RESOURCE"}})");
}

}  // namespace
}  // namespace holdfast::pam360
