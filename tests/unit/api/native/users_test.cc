#include "tests/unit/api/native/native_fixture.h"

namespace holdfast::native {
namespace {

using http::Method;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr char kKeyLine[] =
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIP7BLqVT+HwaL0QTfvgpeGKxrSWwf3WSmS0nAAgjVVoG ann@host";

class NativeUsersTest : public NativeTest {
 protected:
  // Gives the id.
  std::string AddAnn() {
    const http::Response response =
        Post("/v1/users", R"({"name":"ann","role":"password_user","full_name":"Ann A",)"
                          R"("issue_token":true,"token_valid_days":2})");
    EXPECT_EQ(response.status, 201) << response.body;
    ann_token_ = At(response, "/token/token");
    EXPECT_TRUE(response.secret_body);
    EXPECT_EQ(At(response, "/token/expires_at"), "2023-11-16T22:13:20.000Z");
    return At(response, "/user/id");
  }
  std::string ann_token_;
};

TEST_F(NativeUsersTest, MeIsTheCaller) {
  const http::Response response = Get("/v1/me");
  EXPECT_EQ(At(response, "/user/name"), "admin");
  EXPECT_EQ(At(response, "/user/role"), "administrator");
}

TEST_F(NativeUsersTest, ANewUserHasItsDefaultsAndATokenThatLogsIn) {
  const std::string id = AddAnn();
  token_ = ann_token_;
  const http::Response me = Get("/v1/me");
  EXPECT_EQ(At(me, "/user/id"), id);
  EXPECT_EQ(At(me, "/user/full_name"), "Ann A");
  EXPECT_EQ(At(me, "/user/rest_enabled"), "true");
  EXPECT_EQ(At(me, "/user/ssh_enabled"), "true");
  EXPECT_EQ(At(me, "/user/host_check"), "false");
  EXPECT_EQ(At(me, "/user/created_at"), "2023-11-14T22:13:20.000Z");
}

TEST_F(NativeUsersTest, AUserWithoutATokenHasNull) {
  const http::Response response =
      Post("/v1/users", R"({"name":"bob","role":"password_administrator"})");
  EXPECT_EQ(response.status, 201);
  EXPECT_EQ(At(response, "/token"), "null");
}

TEST_F(NativeUsersTest, RefusesBadUsers) {
  ExpectRefused(Post("/v1/users", R"({"role":"password_user"})"), 400, "MANDATORY_MISSING");
  ExpectRefused(Post("/v1/users", R"({"name":"x"})"), 400, "MANDATORY_MISSING");
  ExpectRefused(Post("/v1/users", R"({"name":"x","role":"root"})"), 400, "INVALID_INPUT");
  ExpectRefused(Post("/v1/users", R"({"name":"x","role":"password_user","id":7})"), 400,
                "INVALID_INPUT");
  ExpectRefused(Post("/v1/users", R"({"name":"x","role":"password_user","token_valid_days":1})"),
                400, "INVALID_INPUT");
  ExpectRefused(
      Post("/v1/users", R"({"name":")" + std::string(256, 'n') + R"(","role":"password_user"})"),
      400, "INVALID_INPUT");
  EXPECT_EQ(At(Get("/v1/users"), "/total"), "1");
  AddAnn();
  ExpectRefused(Post("/v1/users", R"({"name":"ann","role":"password_user"})"), 409,
                "ALREADY_EXISTS");
}

TEST_F(NativeUsersTest, ListsByPageAndByName) {
  AddAnn();
  http::Response response = Get("/v1/users?limit=1&offset=1");
  EXPECT_EQ(At(response, "/total"), "2");
  EXPECT_EQ(At(response, "/users/0/name"), "ann");
  response = Get("/v1/users?name=ann");
  EXPECT_EQ(At(response, "/total"), "1");
  EXPECT_EQ(At(response, "/users/0/name"), "ann");
  EXPECT_EQ(At(Get("/v1/users?name=an"), "/total"), "0");
  ExpectRefused(Get("/v1/users?limit=1001"), 400, "INVALID_INPUT");
}

TEST_F(NativeUsersTest, AUserSeesItselfAndNobodyElse) {
  const std::string id = AddAnn();
  token_ = ann_token_;
  EXPECT_EQ(At(Get("/v1/users"), "/total"), "1");
  EXPECT_EQ(At(Get("/v1/users?name=admin"), "/total"), "0");
  EXPECT_EQ(Get("/v1/users/" + id).status, 200);
  for (const std::string path :
       {"/v1/users/1", "/v1/users/999", "/v1/users/1/keys", "/v1/users/1/tokens"}) {
    ExpectRefused(Get(path), 404, "NO_SUCH_USER");
  }
  ExpectRefused(Get("/v1/users/x"), 400, "INVALID_INPUT");
  ExpectRefused(Post("/v1/users", R"({"name":"eve","role":"password_user"})"), 403,
                "NOT_PERMITTED");
}

TEST_F(NativeUsersTest, LockingEndsTheTokenAndUnlockingGivesItBack) {
  const std::string id = AddAnn();
  const http::Headers ann{{"AUTHTOKEN", ann_token_}};
  EXPECT_EQ(Post("/v1/users/" + id + "/lock").body, "{}");
  EXPECT_EQ(AskWith(ann, Method::kGet, "/v1/me").status, 401);
  EXPECT_EQ(Post("/v1/users/" + id + "/unlock").status, 200);
  EXPECT_EQ(AskWith(ann, Method::kGet, "/v1/me").status, 200);
  ExpectRefused(Post("/v1/users/999/lock"), 404, "NO_SUCH_USER");
  ExpectRefused(Post("/v1/users/999/unlock"), 404, "NO_SUCH_USER");
}

TEST_F(NativeUsersTest, DeletingEndsTheUser) {
  const std::string id = AddAnn();
  EXPECT_EQ(Delete("/v1/users/" + id).body, "{}");
  ExpectRefused(Get("/v1/users/" + id), 404, "NO_SUCH_USER");
  ExpectRefused(Delete("/v1/users/" + id), 404, "NO_SUCH_USER");
}

TEST_F(NativeUsersTest, KeysAreAddedListedAndRemoved) {
  const std::string id = AddAnn();
  const std::string keys = "/v1/users/" + id + "/keys";
  http::Response response = Post(keys, R"({"public_key":")" + std::string(kKeyLine) + R"("})");
  ASSERT_EQ(response.status, 201) << response.body;
  EXPECT_EQ(At(response, "/key/type"), "ssh-ed25519");
  EXPECT_EQ(At(response, "/key/comment"), "ann@host");
  EXPECT_EQ(At(response, "/key/user_id"), id);
  EXPECT_THAT(At(response, "/key/fingerprint"), HasSubstr("SHA256:"));
  const std::string key = At(response, "/key/id");
  EXPECT_EQ(At(Get(keys), "/keys/0/id"), key);
  // By the path of somebody else it is not there.
  ExpectRefused(Delete("/v1/users/1/keys/" + key), 404, "NO_SUCH_KEY");
  EXPECT_EQ(Delete(keys + "/" + key).status, 200);
  EXPECT_EQ(At(Get(keys), "/total"), "0");
  ExpectRefused(Delete(keys + "/" + key), 404, "NO_SUCH_KEY");
}

TEST_F(NativeUsersTest, RefusesBadKeysWithoutRepeatingThem) {
  const std::string keys = "/v1/users/" + AddAnn() + "/keys";
  ExpectRefused(Post(keys, "{}"), 400, "MANDATORY_MISSING");
  const http::Response response =
      Post(keys, R"({"public_key":"-----BEGIN OPENSSH PRIVATE KEY----- geheim"})");
  ExpectRefused(response, 400, "INVALID_INPUT");
  EXPECT_THAT(response.body, Not(HasSubstr("geheim")));
  EXPECT_EQ(At(Get(keys), "/total"), "0");
}

TEST_F(NativeUsersTest, TokensAreIssuedListedAndRevoked) {
  const std::string id = AddAnn();
  const std::string tokens = "/v1/users/" + id + "/tokens";
  const http::Response issued = Post(tokens, R"({"valid_days":1})");
  ASSERT_EQ(issued.status, 201) << issued.body;
  EXPECT_TRUE(issued.secret_body);
  EXPECT_EQ(At(issued, "/token/expires_at"), "2023-11-15T22:13:20.000Z");
  const std::string token = At(issued, "/token/token");
  const http::Headers ann{{"AUTHTOKEN", token}};
  EXPECT_EQ(At(AskWith(ann, Method::kGet, "/v1/me"), "/user/id"), id);
  const http::Response listed = Get(tokens);
  EXPECT_EQ(At(listed, "/total"), "2");
  EXPECT_THAT(listed.body, Not(HasSubstr(token)));
  ExpectRefused(Delete("/v1/users/1/tokens/" + At(issued, "/token/id")), 404, "NO_SUCH_TOKEN");
  EXPECT_EQ(Delete(tokens + "/" + At(issued, "/token/id")).status, 200);
  EXPECT_EQ(AskWith(ann, Method::kGet, "/v1/me").status, 401);
  EXPECT_EQ(At(Post(tokens), "/token/expires_at"), "null");
}

TEST_F(NativeUsersTest, RefusesTokensOfNobodyAndForTooLong) {
  ExpectRefused(Post("/v1/users/999/tokens"), 404, "NO_SUCH_USER");
  ExpectRefused(Post("/v1/users/1/tokens", R"({"valid_days":36501})"), 400, "INVALID_INPUT");
}

}  // namespace
}  // namespace holdfast::native
