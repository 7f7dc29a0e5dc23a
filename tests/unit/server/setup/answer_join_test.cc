#include "server/setup/answer_join.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>
#include <string>

#include "server/crypto/certificate.h"
#include "server/crypto/random.h"
#include "server/crypto/wrap.h"
#include "server/setup/bootstrap.h"
#include "server/setup/join_messages.h"
#include "server/vault/refusal.h"
#include "tests/support/manual_clock.h"
#include "tests/support/state_desk.h"

namespace holdfast::setup {
namespace {

using ::testing::HasSubstr;

// StateDesk's cluster has no row of its own, so the rows of the cluster are laid in here.
class ClusterDesk : public StateDesk {
 public:
  ClusterDesk() : keys_(crypto::RandomSecret(crypto::kRootKeyBytes), "c1") {
    authority_ = *crypto::CreateAuthority("c1", clock_.Wall());
    const SecretBytes token = SecretBytes::CopyOf("TOKEN");
    v1::MemberRow first;
    first.set_node_id("a");
    first.set_rest_url("https://127.0.0.1:1");
    auto bootstrap = MakeBootstrap({.cluster_name = "first",
                                    .authority = authority_,
                                    .member = first,
                                    .admin_token = token,
                                    .now_ms = ToMillis(clock_.Wall())},
                                   keys_);
    for (v1::Row& row : bootstrap->rows) EXPECT_TRUE(state_.Put(std::move(row)).ok());
  }
  void ReadState(absl::FunctionRef<void(const vault::StateReader&)> read) const override {
    read(state_);
  }
  std::string HashOf(const SecretBytes& token) const override {
    const Digest digest = keys_.HashToken(token);
    return {digest.begin(), digest.end()};
  }
  void SubmitAsNode(const std::string& source, vault::CommandBody body,
                    std::function<void(absl::StatusOr<desk::Written>)> done) override {
    EXPECT_EQ(source, "10.0.0.2");
    vault::Command command{.now_ms = ToMillis(clock_.Wall()), .body = std::move(body)};
    auto planned = vault::Plan(state_, command);
    if (!planned.ok()) return done(planned.status());
    for (const v1::RowChange& change : planned->changes) EXPECT_TRUE(state_.Apply(change).ok());
    done(desk::Written{});
  }
  void Invite(const std::string& node_id, const std::string& secret) {
    vault::CreateInvite invite{.node_id = node_id,
                               .token_hash = HashOf(SecretBytes::CopyOf(secret)),
                               .expires_ms = ToMillis(clock_.Wall()) + 60'000};
    SubmitAsNode("10.0.0.2", invite, [](const absl::StatusOr<desk::Written>& written) {
      EXPECT_TRUE(written.ok()) << written.status();
    });
  }

  ManualClock clock_;
  crypto::KeyRing keys_;
  crypto::CertificateAuthority authority_;
  vault::State state_;
};

class AnswerJoinTest : public ::testing::Test {
 protected:
  AnswerJoinTest() : key_(*crypto::CreateRequest("c1", "b")) {}

  JoinRequest Request(const std::string& secret) {
    JoinRequest request{.cluster_id = "c1", .request_pem = key_.request_pem};
    request.secret = SecretBytes::CopyOf(secret);
    request.member.set_node_id("b");
    request.member.set_rest_url("https://127.0.0.1:8382");
    request.member.set_ssh_address("127.0.0.1:6722");
    request.member.set_peer_address("127.0.0.1:6730");
    request.member.set_health_url("http://127.0.0.1:8380");
    return request;
  }
  absl::StatusOr<std::string> Ask(const JoinRequest& request) {
    std::optional<absl::StatusOr<std::string>> answer;
    JoinDesk(desk_, desk_.keys_, desk_.clock_)
        .Answer("10.0.0.2",
                std::string(EncodeJoinRequest(request).RevealText(Purpose::kSendToMember)),
                [&](absl::StatusOr<std::string> got) { answer = std::move(got); });
    EXPECT_TRUE(answer.has_value());
    return *answer;
  }

  ClusterDesk desk_;
  crypto::CertificateRequest key_;
};

TEST_F(AnswerJoinTest, AnInvitedNodeGetsItsCertificateAndTheRootKey) {
  desk_.Invite("b", "SECRET");
  const auto text = Ask(Request("SECRET"));
  ASSERT_TRUE(text.ok()) << text.status();
  const auto answer = DecodeJoinAnswer(*text);
  ASSERT_TRUE(answer.ok()) << answer.status();
  EXPECT_TRUE(
      crypto::VerifyChain(answer->certificate_pem, answer->authority_pem, desk_.clock_.Wall())
          .ok());
  EXPECT_TRUE(crypto::CheckKeyFits(answer->certificate_pem, key_.key_pem).ok());
  const auto root = crypto::Unwrap(key_.key_pem, answer->wrapped_root_key, JoinContext("c1", "b"));
  ASSERT_TRUE(root.ok()) << root.status();
  EXPECT_EQ(root->RevealText(Purpose::kCompare),
            desk_.keys_.root_key().RevealText(Purpose::kCompare));
  ASSERT_EQ(answer->members.size(), 1u);
  EXPECT_EQ(answer->members[0].node_id(), "a");
  const v1::MemberRow* member = desk_.state_.FindMember("b");
  ASSERT_NE(member, nullptr);
  EXPECT_EQ(member->fingerprint(), crypto::ParseCertificate(answer->certificate_pem)->fingerprint);
}

TEST_F(AnswerJoinTest, AnInvitationIsGoodOnceForOneNodeAndInTime) {
  desk_.Invite("b", "SECRET");
  ASSERT_TRUE(Ask(Request("SECRET")).ok());
  EXPECT_EQ(vault::RefusalOf(Ask(Request("SECRET")).status()), vault::Refusal::kInviteUsed);
  EXPECT_EQ(vault::RefusalOf(Ask(Request("OTHER")).status()), vault::Refusal::kInviteUnknown);
  desk_.Invite("c", "FOR-C");
  EXPECT_FALSE(Ask(Request("FOR-C")).ok());
  desk_.Invite("b", "LATE");
  desk_.clock_.Advance(std::chrono::minutes(2));
  EXPECT_EQ(vault::RefusalOf(Ask(Request("LATE")).status()), vault::Refusal::kInviteExpired);
  EXPECT_EQ(desk_.state_.FindMember("c"), nullptr);
}

TEST_F(AnswerJoinTest, AnInvitationOfAnotherClusterIsNamed) {
  desk_.Invite("b", "SECRET");
  JoinRequest request = Request("SECRET");
  request.cluster_id = "c2";
  const auto answer = Ask(request);
  EXPECT_EQ(vault::RefusalOf(answer.status()), vault::Refusal::kInviteUnknown);
  EXPECT_THAT(std::string(answer.status().message()),
              HasSubstr("of cluster \"c2\", this is \"c1\""));
}

TEST_F(AnswerJoinTest, WhatIsNoRequestLeavesTheInvitationGood) {
  desk_.Invite("b", "SECRET");
  JoinRequest request = Request("SECRET");
  request.request_pem = "no request";
  EXPECT_EQ(vault::RefusalOf(Ask(request).status()), vault::Refusal::kInvalidInput);
  EXPECT_TRUE(Ask(Request("SECRET")).ok());
}

}  // namespace
}  // namespace holdfast::setup
