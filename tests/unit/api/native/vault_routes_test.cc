#include "tests/unit/api/native/native_fixture.h"

// Resources, accounts, secrets and shares.
namespace holdfast::native {
namespace {

using http::Method;
using ::testing::HasSubstr;
using ::testing::Not;

class NativeVaultTest : public NativeTest {
 protected:
  // Gives the path of the resource.
  std::string AddServer(const std::string& more = "") {
    const http::Response response =
        Post("/v1/resources", R"({"name":"srv","type":"Linux","dns_name":"srv.test")" + more + "}");
    EXPECT_EQ(response.status, 201) << response.body;
    return "/v1/resources/" + At(response, "/resource/id");
  }
  // Gives the path of the account.
  std::string AddRoot(const std::string& resource, const std::string& secret) {
    const http::Response response =
        Post(resource + "/accounts", R"({"name":"root","notes":"n",)" + secret + "}");
    EXPECT_EQ(response.status, 201) << response.body;
    EXPECT_THAT(response.body, Not(HasSubstr("geheim")));
    return "/v1/accounts/" + At(response, "/account/id");
  }
  void LogInAsAnn() {
    ann_ = desk_.AddUser("ann", v1::ROLE_PASSWORD_USER, "t-ann");
    token_ = "t-ann";
  }
  void LogInAsAdmin() { token_ = StateDesk::kAdminToken; }
  uint64_t ann_ = 0;
};

TEST_F(NativeVaultTest, ResourcesAreAddedListedFoundAndDeleted) {
  const std::string path = AddServer();
  AddRoot(path, R"("secret":"geheim")");
  http::Response response = Get(path);
  EXPECT_EQ(At(response, "/resource/name"), "srv");
  EXPECT_EQ(At(response, "/resource/dns_name"), "srv.test");
  EXPECT_EQ(At(response, "/resource/owner_id"), "1");
  EXPECT_EQ(At(response, "/resource/accounts"), "1");
  Post("/v1/resources", R"({"name":"other"})");
  EXPECT_EQ(At(Get("/v1/resources"), "/total"), "2");
  EXPECT_EQ(At(Get("/v1/resources?name=SRV"), "/resources/0/name"), "srv");
  EXPECT_EQ(At(Get("/v1/resources?search=th"), "/resources/0/name"), "other");
  EXPECT_EQ(At(Get("/v1/resources?search=th"), "/total"), "1");
  EXPECT_EQ(Delete(path).body, "{}");
  ExpectRefused(Get(path), 404, "NO_SUCH_RESOURCE");
  ExpectRefused(Delete(path), 404, "NO_SUCH_RESOURCE");
}

TEST_F(NativeVaultTest, RefusesBadResources) {
  ExpectRefused(Post("/v1/resources", "{}"), 400, "MANDATORY_MISSING");
  ExpectRefused(Post("/v1/resources", R"({"name":"r","owner_id":1})"), 400, "INVALID_INPUT");
  AddServer();
  ExpectRefused(Post("/v1/resources", R"({"name":"SRV"})"), 409, "ALREADY_EXISTS");
  LogInAsAnn();
  ExpectRefused(Post("/v1/resources", R"({"name":"r"})"), 403, "NOT_PERMITTED");
  EXPECT_EQ(At(Get("/v1/resources"), "/total"), "0");
}

TEST_F(NativeVaultTest, AccountsAreAddedListedFoundAndDeleted) {
  const std::string resource = AddServer();
  const std::string account = AddRoot(resource, R"("secret":"geheim")");
  Post(resource + "/accounts", R"({"name":"www","generate":true})");
  http::Response response = Get(account);
  EXPECT_EQ(At(response, "/account/name"), "root");
  EXPECT_EQ(At(response, "/account/notes"), "n");
  EXPECT_EQ(At(response, "/account/secret_changed_at"), "2023-11-14T22:13:20.000Z");
  response = Get(resource + "/accounts?limit=1&offset=1");
  EXPECT_EQ(At(response, "/accounts/0/name"), "www");
  EXPECT_EQ(At(response, "/total"), "2");
  EXPECT_EQ(At(Get(resource + "/accounts?name=root"), "/total"), "1");
  EXPECT_EQ(At(Get(resource + "/accounts?name=nobody"), "/total"), "0");
  EXPECT_EQ(Delete(account).status, 200);
  ExpectRefused(Get(account), 404, "NO_SUCH_ACCOUNT");
  ExpectRefused(Delete(account), 404, "NO_SUCH_ACCOUNT");
  ExpectRefused(Get("/v1/resources/999/accounts"), 404, "NO_SUCH_RESOURCE");
}

TEST_F(NativeVaultTest, AnAccountWantsOneSecret) {
  const std::string accounts = AddServer() + "/accounts";
  ExpectRefused(Post(accounts, R"({"name":"a"})"), 400, "MANDATORY_MISSING");
  ExpectRefused(Post(accounts, R"({"name":"a","secret":"s","generate":true})"), 400,
                "INVALID_INPUT");
  ExpectRefused(Post(accounts, R"({"name":"a","generate":false})"), 400, "MANDATORY_MISSING");
  ExpectRefused(Post("/v1/resources/999/accounts", R"({"name":"a","secret":"s"})"), 404,
                "NO_SUCH_RESOURCE");
  EXPECT_EQ(At(Get(accounts), "/total"), "0");
}

TEST_F(NativeVaultTest, ASecretComesBackByteForByte) {
  const std::string account = AddRoot(AddServer(), R"("secret":"p\"\u00e4\n\u0000x")");
  http::Response response = Get(account + "/secret?reason=audit&ticket=T1");
  EXPECT_EQ(response.status, 200) << response.body;
  EXPECT_TRUE(response.secret_body);
  EXPECT_EQ(At(response, "/encoding"), "utf-8");
  const boost::json::value body = Json(response);
  EXPECT_EQ(body.at("secret").as_string(), std::string_view("p\"\xc3\xa4\n\0x", 7));
  const auto audit = desk_.audit();
  EXPECT_EQ(audit.back().operation(), "account.retrieve");
  EXPECT_EQ(audit.back().reason(), "audit");
  EXPECT_EQ(audit.back().ticket(), "T1");
}

TEST_F(NativeVaultTest, BytesThatAreNoTextTravelAsBase64) {
  const std::string account = AddRoot(AddServer(), R"("secret":"/wAB","encoding":"base64")");
  const http::Response response = Get("/v1/secret?resource=srv&account=root");
  EXPECT_EQ(At(response, "/secret"), "/wAB");
  EXPECT_EQ(At(response, "/encoding"), "base64");
  EXPECT_EQ("/v1/accounts/" + At(response, "/account_id"), account);
  // What comes out goes in again.
  EXPECT_EQ(Put(account + "/secret", R"({"secret":"/wAB","encoding":"base64"})").status, 200);
}

TEST_F(NativeVaultTest, ASecretIsReplacedAndGenerated) {
  const std::string account = AddRoot(AddServer(), R"("secret":"geheim")");
  EXPECT_EQ(Put(account + "/secret", R"({"secret":"neu"})").body, "{}");
  EXPECT_EQ(At(Get(account + "/secret"), "/secret"), "neu");
  EXPECT_EQ(Put(account + "/secret", R"({"generate":true,"reason":"due","ticket":"T-1"})").body,
            "{}");
  EXPECT_EQ(desk_.audit().back().reason(), "due");
  EXPECT_EQ(desk_.audit().back().ticket(), "T-1");
  EXPECT_EQ(At(Get(account + "/secret"), "/secret").size(), 16u);
  ExpectRefused(Put(account + "/secret", "{}"), 400, "MANDATORY_MISSING");
  ExpectRefused(Put("/v1/accounts/999/secret", R"({"secret":"s"})"), 404, "NO_SUCH_ACCOUNT");
}

TEST_F(NativeVaultTest, TheStrongPolicyHoldsForAccountAndResource) {
  const std::string resource = AddServer(R"(,"password_policy":"Strong")");
  const http::Response weak = Post(resource + "/accounts", R"({"name":"a","secret":"geheim"})");
  ExpectRefused(weak, 400, "POLICY_VIOLATION");
  EXPECT_THAT(weak.body, Not(HasSubstr("geheim")));
  const std::string account = AddRoot(resource, R"("secret":"Str0ng!enough")");
  ExpectRefused(Put(account + "/secret", R"({"secret":"geheim"})"), 400, "POLICY_VIOLATION");
  EXPECT_EQ(At(Get(account + "/secret"), "/secret"), "Str0ng!enough");
}

TEST_F(NativeVaultTest, ASecretThatIsNotSharedIsNotThere) {
  const std::string account = AddRoot(AddServer(), R"("secret":"geheim")");
  LogInAsAnn();
  ExpectRefused(Get(account + "/secret"), 404, "NO_SUCH_ACCOUNT");
  const http::Response hidden = Get("/v1/secret?resource=srv&account=root");
  const http::Response absent = Get("/v1/secret?resource=nix&account=root");
  EXPECT_EQ(hidden.status, 404);
  EXPECT_EQ(CodeOf(hidden), CodeOf(absent));
  ExpectRefused(Get("/v1/secret?resource=srv"), 400, "MANDATORY_MISSING");
  ExpectRefused(Put(account + "/secret", R"({"secret":"s"})"), 404, "NO_SUCH_ACCOUNT");
  EXPECT_EQ(desk_.SecretOf(std::stoull(account.substr(account.rfind('/') + 1))), "geheim");
}

TEST_F(NativeVaultTest, SharesGiveChangeAndEndAccess) {
  const std::string account = AddRoot(AddServer(), R"("secret":"geheim")");
  const std::string account_id = account.substr(account.rfind('/') + 1);
  LogInAsAnn();
  LogInAsAdmin();
  const std::string target =
      R"({"user_id":)" + std::to_string(ann_) + R"(,"account_id":)" + account_id;
  http::Response response = Post("/v1/shares", target + R"(,"level":"view"})");
  ASSERT_EQ(response.status, 201) << response.body;
  EXPECT_EQ(At(response, "/share/level"), "view");
  EXPECT_EQ(At(response, "/share/account_id"), account_id);
  const std::string share = At(response, "/share/id");
  token_ = "t-ann";
  EXPECT_EQ(At(Get(account + "/secret"), "/secret"), "geheim");
  EXPECT_EQ(At(Get("/v1/shares"), "/shares/0/id"), share);
  ExpectRefused(Put(account + "/secret", R"({"secret":"s"})"), 403, "NOT_PERMITTED");
  LogInAsAdmin();
  response = Post("/v1/shares", target + R"(,"level":"modify"})");
  EXPECT_EQ(response.status, 201);
  EXPECT_EQ(At(response, "/share/id"), share);
  EXPECT_EQ(At(response, "/share/level"), "modify");
  EXPECT_EQ(At(Get("/v1/shares?user_id=" + std::to_string(ann_)), "/total"), "1");
  EXPECT_EQ(At(Get("/v1/shares?user_id=1"), "/total"), "0");
  EXPECT_EQ(Delete("/v1/shares/" + share).status, 200);
  ExpectRefused(Delete("/v1/shares/" + share), 404, "NO_SUCH_SHARE");
  token_ = "t-ann";
  ExpectRefused(Get(account + "/secret"), 404, "NO_SUCH_ACCOUNT");
}

TEST_F(NativeVaultTest, RefusesBadShares) {
  const std::string resource = AddServer();
  const std::string id = resource.substr(resource.rfind('/') + 1);
  ExpectRefused(Post("/v1/shares", R"({"level":"view","resource_id":1})"), 400,
                "MANDATORY_MISSING");
  ExpectRefused(Post("/v1/shares", R"({"user_id":1,"level":"view"})"), 400, "MANDATORY_MISSING");
  ExpectRefused(Post("/v1/shares", R"({"user_id":1,"resource_id":)" + id + R"(,"level":"own"})"),
                400, "INVALID_INPUT");
  ExpectRefused(Post("/v1/shares", R"({"user_id":999,"resource_id":)" + id + R"(,"level":"view"})"),
                404, "NO_SUCH_USER");
  ExpectRefused(Get("/v1/shares?user_id=x"), 400, "INVALID_INPUT");
}

}  // namespace
}  // namespace holdfast::native
