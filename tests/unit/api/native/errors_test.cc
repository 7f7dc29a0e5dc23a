#include "api/native/errors.h"

#include <gtest/gtest.h>

namespace holdfast::native {
namespace {

using vault::Refusal;
using vault::Refuse;

desk::NodeFacts PrimaryIsUp() {
  desk::NodeFacts facts;
  facts.node_id = "b";
  facts.primary_up = true;
  facts.primary_rest_url = "https://a:8282";
  return facts;
}

std::string HeaderOf(const http::Response& response, std::string_view name) {
  const std::string* value = response.headers.Find(name);
  return value == nullptr ? "(none)" : *value;
}

TEST(ErrorsTest, EveryRefusalHasAStatusOfThePage) {
  for (const vault::RefusalRow& row : vault::kRefusals) {
    EXPECT_NE(HttpStatusOf(row.refusal, true), 500) << row.name;
    EXPECT_GE(HttpStatusOf(row.refusal, true), 400) << row.name;
  }
}

TEST(ErrorsTest, AWriteThatWentAstrayIsToldTheWay) {
  const http::Response response = RenderError(
      Refuse(Refusal::kNotPrimary, "this node is a secondary"), PrimaryIsUp(), "/v1/users");
  EXPECT_EQ(response.status, 421);
  EXPECT_EQ(HeaderOf(response, "Location"), "https://a:8282/v1/users");
  EXPECT_EQ(HeaderOf(response, "X-Holdfast-Primary"), "https://a:8282");
  EXPECT_EQ(HeaderOf(response, "Retry-After"), "(none)");
  EXPECT_EQ(response.body, R"({"error":{"code":"NOT_PRIMARY","message":"this node is a secondary",)"
                           R"("primary":"https://a:8282"}})");
}

TEST(ErrorsTest, WithoutAPrimaryThatIsUpAWriteMayComeAgain) {
  desk::NodeFacts facts = PrimaryIsUp();
  facts.primary_up = false;
  const http::Response response =
      RenderError(Refuse(Refusal::kNotPrimary, "no primary"), facts, "/v1/users");
  EXPECT_EQ(response.status, 503);
  EXPECT_EQ(HeaderOf(response, "Location"), "(none)");
  EXPECT_EQ(HeaderOf(response, "X-Holdfast-Primary"), "unknown");
  EXPECT_EQ(HeaderOf(response, "Retry-After"), "1");
  EXPECT_NE(response.body.find(R"("primary":null)"), std::string::npos);
}

TEST(ErrorsTest, RefusedLoginsAreNotToldApart) {
  const desk::NodeFacts facts = PrimaryIsUp();
  const http::Response unknown = RenderError(Refuse(Refusal::kAuthFailed, "x"), facts, "/v1/me");
  EXPECT_EQ(unknown.status, 401);
  for (const Refusal refusal : {Refusal::kTokenExpired, Refusal::kUserLocked,
                                Refusal::kRestNotEnabled, Refusal::kHostNotAllowed}) {
    const http::Response response = RenderError(Refuse(refusal, "y"), facts, "/v1/me");
    EXPECT_EQ(response.status, unknown.status);
    EXPECT_EQ(response.body, unknown.body);
    EXPECT_EQ(response.headers.size(), unknown.headers.size());
  }
}

TEST(ErrorsTest, AnErrorThatNobodyMeantKeepsItsText) {
  const http::Response response =
      RenderError(absl::InternalError("/var/lib/holdfast: disk"), PrimaryIsUp(), "/v1/me");
  EXPECT_EQ(response.status, 500);
  EXPECT_EQ(response.body.find("disk"), std::string::npos);
}

TEST(ErrorsTest, NoRouteIsNativeToo) {
  EXPECT_EQ(RenderNoRoute(absl::NotFoundError("no such path"), {}).status, 404);
  EXPECT_EQ(RenderNoRoute(absl::UnimplementedError("no such method"), {}).body,
            R"({"error":{"code":"METHOD_NOT_ALLOWED","message":"no such method","primary":null}})");
}

}  // namespace
}  // namespace holdfast::native
