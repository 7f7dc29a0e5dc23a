#include "api/http/router.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace holdfast::http {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;
using ::testing::UnorderedElementsAre;

template <typename R>
concept BuildsWithoutClass = requires {
  R{.method = Method::kGet, .pattern = "/x", .api = "a", .name = "n"};
};
template <typename R>
concept BuildsWithClass = requires {
  R{.method = Method::kGet, .pattern = "/x", .op_class = OperationClass::kNode, .api = "a"};
};
static_assert(!BuildsWithoutClass<Route>, "a route must say its class");
static_assert(BuildsWithClass<Route>);

Route Named(Method method, std::string pattern, std::string name,
            OperationClass op_class = OperationClass::kRetrieve) {
  return {.method = method,
          .pattern = std::move(pattern),
          .op_class = op_class,
          .api = "test",
          .name = name,
          .handler = [name](std::shared_ptr<Request>, Respond respond) {
            Response response;
            response.body = name;
            respond(std::move(response));
          }};
}

Response Call(const Router& router, Method method, const std::string& target) {
  auto request = std::make_shared<Request>();
  request->method = method;
  request->target = *ParseTarget(target);
  Response got;
  got.status = 0;
  router.Dispatch(request, [&](Response response) { got = std::move(response); });
  return got;
}

TEST(RouterTest, StaticSegmentsBeatCapturesWhateverTheOrder) {
  Router router;
  router.Add(Named(Method::kGet, "/v1/users/{id}", "one"));
  router.Add(Named(Method::kGet, "/v1/users/me", "me"));
  EXPECT_EQ(Call(router, Method::kGet, "/v1/users/me").body, "me");
  EXPECT_EQ(Call(router, Method::kGet, "/v1/users/7").body, "one");
}

TEST(RouterTest, GoesBackToACaptureWhenTheStaticBranchEnds) {
  Router router;
  router.Add(Named(Method::kGet, "/v1/me/keys", "keys"));
  router.Add(Named(Method::kGet, "/v1/{id}/token", "token"));
  EXPECT_EQ(Call(router, Method::kGet, "/v1/me/token").body, "token");
}

TEST(RouterTest, CapturesDecodedSegments) {
  Router router;
  router.Add(Named(Method::kGet, "/r/{resource}/a/{account}", "x"));
  const auto match = router.Find(Method::kGet, ParseTarget("/r/a%2Fb/a/c+d")->segments);
  EXPECT_THAT(match.captures, ElementsAre(Pair("resource", "a/b"), Pair("account", "c+d")));
}

TEST(RouterTest, ACaptureDoesNotMatchNothing) {
  Router router;
  router.Add(Named(Method::kGet, "/v1/users/{id}", "one"));
  EXPECT_EQ(Call(router, Method::kGet, "/v1/users/").status, 404);
  EXPECT_EQ(Call(router, Method::kGet, "/v1/users//").status, 404);
  EXPECT_EQ(Call(router, Method::kGet, "/v1/users/a/b").status, 404);
}

TEST(RouterTest, AnUnknownMethodIsToldWhichAreKnown) {
  Router router;
  router.Add(Named(Method::kGet, "/v1/users", "list"));
  router.Add(Named(Method::kPost, "/v1/users", "add"));
  const Response response = Call(router, Method::kDelete, "/v1/users");
  EXPECT_EQ(response.status, 405);
  EXPECT_EQ(*response.headers.Find("Allow"), "GET, HEAD, POST");
}

TEST(RouterTest, HeadIsAnsweredByGet) {
  Router router;
  router.Add(Named(Method::kGet, "/v1/users", "list"));
  EXPECT_EQ(Call(router, Method::kHead, "/v1/users/").body, "list");
}

TEST(RouterTest, HeadIsNotAnsweredByPost) {
  Router router;
  router.Add(Named(Method::kPost, "/v1/users", "add"));
  EXPECT_EQ(Call(router, Method::kHead, "/v1/users").status, 405);
}

TEST(RouterTest, ARefusedRequestNeverReachesItsHandler) {
  Router router([](const Route& route, const Request&) -> std::optional<Response> {
    if (route.op_class != OperationClass::kPrimaryOnly) return std::nullopt;
    return route.refuse(absl::FailedPreconditionError("read-only"));
  });
  Route write = Named(Method::kPost, "/w", "write", OperationClass::kPrimaryOnly);
  bool ran = false;
  write.handler = [&](std::shared_ptr<Request>, Respond) { ran = true; };
  write.refuse = [](const absl::Status&) { return ErrorResponse(421, "NOT_PRIMARY", "elsewhere"); };
  router.Add(std::move(write));
  router.Add(Named(Method::kGet, "/w", "read"));
  EXPECT_EQ(Call(router, Method::kPost, "/w").status, 421);
  EXPECT_FALSE(ran);
  EXPECT_EQ(Call(router, Method::kGet, "/w").body, "read");
}

TEST(RouterTest, TheLongestPrefixRendersWhatIsNotThere) {
  Router router;
  router.Add(Named(Method::kGet, "/restapi/json/v1/x", "x"));
  router.AddFallback("/restapi", [](const absl::Status&) { return ErrorResponse(501, "A", ""); });
  router.AddFallback("/restapi/json", [](const absl::Status& status) {
    return ErrorResponse(200, absl::StatusCodeToString(status.code()).c_str(), "");
  });
  EXPECT_EQ(Call(router, Method::kGet, "/restapi/json/v1/y").status, 200);
  EXPECT_EQ(Call(router, Method::kGet, "/restapi/other").status, 501);
  EXPECT_EQ(Call(router, Method::kGet, "/restapiother").status, 404);
  EXPECT_EQ(*Call(router, Method::kPut, "/restapi/json/v1/x").headers.Find("Allow"), "GET, HEAD");
}

TEST(RouterTest, ListsEveryRoute) {
  Router router;
  EXPECT_THAT(router.Routes(), IsEmpty());
  router.Add(Named(Method::kGet, "/", "root"));
  router.Add(Named(Method::kPost, "/a/{b}", "ab"));
  std::vector<std::string> names;
  for (const Route* route : router.Routes()) names.push_back(route->name);
  EXPECT_THAT(names, UnorderedElementsAre("root", "ab"));
}

TEST(RouterDeathTest, RefusesTwoRoutesForOneRequest) {
  Router router;
  router.Add(Named(Method::kGet, "/a/{x}", "one"));
  EXPECT_DEATH(router.Add(Named(Method::kGet, "/a/{y}", "two")), "");
}

TEST(RouterDeathTest, RefusesARouteWithoutHandler) {
  Router router;
  Route route = Named(Method::kGet, "/a", "a");
  route.handler = nullptr;
  EXPECT_DEATH(router.Add(std::move(route)), "handler");
}

}  // namespace
}  // namespace holdfast::http
