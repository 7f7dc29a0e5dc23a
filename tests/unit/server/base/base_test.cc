#include <gtest/gtest.h>

#include <string>
#include <utility>

#include "server/base/encoding.h"
#include "server/base/position.h"
#include "server/base/secret_bytes.h"

namespace holdfast {
namespace {

TEST(PositionTest, ReadsWhatItWrites) {
  const Position at{.epoch = 7, .seq = 12345678901234};
  EXPECT_EQ(ToText(at), "7.12345678901234");
  EXPECT_EQ(ParsePosition(ToText(at)), at);
}

TEST(PositionTest, RefusesWhatIsNotTwoNumbers) {
  for (const char* text : {"", ".", "1", "1.", ".1", "1.2.3", "-1.2", "1. 2", "+1.2", "a.b",
                           "18446744073709551616.1"}) {
    EXPECT_EQ(ParsePosition(text), std::nullopt) << text;
  }
}

TEST(PositionTest, ComparesEpochBeforeSeq) {
  EXPECT_LT((Position{.epoch = 1, .seq = 99}), (Position{.epoch = 2, .seq = 1}));
}

TEST(SecretBytesTest, TakingASecretEmptiesItsSource) {
  std::string source = "swordfish-in-a-heap-buffer";
  const char* const where = source.data();
  const size_t size = source.size();
  const SecretBytes secret = SecretBytes::TakeFrom(source);
  EXPECT_TRUE(source.empty());
  // The buffer still belongs to `source`, so it may be looked at.
  for (size_t i = 0; i < size; ++i) EXPECT_EQ(where[i], '\0') << i;
  EXPECT_EQ(secret.RevealText(Purpose::kCompare), "swordfish-in-a-heap-buffer");
}

TEST(SecretBytesTest, AMovedFromSecretIsEmpty) {
  SecretBytes first = SecretBytes::CopyOf("one");
  SecretBytes second = std::move(first);
  EXPECT_TRUE(first.empty());  // NOLINT(bugprone-use-after-move): that is the promise.
  EXPECT_EQ(second.size(), 3u);
}

TEST(EncodingTest, HexRefusesOddAndForeignDigits) {
  EXPECT_EQ(HexDecode("0aFF"), std::string("\x0a\xff"));
  EXPECT_EQ(HexDecode("abc"), std::nullopt);
  EXPECT_EQ(HexDecode("zz"), std::nullopt);
}

TEST(EncodingTest, Base64UrlHasNoPaddingAndReadsBack) {
  const std::string bytes("\xfb\xff\x00\x01", 4);
  EXPECT_EQ(Base64UrlEncode(bytes), "-_8AAQ");
  EXPECT_EQ(Base64UrlDecode("-_8AAQ"), bytes);
  EXPECT_EQ(Base64Decode("not base64!"), std::nullopt);
}

TEST(EncodingTest, ToArrayWantsTheExactSize) {
  EXPECT_FALSE(ToArray<RecordMac>("short").has_value());
  EXPECT_TRUE(ToArray<RecordMac>(std::string(16, 'x')).has_value());
}

}  // namespace
}  // namespace holdfast
