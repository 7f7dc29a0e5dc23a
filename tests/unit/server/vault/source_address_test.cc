#include "server/vault/source_address.h"

#include <gtest/gtest.h>

#include <string>

namespace holdfast::vault {
namespace {

TEST(SourceAddressTest, AnAddressMatchesItselfInEverySpelling) {
  EXPECT_TRUE(SourceMatches("192.0.2.7", "192.0.2.7"));
  EXPECT_TRUE(SourceMatches("192.0.2.7", "::ffff:192.0.2.7"));
  EXPECT_TRUE(SourceMatches("::ffff:192.0.2.7", "192.0.2.7"));
  EXPECT_TRUE(SourceMatches("2001:db8::7", "2001:0DB8:0:0:0:0:0:7"));
  EXPECT_TRUE(SourceMatches("fe80::1", "fe80::1%eth0"));
  EXPECT_FALSE(SourceMatches("192.0.2.7", "192.0.2.8"));
  EXPECT_FALSE(SourceMatches("2001:db8::7", "2001:db8::8"));
}

TEST(SourceAddressTest, ANetworkHoldsWhatItsPrefixSays) {
  EXPECT_TRUE(SourceMatches("192.0.2.0/24", "192.0.2.255"));
  EXPECT_TRUE(SourceMatches("192.0.2.9/24", "::ffff:192.0.2.1"));
  EXPECT_FALSE(SourceMatches("192.0.2.0/24", "192.0.3.0"));
  EXPECT_TRUE(SourceMatches("10.128.0.0/9", "10.255.0.1"));
  EXPECT_FALSE(SourceMatches("10.128.0.0/9", "10.127.0.1"));
  EXPECT_TRUE(SourceMatches("192.0.2.7/32", "192.0.2.7"));
  EXPECT_FALSE(SourceMatches("192.0.2.7/32", "192.0.2.6"));
  EXPECT_TRUE(SourceMatches("0.0.0.0/0", "203.0.113.9"));
  EXPECT_FALSE(SourceMatches("0.0.0.0/0", "2001:db8::1"));
  EXPECT_TRUE(SourceMatches("::/0", "2001:db8::1"));
  EXPECT_TRUE(SourceMatches("2001:db8::/33", "2001:db8:7fff::1"));
  EXPECT_FALSE(SourceMatches("2001:db8::/33", "2001:db8:8000::1"));
}

TEST(SourceAddressTest, OtherTextIsNoNetworkAndMatchesNothing) {
  for (const std::string& bad :
       {std::string(), std::string("db.example.com"), std::string("localhost"),
        std::string("192.0.2"), std::string("192.0.2.7/"), std::string("192.0.2.7/33"),
        std::string("192.0.2.7/-1"), std::string("192.0.2.7/8x"), std::string("192.0.2.7/024 "),
        std::string("2001:db8::/129"), std::string("2001:db8::/1000"), std::string("[::1]"),
        std::string("192.0.2.7:22"), std::string("192.0.2.7\0", 10), std::string("010.0.0.1"),
        std::string(5000, '1'), std::string("::1%lo")}) {
    EXPECT_FALSE(ParseNetwork(bad).has_value()) << bad;
    EXPECT_FALSE(SourceMatches(bad, bad)) << bad;
    EXPECT_FALSE(SourceMatches("0.0.0.0/0", bad.substr(0, bad.find('/')) + "x")) << bad;
  }
}

}  // namespace
}  // namespace holdfast::vault
