#include "server/crypto/aead.h"

#include <gtest/gtest.h>

#include <set>
#include <string>
#include <thread>
#include <vector>

#include "server/base/encoding.h"
#include "tests/unit/server/crypto/keys_for_test.h"

namespace holdfast::crypto {
namespace {

TEST(AeadTest, OpensWhatItSealed) {
  const Aead aead(KeyOf('k'));
  for (const size_t size : {size_t{0}, size_t{1}, size_t{16}, size_t{100}, size_t{65536}}) {
    const std::string text(size, 's');
    const AeadBox box = aead.Seal(SecretBytes::CopyOf(text), "associated");
    EXPECT_EQ(box.nonce.size(), kAeadNonceBytes);
    EXPECT_EQ(box.ciphertext.size(), size + kAeadTagBytes);
    const auto opened = aead.Open(box.nonce, box.ciphertext, "associated");
    ASSERT_TRUE(opened.ok()) << opened.status();
    EXPECT_EQ(TextOf(*opened), text);
  }
}

TEST(AeadTest, OpensTheKnownAnswerOfTheGcmSpecification) {
  // Test case 14: key and nonce of zeroes, one block of zeroes.
  const Aead aead(SecretBytes::OfSize(kAeadKeyBytes));
  const auto opened =
      aead.Open(std::string(kAeadNonceBytes, '\0'),
                *HexDecode("cea7403d4d606b6e074ec5d3baf39d18d0d1c8a799996bf0265b98b5d48ab919"), "");
  ASSERT_TRUE(opened.ok()) << opened.status();
  EXPECT_EQ(TextOf(*opened), std::string(16, '\0'));
}

TEST(AeadTest, NeverUsesANonceTwice) {
  const Aead aead(KeyOf('k'));
  const SecretBytes text = SecretBytes::CopyOf("s");
  std::set<std::string> nonces;
  for (int i = 0; i < 1000; ++i) EXPECT_TRUE(nonces.insert(aead.Seal(text, "").nonce).second);
}

TEST(AeadTest, RefusesAnyChangedByteAndAnotherKeyWithOneAndTheSameMessage) {
  const Aead aead(KeyOf('k'));
  const AeadBox box = aead.Seal(SecretBytes::CopyOf("a secret"), "associated");
  std::set<std::string> messages;
  const auto expect_refused = [&](const absl::StatusOr<SecretBytes>& opened) {
    EXPECT_EQ(opened.status().code(), absl::StatusCode::kDataLoss);
    messages.insert(std::string(opened.status().message()));
  };
  for (size_t i = 0; i < box.ciphertext.size(); ++i) {
    expect_refused(aead.Open(box.nonce, Flipped(box.ciphertext, i), "associated"));
  }
  for (size_t i = 0; i < box.nonce.size(); ++i) {
    expect_refused(aead.Open(Flipped(box.nonce, i), box.ciphertext, "associated"));
  }
  expect_refused(aead.Open(box.nonce, box.ciphertext, "associateD"));
  expect_refused(aead.Open(box.nonce, box.ciphertext, ""));
  expect_refused(aead.Open(box.nonce, box.ciphertext.substr(1), "associated"));
  expect_refused(Aead(KeyOf('l')).Open(box.nonce, box.ciphertext, "associated"));
  EXPECT_EQ(messages,
            std::set<std::string>{"sealed value does not open: wrong key or changed bytes"});
}

TEST(AeadTest, StillOpensAfterARefusal) {
  const Aead aead(KeyOf('k'));
  const AeadBox box = aead.Seal(SecretBytes::CopyOf("a secret"), "");
  EXPECT_FALSE(aead.Open(box.nonce, Flipped(box.ciphertext, 0), "").ok());
  EXPECT_TRUE(aead.Open(box.nonce, box.ciphertext, "").ok());
}

TEST(AeadTest, RefusesSizesThatCannotBe) {
  const Aead aead(KeyOf('k'));
  const auto short_nonce = aead.Open(std::string(11, 'n'), std::string(32, 'c'), "");
  EXPECT_EQ(short_nonce.status().message(), "sealed value: expected a nonce of 12 bytes, got 11");
  const auto short_tag = aead.Open(std::string(12, 'n'), std::string(15, 'c'), "");
  EXPECT_EQ(short_tag.status().code(), absl::StatusCode::kDataLoss);
  EXPECT_FALSE(aead.Open("", "", "").ok());
}

TEST(AeadTest, ServesManyThreads) {
  const Aead aead(KeyOf('k'));
  std::vector<int> wrong(4, 0);
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      const std::string text(100, static_cast<char>('a' + t));
      for (int i = 0; i < 300; ++i) {
        const AeadBox box = aead.Seal(SecretBytes::CopyOf(text), "x");
        const auto opened = aead.Open(box.nonce, box.ciphertext, "x");
        wrong[t] += !opened.ok() || TextOf(*opened) != text;
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(wrong, std::vector<int>(4, 0));
}

TEST(AeadDeathTest, AKeyOfAnotherSizeIsOurBug) {
  EXPECT_DEATH(Aead(SecretBytes::OfSize(16)), "key.size");
}

}  // namespace
}  // namespace holdfast::crypto
