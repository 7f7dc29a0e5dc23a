#include "server/crypto/key_ring.h"

#include <gtest/gtest.h>

#include <set>
#include <string>
#include <thread>
#include <vector>

#include "server/base/encoding.h"
#include "server/base/limits.h"
#include "tests/unit/server/crypto/keys_for_test.h"

namespace holdfast::crypto {
namespace {

using absl::StatusCode;

constexpr uint64_t kOrg = 1;

class KeyRingTest : public ::testing::Test {
 protected:
  KeyRingTest() : row_(keys_.NewDataKey(/*row_id=*/7, kOrg, /*generation=*/1, /*now_ms=*/99)) {
    EXPECT_TRUE(keys_.Load(row_).ok());
  }
  v1::SealedSecret Sealed(std::string_view text) {
    auto sealed = keys_.Seal(kOrg, v1::TABLE_ACCOUNT, SecretBytes::CopyOf(text));
    EXPECT_TRUE(sealed.ok()) << sealed.status();
    return *sealed;
  }
  StatusCode OpenCode(const v1::SealedSecret& sealed) const {
    return keys_.Open(kOrg, v1::TABLE_ACCOUNT, sealed).status().code();
  }

  KeyRing keys_{KeyOf('r'), "c-1"};
  v1::DataKeyRow row_;
};

TEST_F(KeyRingTest, OpensWhatItSealed) {
  const v1::SealedSecret sealed = Sealed("a secret");
  EXPECT_EQ(sealed.id().size(), 16u);
  EXPECT_EQ(sealed.generation(), 1u);
  const auto opened = keys_.Open(kOrg, v1::TABLE_ACCOUNT, sealed);
  ASSERT_TRUE(opened.ok()) << opened.status();
  EXPECT_EQ(TextOf(*opened), "a secret");
}

TEST_F(KeyRingTest, AnotherNodeWithTheSameRootKeyOpensIt) {
  const v1::SealedSecret sealed = Sealed("a secret");
  KeyRing other(KeyOf('r'), "c-1");
  ASSERT_TRUE(other.Load(row_).ok());
  EXPECT_TRUE(other.Open(kOrg, v1::TABLE_ACCOUNT, sealed).ok());
}

TEST_F(KeyRingTest, TheSameSecretNeverLooksTheSame) {
  std::set<std::string> ids, ciphertexts;
  for (int i = 0; i < 100; ++i) {
    const v1::SealedSecret sealed = Sealed("same");
    EXPECT_TRUE(ids.insert(sealed.id()).second);
    EXPECT_TRUE(ciphertexts.insert(sealed.ciphertext()).second);
  }
}

TEST_F(KeyRingTest, RefusesASecretMovedToAnotherPlace) {
  const v1::SealedSecret sealed = Sealed("a secret");
  EXPECT_EQ(keys_.Open(kOrg, v1::TABLE_HOST_KEY, sealed).status().code(), StatusCode::kDataLoss);

  // Another organization whose key is even the same bytes cannot exist: the row binds it.
  ASSERT_TRUE(keys_.Load(keys_.NewDataKey(8, 2, 1, 99)).ok());
  EXPECT_EQ(keys_.Open(2, v1::TABLE_ACCOUNT, sealed).status().code(), StatusCode::kDataLoss);

  v1::SealedSecret renamed = sealed;
  renamed.set_id(Flipped(sealed.id(), 0));
  EXPECT_EQ(OpenCode(renamed), StatusCode::kDataLoss);

  ASSERT_TRUE(keys_.Load(keys_.NewDataKey(9, kOrg, 2, 99)).ok());
  v1::SealedSecret regenerated = sealed;
  regenerated.set_generation(2);
  EXPECT_EQ(OpenCode(regenerated), StatusCode::kDataLoss);
}

TEST_F(KeyRingTest, RefusesChangedBytes) {
  v1::SealedSecret sealed = Sealed("a secret");
  sealed.set_ciphertext(Flipped(sealed.ciphertext(), 3));
  EXPECT_EQ(OpenCode(sealed), StatusCode::kDataLoss);
  EXPECT_EQ(OpenCode(v1::SealedSecret()), StatusCode::kNotFound);
}

TEST_F(KeyRingTest, SaysWhichDataKeyIsMissing) {
  const auto sealed = keys_.Seal(5, v1::TABLE_ACCOUNT, SecretBytes::CopyOf("s"));
  EXPECT_EQ(sealed.status(), absl::NotFoundError("no data key for organization 5"));
  v1::SealedSecret later = Sealed("s");
  later.set_generation(4);
  EXPECT_EQ(keys_.Open(kOrg, v1::TABLE_ACCOUNT, later).status(),
            absl::NotFoundError("no data key of generation 4 for organization 1"));
}

TEST_F(KeyRingTest, SealsUnderTheHighestGenerationAndStillOpensOlderOnes) {
  const v1::SealedSecret old = Sealed("old");
  ASSERT_TRUE(keys_.Load(keys_.NewDataKey(9, kOrg, 3, 99)).ok());
  ASSERT_TRUE(keys_.Load(keys_.NewDataKey(8, kOrg, 2, 99)).ok());
  EXPECT_EQ(Sealed("new").generation(), 3u);
  EXPECT_EQ(OpenCode(old), StatusCode::kOk);
}

TEST_F(KeyRingTest, AGenerationEndsBeforeItsNoncesCouldRepeat) {
  ASSERT_TRUE(keys_.RaiseUses(kOrg, 1, kUsesPerGenerationMax - 1).ok());
  EXPECT_EQ(Sealed("the last one").generation(), 1u);
  for (int i = 0; i < 3; ++i) {
    const auto sealed = keys_.Seal(kOrg, v1::TABLE_ACCOUNT, SecretBytes::CopyOf("one more"));
    EXPECT_EQ(sealed.status().code(), StatusCode::kResourceExhausted);
    EXPECT_NE(sealed.status().message().find("a new generation is needed"), std::string::npos);
  }
  EXPECT_EQ(keys_.Uses(kOrg, 1), kUsesPerGenerationMax);
  ASSERT_TRUE(keys_.Load(row_).ok());  // Loading it again must not start the count again.
  EXPECT_FALSE(keys_.Seal(kOrg, v1::TABLE_ACCOUNT, SecretBytes::CopyOf("s")).ok());
  ASSERT_TRUE(keys_.Load(keys_.NewDataKey(8, kOrg, 2, 99)).ok());
  EXPECT_EQ(Sealed("goes on").generation(), 2u);
}

TEST_F(KeyRingTest, CountsUsesAndNeverLowersTheCount) {
  Sealed("a");
  Sealed("b");
  EXPECT_EQ(keys_.Uses(kOrg, 1), 2u);
  ASSERT_TRUE(keys_.RaiseUses(kOrg, 1, 1).ok());
  EXPECT_EQ(keys_.Uses(kOrg, 1), 2u);
  EXPECT_EQ(keys_.RaiseUses(kOrg, 2, 1).code(), StatusCode::kNotFound);
}

TEST_F(KeyRingTest, RefusesASecretThatIsTooLong) {
  const auto sealed =
      keys_.Seal(kOrg, v1::TABLE_ACCOUNT, SecretBytes::OfSize(limits::kSecretBytesMax + 1));
  EXPECT_EQ(sealed.status(),
            absl::InvalidArgumentError("secret: expected at most 65536 bytes, got 65537"));
}

TEST_F(KeyRingTest, RefusesADataKeyOfAnotherRootKeyOrCluster) {
  EXPECT_EQ(KeyRing(KeyOf('x'), "c-1").Load(row_).code(), StatusCode::kDataLoss);
  EXPECT_EQ(KeyRing(KeyOf('r'), "c-2").Load(row_).code(), StatusCode::kDataLoss);
}

TEST_F(KeyRingTest, RefusesADataKeyRowThatWasTouchedInAnyField) {
  const auto refused = [&](auto change) {
    v1::DataKeyRow row = row_;
    change(row);
    return KeyRing(KeyOf('r'), "c-1").Load(row).code();
  };
  EXPECT_EQ(refused([](auto& r) { r.set_id(8); }), StatusCode::kDataLoss);
  EXPECT_EQ(refused([](auto& r) { r.set_organization_id(2); }), StatusCode::kDataLoss);
  EXPECT_EQ(refused([](auto& r) { r.set_generation(2); }), StatusCode::kDataLoss);
  EXPECT_EQ(refused([](auto& r) { r.mutable_key()->set_id("other"); }), StatusCode::kDataLoss);
  EXPECT_EQ(refused([](auto& r) { r.mutable_key()->clear_ciphertext(); }), StatusCode::kDataLoss);
  EXPECT_EQ(refused([](auto& r) { r.set_generation(0); }), StatusCode::kInvalidArgument);
  EXPECT_EQ(refused([](auto& r) { r.mutable_key()->set_generation(1); }),
            StatusCode::kInvalidArgument);
  EXPECT_EQ(refused([](auto&) {}), StatusCode::kOk);
}

TEST_F(KeyRingTest, EveryUseOfTheRootKeyHasAKeyOfItsOwn) {
  const SecretBytes text = SecretBytes::CopyOf("text");
  const Digest digest = Sha256({"text"});
  std::set<std::string> values = {
      HexEncode(keys_.HashToken(text)),
      HexEncode(keys_.StateDigestMac().Compute({"text"})),
      HexEncode(keys_.SnapshotMac().Compute({"text"})),
      HexEncode(keys_.JournalMac("n1").Compute({"text"})),
      HexEncode(keys_.JournalMac("n2").Compute({"text"})),
      HexEncode(keys_.MacOf(digest)),
      HexEncode(KeyRing(KeyOf('r'), "c-2").HashToken(text)),
      HexEncode(KeyRing(KeyOf('x'), "c-1").HashToken(text)),
  };
  EXPECT_EQ(values.size(), 8u);
  EXPECT_EQ(KeyRing(KeyOf('r'), "c-1").HashToken(text), keys_.HashToken(text));
}

TEST_F(KeyRingTest, DerivesTheKeysOfTheFormatPage) {
  // Frozen: a change here makes every existing vault unreadable.
  EXPECT_EQ(HexEncode(keys_.HashToken(SecretBytes::CopyOf("token"))),
            "68cb6747d884c4dc68175cbdf866b9998270e861f2472053f2e417e4d3a7c54b");
}

TEST_F(KeyRingTest, ReadsGoOnWhileKeysAreLoadedAndUsed) {
  const v1::SealedSecret sealed = Sealed("a secret");
  std::vector<int> wrong(3, 0);
  std::vector<std::thread> threads;
  for (int t = 0; t < 3; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 300; ++i) {
        wrong[t] += !keys_.Open(kOrg, v1::TABLE_ACCOUNT, sealed).ok();
        wrong[t] += !keys_.Seal(kOrg, v1::TABLE_ACCOUNT, SecretBytes::CopyOf("s")).ok();
      }
    });
  }
  for (uint32_t generation = 2; generation < 30; ++generation) {
    EXPECT_TRUE(keys_.Load(keys_.NewDataKey(100 + generation, kOrg, generation, 99)).ok());
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(wrong, std::vector<int>(3, 0));
}

}  // namespace
}  // namespace holdfast::crypto
