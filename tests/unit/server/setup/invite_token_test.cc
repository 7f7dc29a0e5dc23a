#include "server/setup/invite_token.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace holdfast::setup {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

InviteToken Sample() {
  InviteToken token;
  token.cluster_id = "c1";
  token.node_id = "node2";
  token.authority_fingerprint = std::string(64, 'a');
  token.urls = {"https://127.0.0.1:8282", "https://[::1]:8382"};
  token.secret = SecretBytes::CopyOf("THE-SECRET");
  return token;
}

std::string TextOf(const InviteToken& token) {
  const auto text = EncodeInviteToken(token);
  EXPECT_TRUE(text.ok()) << text.status();
  return text.ok() ? std::string(text->RevealText(Purpose::kCompare)) : "";
}

std::string ErrorOf(const std::string& text) {
  const auto token = DecodeInviteToken(SecretBytes::CopyOf(text));
  EXPECT_EQ(token.status().code(), absl::StatusCode::kInvalidArgument) << token.status();
  return std::string(token.status().message());
}

TEST(InviteTokenTest, ComesBackAsItWentIn) {
  const auto token = DecodeInviteToken(SecretBytes::CopyOf(" " + TextOf(Sample()) + "\r\n"));
  ASSERT_TRUE(token.ok()) << token.status();
  EXPECT_EQ(token->cluster_id, "c1");
  EXPECT_EQ(token->node_id, "node2");
  EXPECT_EQ(token->authority_fingerprint, std::string(64, 'a'));
  EXPECT_THAT(token->urls, ElementsAre("https://127.0.0.1:8282", "https://[::1]:8382"));
  EXPECT_EQ(token->secret.RevealText(Purpose::kCompare), "THE-SECRET");
}

TEST(InviteTokenTest, EveryCutAndEveryChangedLetterIsNoticed) {
  const std::string text = TextOf(Sample());
  for (size_t size = 0; size < text.size(); ++size) ErrorOf(text.substr(0, size));
  for (size_t i = 0; i < text.size(); ++i) {
    std::string changed = text;
    changed[i] = changed[i] == 'x' ? 'y' : 'x';
    ErrorOf(changed);
  }
}

TEST(InviteTokenTest, AnErrorSaysWhatToDoAndNeverRepeatsTheText) {
  EXPECT_THAT(ErrorOf(""), HasSubstr("empty"));
  const std::string error = ErrorOf("5E5A7B1C-some-api-token");
  EXPECT_THAT(error, HasSubstr("HFJ1-"));
  EXPECT_THAT(error, HasSubstr("holdfast node invite"));
  EXPECT_THAT(error, Not(HasSubstr("5E5A7B1C")));
  ErrorOf("HFJ1-" + std::string(kInviteTokenBytesMax, 'A'));
}

TEST(InviteTokenTest, OnlySoundInvitationsAreMade) {
  InviteToken token = Sample();
  token.urls = {"http://127.0.0.1:8282"};
  EXPECT_FALSE(EncodeInviteToken(token).ok());
  token = Sample();
  token.node_id = "../etc";
  EXPECT_FALSE(EncodeInviteToken(token).ok());
  token = Sample();
  token.authority_fingerprint = "abcd";
  EXPECT_FALSE(EncodeInviteToken(token).ok());
  token = Sample();
  token.secret = SecretBytes();
  EXPECT_FALSE(EncodeInviteToken(token).ok());
}

}  // namespace
}  // namespace holdfast::setup
