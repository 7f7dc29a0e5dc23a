#include "server/setup/node_addresses.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace holdfast::setup {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

Config Sample() {
  Config config;
  config.node.id = "a";
  return config;
}

TEST(NodeAddressesTest, AMemberIsReachedWhereItListensOrAsItSays) {
  Config config = Sample();
  config.rest.advertise = "vault.example.org";
  config.peer.advertise = "[2001:db8::1]:7000";
  const auto member = MemberRowOf(config);
  ASSERT_TRUE(member.ok()) << member.status();
  EXPECT_EQ(member->node_id(), "a");
  EXPECT_EQ(member->rest_url(), "https://vault.example.org:8282");
  EXPECT_EQ(member->ssh_address(), "127.0.0.1:6622");
  EXPECT_EQ(member->peer_address(), "[2001:db8::1]:7000");
  EXPECT_EQ(member->health_url(), "http://127.0.0.1:8280");
  EXPECT_THAT(CertificateAddresses(*member),
              ElementsAre("127.0.0.1", "localhost", "vault.example.org", "2001:db8::1"));
}

TEST(NodeAddressesTest, AListenerForAllAddressesMustSayWhereItIsReached) {
  for (const char* everywhere : {"0.0.0.0", "::"}) {
    Config config = Sample();
    config.ssh.listen.host = everywhere;
    const auto member = MemberRowOf(config);
    ASSERT_EQ(member.status().code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(std::string(member.status().message()), HasSubstr("ssh.advertise: missing"));
    config.ssh.advertise = "10.0.0.7";
    EXPECT_TRUE(MemberRowOf(config).ok());
  }
}

TEST(NodeAddressesTest, HostAndPortAreTakenApartOrRefused) {
  std::string host;
  int port = 0;
  EXPECT_TRUE(SplitHostPort("[::1]:80", host, port));
  EXPECT_EQ(host, "::1");
  EXPECT_EQ(port, 80);
  for (const char* bad : {"", ":1", "a", "a:", "a:70000", "a:1x", "::1:80", "[]:1", "a:-1"}) {
    EXPECT_FALSE(SplitHostPort(bad, host, port)) << bad;
  }
}

}  // namespace
}  // namespace holdfast::setup
