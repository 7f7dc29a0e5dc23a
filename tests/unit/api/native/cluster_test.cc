#include "tests/unit/api/native/native_fixture.h"

// Nodes, sshd, settings, audit and status.
namespace holdfast::native {
namespace {

using http::Method;
using ::testing::HasSubstr;
using ::testing::Not;

class NativeClusterTest : public NativeTest {
 protected:
  void AddMember(const std::string& node_id) {
    desk_.Do(vault::CreateInvite{.node_id = node_id,
                                 .token_hash = std::string(31, 'h') + node_id,
                                 .expires_ms = StateDesk::kStartMs + 1000});
    v1::MemberRow member;
    member.set_node_id(node_id);
    member.set_rest_url("https://" + node_id + ".test:8282");
    member.set_ssh_address(node_id + ".test:6622");
    member.set_peer_address(node_id + ".test:6630");
    member.set_health_url("http://" + node_id + ".test:8280");
    member.set_fingerprint(std::string(63, '0') + node_id);
    desk_.Do(vault::JoinMember{.invite_hash = std::string(31, 'h') + node_id, .member = member});
  }
  void LogInAsAnn() {
    desk_.AddUser("ann", v1::ROLE_PASSWORD_USER, "t-ann");
    token_ = "t-ann";
  }
};

TEST_F(NativeClusterTest, NodesAreTheMembers) {
  AddMember("a");
  AddMember("b");
  const http::Response response = Get("/v1/nodes?offset=1");
  EXPECT_EQ(At(response, "/total"), "2");
  EXPECT_EQ(At(response, "/nodes/0/id"), "b");
  EXPECT_EQ(At(response, "/nodes/0/rest_url"), "https://b.test:8282");
  EXPECT_EQ(At(response, "/nodes/0/joined_at"), "2023-11-14T22:13:20.000Z");
}

TEST_F(NativeClusterTest, AnInviteIsAboutOneNodeAndShownOnce) {
  const http::Response response = Post("/v1/nodes/invites", R"({"node_id":"c"})");
  ASSERT_EQ(response.status, 201) << response.body;
  EXPECT_TRUE(response.secret_body);
  EXPECT_EQ(At(response, "/invite/node_id"), "c");
  EXPECT_EQ(At(response, "/invite/expires_at"), "2023-11-14T23:13:20.000Z");
  EXPECT_THAT(At(response, "/invite/token"), HasSubstr("invite/c/"));
  // The vault knows the secret inside the text by its hash.
  const std::string secret = At(response, "/invite/token").substr(9);
  bool known = false;
  desk_.ReadState([&](const vault::StateReader& state) {
    known = state.FindInviteByHash(desk_.HashOf(SecretBytes::CopyOf(secret))) != nullptr;
  });
  EXPECT_TRUE(known);
}

TEST_F(NativeClusterTest, RefusesBadInvites) {
  ExpectRefused(Post("/v1/nodes/invites", "{}"), 400, "MANDATORY_MISSING");
  for (const std::string minutes : {"0", "10081", "-1"}) {
    ExpectRefused(Post("/v1/nodes/invites", R"({"node_id":"c","valid_minutes":)" + minutes + "}"),
                  400, "INVALID_INPUT");
  }
  LogInAsAnn();
  const http::Response response = Post("/v1/nodes/invites", R"({"node_id":"c"})");
  ExpectRefused(response, 403, "NOT_PERMITTED");
  EXPECT_THAT(response.body, Not(HasSubstr("invite/c")));
}

TEST_F(NativeClusterTest, SshdIsSetForTheClusterAndForANode) {
  AddMember("a");
  EXPECT_EQ(Get("/v1/sshd").body,
            R"({"default":{"node_id":"","port":0,"enabled":true},"nodes":[]})");
  EXPECT_EQ(Put("/v1/sshd", R"({"port":2222})").body, "{}");
  EXPECT_EQ(Put("/v1/sshd", R"({"node_id":"a","port":22,"enabled":false})").body, "{}");
  EXPECT_EQ(Get("/v1/sshd").body, R"({"default":{"node_id":"","port":2222,"enabled":true},)"
                                  R"("nodes":[{"node_id":"a","port":22,"enabled":false}]})");
  ExpectRefused(Put("/v1/sshd", R"({"port":65536})"), 400, "INVALID_INPUT");
  LogInAsAnn();
  ExpectRefused(Put("/v1/sshd", R"({"port":1})"), 403, "NOT_PERMITTED");
}

TEST_F(NativeClusterTest, KnownHostsIsPlainText) {
  const http::Response response = Get("/v1/sshd/known-hosts");
  EXPECT_EQ(response.status, 200);
  EXPECT_THAT(response.content_type, HasSubstr("text/plain"));
  ExpectRefused(Get("/v1/sshd/known-hosts?port=22"), 400, "INVALID_INPUT");
}

TEST_F(NativeClusterTest, SettingsAreReadAndReplaced) {
  EXPECT_EQ(At(Get("/v1/settings"), "/level"), "local");
  AddMember("a");
  AddMember("b");
  http::Response response = Put("/v1/settings", R"({"level":"durable","k":1,"policy":"block"})");
  EXPECT_EQ(response.body, "{}");
  response = Get("/v1/settings");
  EXPECT_EQ(At(response, "/level"), "durable");
  EXPECT_EQ(At(response, "/k"), "1");
  EXPECT_EQ(At(response, "/policy"), "block");
  ExpectRefused(Put("/v1/settings", R"({"level":"durable","k":1})"), 400, "MANDATORY_MISSING");
  ExpectRefused(Put("/v1/settings", R"({"level":"all","k":1,"policy":"block"})"), 400,
                "INVALID_INPUT");
  LogInAsAnn();
  ExpectRefused(Put("/v1/settings", R"({"level":"local","policy":"block"})"), 403, "NOT_PERMITTED");
}

TEST_F(NativeClusterTest, TheAuditIsNewestFirst) {
  desk_.AddAccount(1, "srv", "root", "Str0ng!enough");
  Get("/v1/secret?resource=srv&account=root");
  Get("/v1/secret?resource=srv&account=none");
  const http::Response response = Get("/v1/audit?limit=1");
  EXPECT_EQ(At(response, "/total"), "1");
  EXPECT_EQ(At(response, "/records/0/operation"), "account.retrieve");
  EXPECT_EQ(At(response, "/records/0/result"), "refused");
  EXPECT_EQ(At(response, "/records/0/refusal"), "NO_SUCH_ACCOUNT");
  EXPECT_EQ(At(response, "/records/0/source"), "192.0.2.1");
  const std::string number = At(response, "/records/0/number");
  EXPECT_EQ(At(Get("/v1/audit?node=" + desk_.Facts().node_id + "&after=" + number), "/total"), "0");
  ExpectRefused(Get("/v1/audit?after=1"), 400, "INVALID_INPUT");
  ExpectRefused(Get("/v1/audit?limit=0"), 400, "INVALID_INPUT");
  LogInAsAnn();
  ExpectRefused(Get("/v1/audit"), 403, "NOT_PERMITTED");
}

TEST_F(NativeClusterTest, TheGapReportIsForThoseWhoMayReadTheAudit) {
  const http::Response response = Get("/v1/audit/gaps");
  EXPECT_EQ(At(response, "/whole"), "false");
  EXPECT_EQ(At(response, "/journals/0/begins"), "3");
  EXPECT_EQ(At(response, "/journals/0/contiguous"), "5");
  EXPECT_EQ(At(response, "/journals/0/head"), "12");
  EXPECT_EQ(At(response, "/journals/0/gaps/0/first"), "6");
  EXPECT_EQ(At(response, "/journals/0/gaps/0/why"), "retention");
  EXPECT_EQ(At(response, "/collected_by/0/by"), "node2");
  EXPECT_EQ(At(response, "/collected_by/0/up_to"), "4");
  ExpectRefused(Get("/v1/audit/gaps?node=a"), 400, "INVALID_INPUT");
  LogInAsAnn();
  ExpectRefused(Get("/v1/audit/gaps"), 403, "NOT_PERMITTED");
}

TEST_F(NativeClusterTest, StatusIsForEverybodyWithAToken) {
  AddMember("a");
  AddMember("b");
  v1::NodeReport report;
  report.set_node_id("a");
  report.set_role("primary");
  report.set_state("streaming");
  report.set_serving(true);
  report.mutable_epoch()->set_number(1);
  desk_.SetReports({report});
  LogInAsAnn();
  BecomeSecondary(/*primary_up=*/false);
  const http::Response response = Get("/v1/status");
  EXPECT_EQ(At(response, "/schema"), "holdfast.status/1");
  EXPECT_EQ(At(response, "/nodes/0/role"), "primary");
  EXPECT_EQ(At(response, "/nodes/0/url"), "https://a.test:8282");
  EXPECT_EQ(At(response, "/nodes/1/id"), "b");
  EXPECT_EQ(At(response, "/nodes/1/state"), "down");
  EXPECT_NE(At(response, "/cluster_id"), "null");
}

}  // namespace
}  // namespace holdfast::native
