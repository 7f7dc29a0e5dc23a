#include <fmt/format.h>

#include <set>

#include "server/vault/refusal.h"
#include "tests/unit/api/native/native_fixture.h"

// What all routes have in common.
namespace holdfast::native {
namespace {

using http::Method;
using ::testing::HasSubstr;
using vault::Refusal;

std::string PathOf(const http::Route& route) {
  std::string path;
  for (size_t i = 0; i < route.pattern.size(); ++i) {
    if (route.pattern[i] != '{') {
      path += route.pattern[i];
      continue;
    }
    path += '1';
    i = route.pattern.find('}', i);
  }
  return path;
}

TEST_F(NativeTest, HasTheRoutesAndClassesOfThePage) {
  int primary = 0;
  int retrieve = 0;
  int node = 0;
  std::set<std::string> names;
  for (const http::Route* route : router_.Routes()) {
    names.insert(route->name);
    EXPECT_EQ(route->api, "native");
    primary += route->op_class.value == OperationClass::kPrimaryOnly ? 1 : 0;
    retrieve += route->op_class.value == OperationClass::kRetrieve ? 1 : 0;
    node += route->op_class.value == OperationClass::kNode ? 1 : 0;
    if (route->op_class.value == OperationClass::kNode) continue;  // Orders to a node are POST too.
    EXPECT_EQ(route->op_class.value == OperationClass::kPrimaryOnly, route->method != Method::kGet)
        << route->pattern;
  }
  EXPECT_EQ(primary, 20);
  EXPECT_EQ(retrieve, 18);
  EXPECT_EQ(node, 8);
  EXPECT_EQ(names.size(), router_.Routes().size()) << "two routes have one name";
}

TEST_F(NativeTest, EveryWriteOnASecondaryIsShownTheWayToThePrimary) {
  BecomeSecondary(/*primary_up=*/true);
  for (const http::Route* route : router_.Routes()) {
    if (route->op_class.value != OperationClass::kPrimaryOnly) continue;
    const std::string path = PathOf(*route);
    // Also without a token, and with a body that would be refused.
    const http::Response response = AskWith({}, route->method, path, "[");
    ExpectRefused(response, 421, "NOT_PRIMARY");
    EXPECT_EQ(HeaderOf(response, "Location"), "https://a.test:8282" + path);
    EXPECT_EQ(HeaderOf(response, "X-Holdfast-Primary"), "https://a.test:8282");
    EXPECT_EQ(At(response, "/error/primary"), "https://a.test:8282");
    EXPECT_EQ(HeaderOf(response, "X-Holdfast-Role"), "secondary");
  }
}

TEST_F(NativeTest, EveryWriteWithoutAPrimaryIsToldToComeBack) {
  BecomeSecondary(/*primary_up=*/false);
  for (const http::Route* route : router_.Routes()) {
    if (route->op_class.value != OperationClass::kPrimaryOnly) continue;
    const http::Response response = Ask(route->method, PathOf(*route));
    ExpectRefused(response, 503, "NOT_PRIMARY");
    EXPECT_EQ(HeaderOf(response, "Retry-After"), "1");
    EXPECT_EQ(HeaderOf(response, "X-Holdfast-Primary"), "unknown");
    EXPECT_EQ(At(response, "/error/primary"), "null");
  }
}

TEST_F(NativeTest, EveryReadOnASecondaryIsAnswered) {
  desk_.AddAccount(1, "srv", "root", "Geheim-1");
  BecomeSecondary(/*primary_up=*/false);
  for (const http::Route* route : router_.Routes()) {
    if (route->op_class.value == OperationClass::kPrimaryOnly) continue;
    const http::Response response = Get(PathOf(*route));
    EXPECT_NE(response.status, 421) << route->pattern;
    EXPECT_NE(response.status, 503) << route->pattern;
    EXPECT_EQ(HeaderOf(response, "X-Holdfast-Node"), "b") << route->pattern;
    EXPECT_EQ(HeaderOf(response, "X-Holdfast-Age-Ms"), "40") << route->pattern;
  }
}

TEST_F(NativeTest, ANodeThatCannotServeSaysSoButShowsItsStatus) {
  desk::NodeFacts facts = desk_.Facts();
  facts.can_read = false;
  facts.why_not = "joining";
  desk_.SetFacts(facts);
  ExpectRefused(Get("/v1/me"), 503, "NOT_SERVING");
  EXPECT_EQ(Get("/v1/status").status, 200);
}

TEST_F(NativeTest, EveryRouteWantsAToken) {
  for (const http::Route* route : router_.Routes()) {
    if (route->name == "join") continue;
    for (const http::Headers& headers : {http::Headers{}, http::Headers{{"AUTHTOKEN", "nobody's"}},
                                         http::Headers{{"Authorization", "Basic YTpi"}}}) {
      const http::Response response = AskWith(headers, route->method, PathOf(*route));
      ExpectRefused(response, 401, "AUTH_FAILED");
      EXPECT_FALSE(response.authenticated);
      EXPECT_EQ(HeaderOf(response, "X-Holdfast-Role"), "primary");
    }
  }
}

TEST_F(NativeTest, ATokenComesInAHeaderAndNeverInTheQuery) {
  const std::string token = StateDesk::kAdminToken;
  EXPECT_EQ(AskWith({{"authtoken", token}}, Method::kGet, "/v1/me").status, 200);
  EXPECT_EQ(AskWith({{"Authorization", "Bearer " + token}}, Method::kGet, "/v1/me").status, 200);
  EXPECT_EQ(AskWith({}, Method::kGet, "/v1/me?AUTHTOKEN=" + token).status, 401);
  EXPECT_TRUE(Get("/v1/me").authenticated);
}

TEST_F(NativeTest, LockedExpiredAndUnknownAreOneAnswer) {
  const uint64_t locked = desk_.AddUser("lock", v1::ROLE_PASSWORD_USER, "t-locked");
  desk_.Do(vault::SetUserLocked{.user_id = locked, .locked = true});
  v1::UserRow late;
  late.set_name("late");
  late.set_role(v1::ROLE_PASSWORD_USER);
  late.set_rest_enabled(true);
  desk_.AddUser(late, "t-late", StateDesk::kStartMs + 1);
  desk_.SetNow(StateDesk::kStartMs + 2);
  const http::Response unknown = AskWith({{"AUTHTOKEN", "x"}}, Method::kGet, "/v1/me");
  for (const std::string token : {"t-locked", "t-late"}) {
    const http::Response response = AskWith({{"AUTHTOKEN", token}}, Method::kGet, "/v1/me");
    EXPECT_EQ(response.status, 401);
    EXPECT_EQ(response.body, unknown.body);
  }
}

TEST_F(NativeTest, AWriteSaysWhereItStands) {
  const http::Response response = Post("/v1/resources", R"({"name":"r"})");
  EXPECT_EQ(response.status, 201);
  const std::string position = HeaderOf(response, "X-Holdfast-Position");
  EXPECT_EQ(position, ToText(desk_.Facts().position));
  EXPECT_EQ(AskWith({{"AUTHTOKEN", token_}, {"X-Holdfast-Position", position}}, Method::kGet,
                    "/v1/resources")
                .status,
            200);
}

TEST_F(NativeTest, ADemandThatIsNotMetIs412) {
  http::Response response =
      AskWith({{"AUTHTOKEN", token_}, {"X-Holdfast-Position", "1.999"}}, Method::kGet, "/v1/me");
  ExpectRefused(response, 412, "POSITION_NOT_REACHED");
  EXPECT_EQ(HeaderOf(response, "Retry-After"), "1");
  BecomeSecondary(true);
  desk::NodeFacts facts = desk_.Facts();
  facts.age = std::nullopt;
  desk_.SetFacts(facts);
  response = AskWith({{"AUTHTOKEN", token_}, {"X-Holdfast-Max-Age", "5"}}, Method::kGet, "/v1/me");
  ExpectRefused(response, 412, "TOO_STALE");
  response = AskWith({{"AUTHTOKEN", token_}, {"X-Holdfast-Position", "x"}}, Method::kGet, "/v1/me");
  ExpectRefused(response, 400, "INVALID_INPUT");
}

TEST_F(NativeTest, ATokenThatMayBeNewerThanThisNodeIsNotCalledBad) {
  const http::Headers newer{{"AUTHTOKEN", "made-later"}, {"X-Holdfast-Position", "1.999"}};
  ExpectRefused(AskWith(newer, Method::kGet, "/v1/me"), 412, "POSITION_NOT_REACHED");
  const http::Headers bad{{"AUTHTOKEN", "made-up"}, {"X-Holdfast-Position", "1.0"}};
  ExpectRefused(AskWith(bad, Method::kGet, "/v1/me"), 401, "AUTH_FAILED");
}

TEST_F(NativeTest, TheSameRequestUnderItsIdempotencyKeyIsDoneOnce) {
  const http::Headers with_key{{"AUTHTOKEN", token_}, {"Idempotency-Key", "k1"}};
  const auto post = [&](const std::string& body) {
    return AskWith(with_key, Method::kPost, "/v1/resources", body);
  };
  const http::Response first = post(R"({"name":"r"})");
  EXPECT_EQ(first.status, 201) << first.body;
  const http::Response again = post(R"({"name":"r"})");
  EXPECT_EQ(again.status, 201) << again.body;
  EXPECT_EQ(again.body, first.body);
  EXPECT_EQ(At(Get("/v1/resources"), "/total"), "1");
  ExpectRefused(post(R"({"name":"other"})"), 422, "IDEMPOTENCY_KEY_REUSED");
  ExpectRefused(AskWith({{"AUTHTOKEN", token_}, {"Idempotency-Key", "a b"}}, Method::kPost,
                        "/v1/resources", R"({"name":"x"})"),
                400, "INVALID_INPUT");
  ExpectRefused(AskWith({{"AUTHTOKEN", token_}, {"Idempotency-Key", "a"}, {"Idempotency-Key", "b"}},
                        Method::kPost, "/v1/resources", R"({"name":"x"})"),
                400, "INVALID_INPUT");
}

TEST_F(NativeTest, ATokenIsNotShownAgain) {
  const http::Headers with_key{{"AUTHTOKEN", token_}, {"Idempotency-Key", "k1"}};
  const std::string body = R"({"name":"bob","role":"password_user","issue_token":true})";
  const http::Response first = AskWith(with_key, Method::kPost, "/v1/users", body);
  EXPECT_EQ(first.status, 201) << first.body;
  const http::Response again = AskWith(with_key, Method::kPost, "/v1/users", body);
  EXPECT_EQ(again.status, 201) << again.body;
  EXPECT_EQ(At(again, "/token"), "null");
  EXPECT_EQ(At(again, "/repeated"), "true");
  EXPECT_EQ(At(again, "/user/id"), At(first, "/user/id"));
}

TEST_F(NativeTest, AnIssuedTokenIsNotShownAgain) {
  const http::Headers with_key{{"AUTHTOKEN", token_}, {"Idempotency-Key", "k1"}};
  const http::Response first = AskWith(with_key, Method::kPost, "/v1/users/1/tokens", "{}");
  EXPECT_EQ(first.status, 201) << first.body;
  const http::Response again = AskWith(with_key, Method::kPost, "/v1/users/1/tokens", "{}");
  EXPECT_EQ(again.status, 201) << again.body;
  EXPECT_EQ(At(again, "/token"), "null") << "the one of this request was never stored";
  EXPECT_EQ(At(again, "/token_id"), At(first, "/token/id"));
  EXPECT_EQ(At(again, "/repeated"), "true");
}

TEST_F(NativeTest, AForgetSaysWhatWasHeldAndThatNoKeyIsChanged) {
  desk_.AddAccount(1, "srv", "root", "geheim");
  v1::MemberRow member;
  member.set_node_id("c");
  member.set_rest_url("https://c.test:8282");
  member.set_ssh_address("c.test:6622");
  member.set_peer_address("c.test:9292");
  member.set_health_url("http://c.test:8080");
  member.set_fingerprint(std::string(64, 'c'));
  desk_.Do(vault::CreateInvite{.node_id = "c",
                               .token_hash = std::string(32, 'h'),
                               .expires_ms = StateDesk::kStartMs + 1000});
  desk_.Do(vault::JoinMember{.invite_hash = std::string(32, 'h'), .member = member});
  const http::Headers with_key{{"AUTHTOKEN", token_}, {"Idempotency-Key", "k1"}};
  const http::Response first = AskWith(with_key, Method::kPost, "/v1/nodes/c/forget", "{}");
  EXPECT_EQ(At(first, "/secrets_held"), "1") << first.body;
  EXPECT_THAT(At(first, "/notes/2"), HasSubstr("docs/runbooks/forgotten-node.md"));
  const http::Response again = AskWith(with_key, Method::kPost, "/v1/nodes/c/forget", "{}");
  EXPECT_EQ(again.status, 200) << again.body;
  EXPECT_EQ(At(again, "/secrets_held"), "null") << "not that nothing was held";
}

// Who has lost the right since is not shown by an old request what it no longer sees.
TEST_F(NativeTest, ARepeatedWriteShowsWhatItsCallerMaySeeNow) {
  const uint64_t ann = desk_.AddUser("ann", v1::ROLE_PASSWORD_ADMINISTRATOR, "t-ann");
  const uint64_t bob = desk_.AddUser("bob", v1::ROLE_PASSWORD_USER, "t-bob");
  const vault::Planned srv = desk_.AddAccount(1, "srv", "root", "geheim");
  const uint64_t share =
      desk_.Do(vault::SetShare{ann, srv.id, 0, v1::SHARE_LEVEL_FULL_ACCESS}, 1).id;
  const auto ask = [&](const char* key, const std::string& path, const std::string& body) {
    return AskWith({{"AUTHTOKEN", "t-ann"}, {"Idempotency-Key", key}}, Method::kPost, path, body);
  };
  const std::string accounts = fmt::format("/v1/resources/{}/accounts", srv.id);
  const std::string account = R"({"name":"app","secret":"Geheim#2026"})";
  const std::string view =
      fmt::format(R"({{"user_id":{},"resource_id":{},"level":"view"}})", bob, srv.id);
  const http::Response made = ask("k1", accounts, account);
  ASSERT_EQ(made.status, 201) << made.body;
  ASSERT_EQ(ask("k1", accounts, account).status, 201) << "it still sees it";
  const http::Response shared = ask("k2", "/v1/shares", view);
  ASSERT_EQ(shared.status, 201) << shared.body;
  ASSERT_EQ(ask("k2", "/v1/shares", view).body, shared.body);
  desk_.Do(vault::RevokeShare{share}, 1);
  ExpectRefused(ask("k1", accounts, account), 404, "NO_SUCH_RESOURCE");
  ExpectRefused(ask("k2", "/v1/shares", view), 404, "NO_SUCH_RESOURCE");
}

TEST_F(NativeTest, TheLevelOfAWriteIsAskedForAndTold) {
  const auto post = [&](const std::string& level, const std::string& name) {
    return AskWith({{"AUTHTOKEN", token_}, {"X-Holdfast-Sync", level}}, Method::kPost,
                   "/v1/resources", R"({"name":")" + name + R"("})");
  };
  const http::Response durable = post("durable:2", "r");
  ASSERT_EQ(durable.status, 201) << durable.body;
  EXPECT_EQ(*durable.headers.Find("X-Holdfast-Sync"), "durable:2");
  for (const char* bad : {"durable", "durable:0", "durable:65", "local:1", "", "Durable:1",
                          "durable:1x", "applied:-1"}) {
    ExpectRefused(post(bad, "x"), 400, "INVALID_INPUT");
  }
}

TEST_F(NativeTest, TheLevelOfAPromotionIsReadAsThatOfAWrite) {
  const auto promote = [&](const std::string& level) {
    return Post("/v1/promote", R"({"node":"a","sync":")" + level + R"("})");
  };
  for (const char* bad : {"durable", "durable:0", "durable:65", "local:3", "", "durable:1x"}) {
    ExpectRefused(promote(bad), 400, "INVALID_INPUT");
  }
  for (const char* good : {"local", "local:0", "durable:1"}) {
    ExpectRefused(promote(good), 503, "NOT_SERVING");  // read; this node takes no orders
  }
}

TEST_F(NativeTest, AWriteThatIsNotConfirmedIsNeitherDoneNorUndone) {
  desk_.FailWrites(vault::UnknownAt({.epoch = 1, .seq = 9}, "durable at 1.9, not confirmed"));
  const http::Response unknown = Post("/v1/resources", R"({"name":"r"})");
  ExpectRefused(unknown, 504, "OUTCOME_UNKNOWN");
  EXPECT_THAT(At(unknown, "/error/message"), HasSubstr("1.9"));
  EXPECT_EQ(*unknown.headers.Find("X-Holdfast-Position"), "1.9");
  desk_.FailWrites(vault::Refuse(Refusal::kNotEnoughSecondaries, "1 of 2"));
  ExpectRefused(Post("/v1/resources", R"({"name":"r"})"), 503, "NOT_ENOUGH_SECONDARIES");
}

TEST_F(NativeTest, NothingThatIsSentIsIgnored) {
  for (const http::Route* route : router_.Routes()) {
    const std::string path = PathOf(*route);
    ExpectRefused(Ask(route->method, path + "?surprise=1"), 400, "INVALID_INPUT");
    const http::Response body = Ask(route->method, path, R"({"surprise":1})");
    if (route->name == "join") continue;
    EXPECT_EQ(body.status, 400) << route->name << " " << body.body;
  }
}

TEST_F(NativeTest, NoRouteIsAnsweredInTheSameForm) {
  http::Response response = Get("/v1/nothing");
  ExpectRefused(response, 404, "NOT_FOUND");
  EXPECT_EQ(HeaderOf(response, "X-Holdfast-Node"), desk_.Facts().node_id);
  response = Put("/v1/users", "");
  ExpectRefused(response, 405, "METHOD_NOT_ALLOWED");
  EXPECT_THAT(HeaderOf(response, "Allow"), HasSubstr("POST"));
}

TEST_F(NativeTest, JoinNeedsNoTokenAndIsBounded) {
  http::Response response = AskWith({}, Method::kPost, "/v1/join", R"({"token":"i"})");
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(response.body, R"({"ca":"PEM"})");
  EXPECT_TRUE(response.secret_body);
  EXPECT_FALSE(response.authenticated);
  EXPECT_EQ(joined_, R"(192.0.2.1 {"token":"i"})");
  joined_.clear();
  response = AskWith({}, Method::kPost, "/v1/join", std::string(64 * 1024 + 1, ' '));
  ExpectRefused(response, 400, "INVALID_INPUT");
  EXPECT_EQ(joined_, "");
  join_answer_ = vault::Refuse(Refusal::kInviteUsed, "used");
  ExpectRefused(AskWith({}, Method::kPost, "/v1/join", "{}"), 403, "INVITE_USED");
}

}  // namespace
}  // namespace holdfast::native
