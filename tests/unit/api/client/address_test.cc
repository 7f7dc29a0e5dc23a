#include "api/client/address.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace holdfast::client {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

std::string UrlOf(std::string_view text) {
  const auto address = ParseAddress(text);
  return address.ok() ? address->Url() : std::string(address.status().message());
}

TEST(AddressTest, TakesUrlsAndBareHosts) {
  EXPECT_EQ(UrlOf("https://127.0.0.1:1234"), "https://127.0.0.1:1234");
  EXPECT_EQ(UrlOf("https://vault.example.org/"), "https://vault.example.org:8282");
  EXPECT_EQ(UrlOf("HTTPS://Vault.Example.ORG:443"), "https://vault.example.org:443");
  EXPECT_EQ(UrlOf(" localhost:65535 "), "https://localhost:65535");
  EXPECT_EQ(UrlOf("n1"), "https://n1:8282");
}

TEST(AddressTest, TakesIpv6InBrackets) {
  EXPECT_EQ(UrlOf("https://[::1]"), "https://[::1]:8282");
  EXPECT_EQ(UrlOf("[FE80::2]:99"), "https://[fe80::2]:99");
  EXPECT_EQ(ParseAddress("[::1]:1")->host, "::1");
}

TEST(AddressTest, RefusesWhatIsNoAddress) {
  for (const char* bad : {"",
                          "https://",
                          "http://n1",
                          "ftp://n1",
                          "n1:",
                          "n1:0",
                          "n1:65536",
                          "n1:8x",
                          "n1:+1",
                          "::1",
                          "1:2:3",
                          "[::1",
                          "[::1]x",
                          "[::1]1",
                          "[n1]",
                          "[127.0.0.1]",
                          "[]",
                          "n1/v1",
                          "n1?x",
                          "n1#x",
                          "https://n1//",
                          "a b",
                          "*.example.org",
                          "n1:8282:1",
                          "https://https://n1"}) {
    EXPECT_FALSE(ParseAddress(bad).ok()) << bad;
  }
  EXPECT_FALSE(ParseAddress(std::string(600, 'a')).ok());
}

TEST(AddressTest, AnErrorDoesNotRepeatAPasswordInTheUrl) {
  const auto address = ParseAddress("https://admin:hunter2@n1");
  EXPECT_THAT(std::string(address.status().message()),
              testing::AllOf(HasSubstr("user name"), Not(HasSubstr("hunter2"))));
}

TEST(AddressTest, AListKeepsItsOrderAndHoldsEachOnce) {
  const auto addresses = ParseAddresses("b:1, https://a:1,b:1,[::1]");
  ASSERT_TRUE(addresses.ok()) << addresses.status();
  EXPECT_THAT(*addresses,
              ElementsAre(Address{"b", 1}, Address{"a", 1}, Address{"::1", kDefaultPort}));
}

TEST(AddressTest, AListIsNeitherEmptyNorEndless) {
  EXPECT_FALSE(ParseAddresses("").ok());
  EXPECT_FALSE(ParseAddresses("a,,b").ok());
  EXPECT_FALSE(ParseAddresses("a,").ok());
  std::string many = "n";
  for (size_t i = 1; i < kAddressesMax; ++i) many += ",n" + std::to_string(i);
  EXPECT_TRUE(ParseAddresses(many).ok());
  EXPECT_FALSE(ParseAddresses(many + ",x").ok());
}

TEST(AddressTest, AnAbsoluteUrlHasAnAddressWhateverItsPath) {
  EXPECT_EQ(AddressOfUrl("https://[::1]:7/v1/users?x=y:z@q")->Url(), "https://[::1]:7");
  EXPECT_EQ(AddressOfUrl("https://n1?x")->Url(), "https://n1:8282");
  EXPECT_EQ(AddressOfUrl("https://n1:9")->Url(), "https://n1:9");
  for (const char* bad : {"", "/v1/users", "unknown", "n1:8282", "http://n1/v1", "https:///v1"}) {
    EXPECT_FALSE(AddressOfUrl(bad).ok()) << bad;
  }
}

}  // namespace
}  // namespace holdfast::client
