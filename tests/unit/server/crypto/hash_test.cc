#include "server/crypto/hash.h"

#include <gtest/gtest.h>

#include <set>
#include <string>
#include <thread>
#include <vector>

#include "server/base/encoding.h"
#include "server/crypto/fields.h"
#include "server/crypto/random.h"
#include "tests/unit/server/crypto/keys_for_test.h"

namespace holdfast::crypto {
namespace {

TEST(Sha256Test, MatchesTheStandardsExamples) {
  EXPECT_EQ(HexEncode(Sha256({"abc"})),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(HexEncode(Sha256({})),
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

TEST(Sha256Test, TakesPartsAsOneText) { EXPECT_EQ(Sha256({"a", "", "bc"}), Sha256({"abc"})); }

TEST(MacTest, MatchesRfc4231AlsoWhenUsedAgain) {
  const Mac mac(SecretBytes::CopyOf("Jefe"));
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(HexEncode(mac.Compute({"what do ya want ", "for nothing?"})),
              "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
  }
}

TEST(MacTest, DiffersByKeyAndByText) {
  const Digest one = Mac(KeyOf('a')).Compute({"text"});
  EXPECT_NE(one, Mac(KeyOf('b')).Compute({"text"}));
  EXPECT_NE(one, Mac(KeyOf('a')).Compute({"texT"}));
}

TEST(MacTest, GivesTheSameValuesToManyThreads) {
  const Mac mac(KeyOf('k'));
  const Digest expected = mac.Compute({"text"});
  std::vector<int> wrong(4, 0);
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 500; ++i) wrong[t] += mac.Compute({"te", "xt"}) != expected;
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(wrong, std::vector<int>(4, 0));
}

TEST(HkdfTest, MatchesRfc5869Case3) {
  const SecretBytes key = SecretBytes::CopyOf(std::string(22, '\x0b'));
  EXPECT_EQ(HexEncode(TextOf(HkdfSha256(key, "", 42))),
            "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d"
            "9d201395faa4b61a96c8");
}

TEST(HkdfTest, GivesAnotherKeyForAnotherUse) {
  const SecretBytes key = KeyOf('k');
  EXPECT_NE(TextOf(HkdfSha256(key, "one", 32)), TextOf(HkdfSha256(key, "two", 32)));
}

TEST(ConstantTimeEqualsTest, TellsEqualFromDifferent) {
  EXPECT_TRUE(ConstantTimeEquals("token", "token"));
  EXPECT_TRUE(ConstantTimeEquals("", ""));
  EXPECT_FALSE(ConstantTimeEquals("token", "tokem"));
  EXPECT_FALSE(ConstantTimeEquals("token", "toke"));
  EXPECT_FALSE(ConstantTimeEquals("token", std::string_view("token\0", 6)));
}

TEST(FieldsTest, NoTwoListsOfFieldsGiveTheSameBytes) {
  EXPECT_NE(Fields("l").Text("ab").Text("c").bytes(), Fields("l").Text("a").Text("bc").bytes());
  EXPECT_NE(Fields("l").Text("").bytes(), Fields("l").bytes());
  EXPECT_NE(Fields("la").bytes(), Fields("l").Text("a").bytes());
}

TEST(FieldsTest, WritesTheBytesOfTheFormatPage) {
  EXPECT_EQ(HexEncode(Fields("ab").U32(0x01020304).U64(5).Text("").bytes()),
            "000000026162"
            "01020304"
            "0000000000000005"
            "00000000");
}

TEST(RandomTest, HasTheSizeAskedForAndDoesNotRepeat) {
  EXPECT_EQ(RandomBytes(0), "");
  EXPECT_EQ(RandomSecret(33).size(), 33u);
  std::set<std::string> seen;
  for (int i = 0; i < 1000; ++i) {
    const std::string id = RandomId16();
    EXPECT_EQ(id.size(), kId16Bytes);
    EXPECT_TRUE(seen.insert(id).second);
  }
}

TEST(RandomTest, BelowReachesEveryNumberAndNeverTheBound) {
  std::set<uint32_t> seen;
  for (int i = 0; i < 2000; ++i) seen.insert(RandomBelow(7));
  EXPECT_EQ(seen, (std::set<uint32_t>{0, 1, 2, 3, 4, 5, 6}));
  EXPECT_EQ(RandomBelow(1), 0u);
}

TEST(RandomTest, BelowDoesNotPreferTheSmallHalf) {
  // With a plain modulo, numbers below 2^30 would come twice as often as the others.
  int small = 0;
  for (int i = 0; i < 4000; ++i) small += RandomBelow(3u << 30) < (1u << 30);
  EXPECT_GT(small, 1100);  // 1333 expected, 2000 with the modulo; 8 standard deviations each way
  EXPECT_LT(small, 1580);
}

}  // namespace
}  // namespace holdfast::crypto
