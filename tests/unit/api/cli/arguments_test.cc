#include <gmock/gmock.h>

#include <filesystem>
#include <string>

#include "server/base/file.h"
#include "tests/unit/api/cli/capture.h"

namespace holdfast::cli {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::StartsWith;

TEST(ArgumentsTest, HelpIsOutputAndNoError) {
  const Ended ended = RunWords({"user", "add", "--help"});
  EXPECT_EQ(ended.exit, 0);
  EXPECT_THAT(ended.out, AllOf(HasSubstr("--role"), HasSubstr("Examples:")));
  EXPECT_EQ(ended.err, "");
}

TEST(ArgumentsTest, EveryCommandExplainsItself) {
  for (const char* words : {"init",
                            "join",
                            "node invite",
                            "node list",
                            "status",
                            "user add",
                            "user list",
                            "user show",
                            "user lock",
                            "user unlock",
                            "user delete",
                            "user key-add",
                            "user key-remove",
                            "user token",
                            "user token-revoke",
                            "resource add",
                            "resource list",
                            "resource show",
                            "resource delete",
                            "account add",
                            "account list",
                            "account show",
                            "account delete",
                            "account set-password",
                            "share grant",
                            "share revoke",
                            "share list",
                            "retrieve",
                            "sshd known-hosts",
                            "sshd show",
                            "sshd set",
                            "audit list",
                            "audit verify",
                            "audit gaps",
                            "settings show",
                            "settings set"}) {
    const std::string text = words;
    const size_t blank = text.find(' ');
    const std::string noun = text.substr(0, blank);
    const std::string verb = blank == std::string::npos ? "" : text.substr(blank + 1);
    const Ended ended = verb.empty() ? RunWords({noun.c_str(), "--help"})
                                     : RunWords({noun.c_str(), verb.c_str(), "--help"});
    EXPECT_EQ(ended.exit, 0) << words;
    EXPECT_THAT(ended.out, HasSubstr("Usage: holdfast " + text)) << words;
  }
}

TEST(ArgumentsTest, AUsageErrorSaysWhatIsWrongAndWhereHelpIs) {
  Ended ended = RunWords({"user", "add", "x"});
  EXPECT_EQ(ended.exit, 1);
  EXPECT_EQ(ended.out, "");
  EXPECT_THAT(ended.err,
              AllOf(HasSubstr("--role is required"), HasSubstr("see `holdfast user add --help`")));
  ended = RunWords({"frobnicate"});
  EXPECT_EQ(ended.exit, 1);
  EXPECT_THAT(ended.err, HasSubstr("unknown command \"frobnicate\""));
  ended = RunWords({"user", "frobnicate"});
  EXPECT_THAT(ended.err, HasSubstr("unknown command \"frobnicate\""));
  EXPECT_EQ(RunWords({"user", "add", "x", "--role", "king"}).exit, 1);
  EXPECT_EQ(RunWords({"share", "list", "--account", "a"}).exit, 1);
  EXPECT_EQ(RunWords({}).exit, 1);
}

TEST(ArgumentsTest, WithoutAddressCertificateOrTokenTheNextStepIsNamed) {
  EXPECT_THAT(RunWords({"status"}).err, HasSubstr("HOLDFAST_ADDR"));
  EXPECT_THAT(RunWords({"status", "--addr", "https://127.0.0.1:1"}).err,
              HasSubstr("HOLDFAST_CACERT"));
  const Ended ended = RunWords({"status", "--addr", "ftp://a"});
  EXPECT_EQ(ended.exit, 1);
}

TEST(ArgumentsTest, ErrorsAreJsonWhenJsonIsAskedFor) {
  const Ended ended = RunWords({"status", "--output", "json"});
  EXPECT_EQ(ended.exit, 1);
  EXPECT_THAT(ended.err,
              AllOf(StartsWith("{\"error\":{\"code\":\"LOCAL\""), HasSubstr("\"exit\":1")));
}

TEST(ArgumentsTest, WhatIsPlannedSaysSoWhateverFollows) {
  const Ended ended = RunWords({"backup", "--node", "b", "--yes"});
  EXPECT_EQ(ended.exit, 1);
  EXPECT_THAT(ended.err, HasSubstr("backup: not available yet"));
}

TEST(ArgumentsTest, ALevelIsReadStrictly) {
  for (const char* sync :
       {"durable", "durable:0", "durable:x", "local:1", "everywhere", "applied:"}) {
    // Without a cluster the level is not looked at: the address is missing first.
    EXPECT_EQ(RunWords({"settings", "set", "--sync", sync}).exit, 1) << sync;
  }
}

class FolderTest : public ::testing::Test {
 protected:
  FolderTest() {
    std::string name = (std::filesystem::temp_directory_path() / "holdfast-cli-XXXXXX").string();
    folder_ = mkdtemp(name.data());
  }
  ~FolderTest() override { std::filesystem::remove_all(folder_); }
  std::string Path(const std::string& name) const { return folder_ + "/" + name; }
  std::string folder_;
};

TEST_F(FolderTest, InitMakesANodeAndJoinRefusesWhatIsNoInvitation) {
  const std::string data = Path("data");
  const std::string config = Path("node.toml");
  const std::string token = Path("admin.token");
  const Ended made = RunWords({"init", "--data", data.c_str(), "--config", config.c_str(),
                               "--admin-token-file", token.c_str()});
  EXPECT_EQ(made.exit, 0) << made.err;
  EXPECT_THAT(made.out, AllOf(HasSubstr("HFR1-"), HasSubstr(data)));
  EXPECT_TRUE(FileExists(data + "/vault.db"));
  const std::string other = Path("b");
  const Ended refused = RunWords(
      {"join", "--data", other.c_str(), "--config", config.c_str(), "--token-file", token.c_str()});
  EXPECT_EQ(refused.exit, 1);
  EXPECT_THAT(refused.err, HasSubstr("not an invitation"));
  EXPECT_FALSE(FileExists(other));
}

TEST_F(FolderTest, AMisspeltConfigurationKeyIsAConfigurationError) {
  const std::string config = Path("node.toml");
  ASSERT_TRUE(WriteFileOnce(config, "[node]\nidd = \"a\"\n", 0600).ok());
  const Ended ended = RunWords({"init", "--data", Path("data").c_str(), "--config", config.c_str(),
                                "--admin-token-file", Path("t").c_str()});
  EXPECT_EQ(ended.exit, 78);
  EXPECT_THAT(ended.err, HasSubstr("node.id"));
}

}  // namespace
}  // namespace holdfast::cli
