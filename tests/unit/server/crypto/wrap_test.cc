#include "server/crypto/wrap.h"

#include <gtest/gtest.h>

#include <string>

#include "server/base/limits.h"
#include "server/crypto/certificate.h"
#include "tests/unit/server/crypto/keys_for_test.h"

namespace holdfast::crypto {
namespace {

class WrapTest : public ::testing::Test {
 protected:
  struct Pair {
    std::string public_pem;
    SecretBytes private_pem;
  };
  static Pair NewPair() {
    auto request = CreateRequest("c-1", "n2");
    return {.public_pem = *PublicKeyOfRequest(request->request_pem),
            .private_pem = std::move(request->key_pem)};
  }
  WrapTest() : pair_(NewPair()) {
    wrapped_ = *WrapFor(pair_.public_pem, SecretBytes::CopyOf("root key"), "c-1/n2/root");
  }
  Pair pair_;
  std::string wrapped_;
};

TEST_F(WrapTest, OpensForItsMember) {
  const auto secret = Unwrap(pair_.private_pem, wrapped_, "c-1/n2/root");
  ASSERT_TRUE(secret.ok()) << secret.status();
  EXPECT_EQ(TextOf(*secret), "root key");
}

TEST_F(WrapTest, NeverLooksTheSame) {
  EXPECT_NE(*WrapFor(pair_.public_pem, SecretBytes::CopyOf("root key"), "c-1/n2/root"), wrapped_);
}

TEST_F(WrapTest, RefusesAnotherMemberAndAnotherContext) {
  EXPECT_EQ(Unwrap(NewPair().private_pem, wrapped_, "c-1/n2/root").status().code(),
            absl::StatusCode::kDataLoss);
  EXPECT_EQ(Unwrap(pair_.private_pem, wrapped_, "c-1/n3/root").status().code(),
            absl::StatusCode::kDataLoss);
}

TEST_F(WrapTest, RefusesAnyChangedByteAndAnyCut) {
  for (size_t i = 0; i < wrapped_.size(); ++i) {
    EXPECT_EQ(Unwrap(pair_.private_pem, Flipped(wrapped_, i), "c-1/n2/root").status().code(),
              absl::StatusCode::kDataLoss)
        << "byte " << i;
    EXPECT_EQ(Unwrap(pair_.private_pem, wrapped_.substr(0, i), "c-1/n2/root").status().code(),
              absl::StatusCode::kDataLoss)
        << "cut at " << i;
  }
}

TEST_F(WrapTest, RefusesKeysThatAreNone) {
  const SecretBytes secret = SecretBytes::CopyOf("s");
  EXPECT_EQ(WrapFor("", secret, "x").status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(WrapFor("-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n", secret, "x")
                .status()
                .code(),
            absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(Unwrap(SecretBytes::CopyOf("no key"), wrapped_, "x").status().code(),
            absl::StatusCode::kInvalidArgument);
}

TEST_F(WrapTest, RefusesAnotherCurve) {
  // openssl ecparam -name secp384r1 -genkey | openssl ec -pubout
  const auto wrapped = WrapFor(
      "-----BEGIN PUBLIC KEY-----\n"
      "MHYwEAYHKoZIzj0CAQYFK4EEACIDYgAEAOjpZN8Lrg1AkAPsMSMJ+qlH3rhYmFtE\n"
      "w8Rwx1vepm0RaNC57EPxIv6T1KwobIvd9n1DoZpwmywmIR9H4+tdxyw/nh7FtTdW\n"
      "AwYJOg6Ge2K55zaH2KTQ2SCAxDofUCXX\n"
      "-----END PUBLIC KEY-----\n",
      SecretBytes::CopyOf("s"), "x");
  EXPECT_EQ(wrapped.status(),
            absl::InvalidArgumentError("public key of the member: expected a P-256 key"));
}

TEST_F(WrapTest, TakesAPublicKeyInCompressedForm) {
  // openssl ec -pubout -conv_form compressed
  EXPECT_TRUE(WrapFor("-----BEGIN PUBLIC KEY-----\n"
                      "MDkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDIgADH/Rf3Ey72ooE1WJ2bHp8m8Frb+jw\n"
                      "9YJrsEix4AceV7E=\n"
                      "-----END PUBLIC KEY-----\n",
                      SecretBytes::CopyOf("s"), "x")
                  .ok());
}

TEST_F(WrapTest, RefusesASecretThatIsTooLong) {
  EXPECT_FALSE(
      WrapFor(pair_.public_pem, SecretBytes::OfSize(limits::kSecretBytesMax + 1), "x").ok());
}

}  // namespace
}  // namespace holdfast::crypto
