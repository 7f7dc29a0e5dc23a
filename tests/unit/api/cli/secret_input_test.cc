#include "api/cli/secret_input.h"

#include <gmock/gmock.h>
#include <unistd.h>

#include <string>

#include "server/base/limits.h"
#include "tests/unit/api/cli/capture.h"

namespace holdfast::cli {
namespace {

namespace json = boost::json;

absl::StatusOr<SecretBytes> ReadText(const std::string& text) {
  CapturedFile file;
  EXPECT_EQ(write(file.fd(), text.data(), text.size()), static_cast<ssize_t>(text.size()));
  EXPECT_EQ(lseek(file.fd(), 0, SEEK_SET), 0);
  return ReadSecret(file.fd());
}

std::string ThereAndBack(const std::string& bytes) {
  json::object body;
  PutSecret(SecretBytes::CopyOf(bytes), body);
  const auto secret = TakeSecret(body);
  EXPECT_TRUE(secret.ok()) << secret.status();
  return secret.ok() ? std::string(secret->RevealText(Purpose::kCompare)) : "";
}

TEST(SecretInputTest, EveryByteCounts) {
  for (const std::string& bytes :
       {std::string("secret\n"), std::string(" \r\n"), std::string("a\0b", 3),
        std::string(limits::kSecretBytesMax, 'x')}) {
    const auto secret = ReadText(bytes);
    ASSERT_TRUE(secret.ok()) << secret.status();
    EXPECT_EQ(secret->RevealText(Purpose::kCompare), bytes);
  }
}

TEST(SecretInputTest, NoneAndTooMuchAreRefused) {
  EXPECT_EQ(ReadText("").status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(ReadText(std::string(limits::kSecretBytesMax + 1, 'x')).status().code(),
            absl::StatusCode::kInvalidArgument);
}

TEST(SecretInputTest, BytesGoOverTheWireAndComeBack) {
  for (const std::string& bytes : {std::string("text ä \" \\ \n"), std::string("a\0b", 3),
                                   std::string("\xff\xfe"), std::string("\xed\xa0\x80")}) {
    EXPECT_EQ(ThereAndBack(bytes), bytes);
  }
  json::object body;
  PutSecret(SecretBytes::CopyOf("\xff"), body);
  EXPECT_EQ(body["encoding"], "base64");
}

TEST(SecretInputTest, AnAnswerWithoutSecretIsAnError) {
  EXPECT_FALSE(TakeSecret({}).ok());
  EXPECT_FALSE(TakeSecret({{"secret", 7}}).ok());
  EXPECT_FALSE(TakeSecret({{"secret", "no base64!"}, {"encoding", "base64"}}).ok());
}

}  // namespace
}  // namespace holdfast::cli
