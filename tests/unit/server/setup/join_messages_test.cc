#include "server/setup/join_messages.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace holdfast::setup {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

v1::MemberRow Member(const std::string& node_id) {
  v1::MemberRow member;
  member.set_node_id(node_id);
  member.set_rest_url("https://a:1");
  member.set_ssh_address("a:2");
  member.set_peer_address("a:3");
  member.set_health_url("http://a:4");
  return member;
}

std::string RequestText() {
  JoinRequest request{.cluster_id = "c1", .request_pem = "PEM", .member = Member("b")};
  request.secret = SecretBytes::CopyOf("THE-SECRET");
  return std::string(EncodeJoinRequest(request).RevealText(Purpose::kCompare));
}

TEST(JoinMessagesTest, ARequestComesBackAsItWentIn) {
  const auto request = DecodeJoinRequest(RequestText());
  ASSERT_TRUE(request.ok()) << request.status();
  EXPECT_EQ(request->cluster_id, "c1");
  EXPECT_EQ(request->secret.RevealText(Purpose::kCompare), "THE-SECRET");
  EXPECT_EQ(request->request_pem, "PEM");
  EXPECT_EQ(request->member.SerializeAsString(), Member("b").SerializeAsString());
}

TEST(JoinMessagesTest, AnAnswerComesBackAsItWentIn) {
  const JoinAnswer sent{.cluster_id = "c1",
                        .cluster_name = "first \"one\"",
                        .authority_pem = "A",
                        .certificate_pem = "C",
                        .wrapped_root_key = std::string("\0\xff\n", 3),
                        .members = {Member("a"), Member("c")}};
  const auto answer = DecodeJoinAnswer(EncodeJoinAnswer(sent));
  ASSERT_TRUE(answer.ok()) << answer.status();
  EXPECT_EQ(answer->cluster_name, sent.cluster_name);
  EXPECT_EQ(answer->wrapped_root_key, sent.wrapped_root_key);
  ASSERT_EQ(answer->members.size(), 2u);
  EXPECT_EQ(answer->members[1].node_id(), "c");
}

TEST(JoinMessagesTest, WhatIsMissingWrongOrUnknownIsNamedAndNeverRepeated) {
  EXPECT_FALSE(DecodeJoinRequest("[]").ok());
  EXPECT_FALSE(DecodeJoinRequest("").ok());
  std::string text = RequestText();
  const size_t secret = text.find("\"THE-SECRET\"");
  text.replace(secret, 12, "[\"THE-SECRET\"]");
  const auto wrong = DecodeJoinRequest(text);
  EXPECT_THAT(std::string(wrong.status().message()), HasSubstr("secret: expected text"));
  EXPECT_THAT(std::string(wrong.status().message()), Not(HasSubstr("THE-SECRET")));
  text = RequestText();
  text.insert(1, "\"more\":1,");
  EXPECT_THAT(std::string(DecodeJoinRequest(text).status().message()),
              HasSubstr("expected 4 keys"));
  text = RequestText();
  text.replace(text.find("\"peer_address\""), 14, "\"peer_adress\"");
  EXPECT_THAT(std::string(DecodeJoinRequest(text).status().message()),
              HasSubstr("member: peer_address"));
}

TEST(JoinMessagesTest, TheContextKeepsClusterAndNodeApart) {
  EXPECT_NE(JoinContext("ab", "c"), JoinContext("a", "bc"));
}

}  // namespace
}  // namespace holdfast::setup
