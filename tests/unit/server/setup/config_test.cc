#include "server/setup/config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace holdfast::setup {
namespace {

using ::testing::HasSubstr;

constexpr char kSmall[] = "[node]\nid = \"a\"\ndata = \"/srv/a\"\n";

std::string ErrorOf(const std::string& text) {
  const auto config = ParseConfig(text, "node.toml");
  EXPECT_FALSE(config.ok());
  EXPECT_EQ(config.status().code(), absl::StatusCode::kInvalidArgument);
  return std::string(config.status().message());
}

TEST(ConfigTest, ASmallFileGetsTheDocumentedPorts) {
  const auto config = ParseConfig(kSmall, "node.toml");
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->rest.listen.text(), "127.0.0.1:8282");
  EXPECT_EQ(config->ssh.listen.text(), "127.0.0.1:6622");
  EXPECT_EQ(config->peer.listen.text(), "127.0.0.1:6630");
  EXPECT_EQ(config->health.listen.text(), "127.0.0.1:8280");
}

TEST(ConfigTest, AMisspeltKeyNamesItsLineAndTheNearestKnownOne) {
  EXPECT_EQ(ErrorOf(std::string(kSmall) + "[rest]\nlisen = \"127.0.0.1:1\"\n"),
            "node.toml:5: rest.lisen: unknown key; the nearest known one is rest.listen");
  EXPECT_THAT(ErrorOf(std::string(kSmall) + "[healt]\nlisten = \"127.0.0.1:1\"\n"),
              HasSubstr("health.listen"));
  EXPECT_THAT(ErrorOf("colour = 1\n" + std::string(kSmall)), HasSubstr("node.toml:1: colour"));
}

TEST(ConfigTest, AWrongValueSaysWhatWasExpectedAndWhatCame) {
  EXPECT_THAT(ErrorOf("[node]\nid = 7\n"), HasSubstr("expected a text in quotes, got 7"));
  EXPECT_THAT(ErrorOf("[node]\nid = \"Upper\"\n"), HasSubstr("got \"Upper\""));
  EXPECT_THAT(ErrorOf("[node]\ndata = \"relative/path\"\n"), HasSubstr("an absolute path"));
  for (const char* listen :
       {"8282", ":1", "127.0.0.1:", "127.0.0.1:99999", "127.0.0.1:-1", "127.0.0.1:80x"}) {
    EXPECT_THAT(ErrorOf(std::string(kSmall) + "[rest]\nlisten = \"" + listen + "\"\n"),
                HasSubstr("host:port"))
        << listen;
  }
  EXPECT_THAT(ErrorOf(std::string(kSmall) + "[store]\nkind = \"oracle\"\n"),
              HasSubstr("expected one of sqlite, postgres, got \"oracle\""));
  EXPECT_THAT(ErrorOf(std::string(kSmall) + "[limits]\nconnections = 0\n"), HasSubstr("got 0"));
}

TEST(ConfigTest, ADatabaseIsAConnectionWithoutAPassword) {
  const std::string store = std::string(kSmall) + "[store]\nkind = \"postgres\"\n";
  const auto config = ParseConfig(
      store + "connection = \"host=/run/pg dbname=vault passfile='/etc/it\\\\'s'\"\n", "node.toml");
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->store.connection, "host=/run/pg dbname=vault passfile='/etc/it\\'s'");
  EXPECT_EQ(config->store.wait_seconds, 3);
  EXPECT_THAT(ErrorOf(store), HasSubstr("store.connection is missing"));
  EXPECT_THAT(ErrorOf(std::string(kSmall) + "[store]\nconnection = \"dbname=vault\"\n"),
              HasSubstr("store.kind is sqlite"));
  for (const std::string key : {"connection", "migrate_connection"}) {
    const std::string error = ErrorOf(store + key + " = \"dbname=v password=s3cret\"\n");
    EXPECT_THAT(error, HasSubstr("node.toml:6: store." + key));
    EXPECT_THAT(error, HasSubstr("use passfile"));
    EXPECT_THAT(error, testing::Not(HasSubstr("s3cret")));
  }
}

TEST(ConfigTest, TheProgramOfARoleChangeIsAListWithAnAbsolutePathInFront) {
  const std::string small = "[node]\nid = \"n\"\ndata = \"/d\"\non_role_change = ";
  const auto config = ParseConfig(small + "[\"/bin/vip\", \"eth0\"]\n", "node.toml");
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_THAT(config->node.on_role_change, testing::ElementsAre("/bin/vip", "eth0"));
  EXPECT_THAT(ErrorOf(small + "\"/bin/vip\"\n"), HasSubstr("a list of texts"));
  EXPECT_THAT(ErrorOf(small + "[\"vip\"]\n"), HasSubstr("an absolute path of a program"));
  EXPECT_THAT(ErrorOf(small + "[\"/bin/vip\", 7]\n"), HasSubstr("a text in quotes, got 7"));
}

TEST(ConfigTest, WhatIsNotTomlNamesTheLine) {
  EXPECT_THAT(ErrorOf("[node]\nid = \n"), HasSubstr("node.toml:2"));
}

TEST(ConfigTest, ANodeWithoutNameOrFolderIsRefused) {
  EXPECT_THAT(ErrorOf(""), HasSubstr("node.id is missing"));
  EXPECT_THAT(ErrorOf("[node]\nid = \"a\"\n"), HasSubstr("node.data is missing"));
}

TEST(ConfigTest, WhatIsRenderedIsReadBack) {
  Config config;
  config.node = {.id = "node-1", .data = "/srv/holdfast/node1"};
  config.rest.listen = {.host = "::1", .port = 18282};
  const auto read = ParseConfig(RenderConfig(config), "node.toml");
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(read->node.id, "node-1");
  EXPECT_EQ(read->rest.listen.text(), "[::1]:18282");
  EXPECT_EQ(read->log.file, "/srv/holdfast/node1/holdfastd.log");
}

TEST(ConfigTest, TheAdvertisedAddressTakesThePortOfTheListener) {
  Config::Listener listener;
  listener.listen = {.host = "0.0.0.0", .port = 8282};
  listener.advertise = "vault-a";
  EXPECT_EQ(AdvertisedAddress(listener), "vault-a:8282");
  listener.advertise = "vault-a:443";
  EXPECT_EQ(AdvertisedAddress(listener), "vault-a:443");
}

TEST(ConfigTest, TheAuditHasItsKeys) {
  const auto config = ParseConfig(
      "[node]\nid = \"a\"\ndata = \"/d\"\n[limits]\njournal_days = 30\n"
      "[audit]\nwhen_full = \"serve-and-mark\"\nfile = \"/var/log/audit.jsonl\"\nsyslog = true\n",
      "f");
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->limits.journal_days, 30);
  EXPECT_EQ(config->audit.when_full, "serve-and-mark");
  EXPECT_EQ(config->audit.file, "/var/log/audit.jsonl");
  EXPECT_TRUE(config->audit.syslog);
  EXPECT_EQ(config->audit.syslog_socket, "/dev/log");
  for (const char* wrong : {"when_full = \"drop\"", "file = \"relative\"", "syslog = \"yes\""}) {
    const auto refused = ParseConfig(
        std::string("[node]\nid = \"a\"\ndata = \"/d\"\n[audit]\n") + wrong + "\n", "f");
    EXPECT_EQ(refused.status().code(), absl::StatusCode::kInvalidArgument) << wrong;
  }
}

}  // namespace
}  // namespace holdfast::setup
