#include "server/crypto/certificate.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "server/base/encoding.h"
#include "server/crypto/hash.h"
#include "tests/unit/server/crypto/keys_for_test.h"

namespace holdfast::crypto {
namespace {

using absl::StatusCode;
using std::chrono::hours;

constexpr WallTime kNow{std::chrono::milliseconds(1'800'000'000'000)};

class CertificateTest : public ::testing::Test {
 protected:
  CertificateTest()
      : authority_(*CreateAuthority("c-1", kNow)), request_(*CreateRequest("c-1", "n1")) {}

  CertificateTerms Terms() const {
    return {.cluster_id = "c-1",
            .node_id = "n1",
            .addresses = {"127.0.0.1", "::1", "localhost", "vault.example.org"},
            .days = 90,
            .now = kNow};
  }
  std::string Signed() const {
    auto pem = SignCertificate(authority_, request_.request_pem, Terms());
    EXPECT_TRUE(pem.ok()) << pem.status();
    return *pem;
  }
  absl::Status SignStatus(const CertificateTerms& terms) const {
    return SignCertificate(authority_, request_.request_pem, terms).status();
  }

  CertificateAuthority authority_;
  CertificateRequest request_;
};

TEST_F(CertificateTest, SignsWhatItsAuthorityThenVouchesFor) {
  const std::string pem = Signed();
  EXPECT_TRUE(VerifyChain(pem, authority_.certificate_pem, kNow).ok());
  EXPECT_TRUE(CheckKeyFits(pem, request_.key_pem).ok());
  const auto info = ParseCertificate(pem);
  ASSERT_TRUE(info.ok()) << info.status();
  EXPECT_EQ(info->cluster_id, "c-1");
  EXPECT_EQ(info->node_id, "n1");
  EXPECT_FALSE(info->authority);
  EXPECT_EQ(info->not_before, kNow - hours(1));
  EXPECT_EQ(info->not_after, kNow + hours(24 * 90));
  EXPECT_EQ(info->fingerprint.size(), 64u);
}

TEST_F(CertificateTest, TheFingerprintIsOverTheDerForm) {
  const std::string& pem = authority_.certificate_pem;
  const size_t start = pem.find('\n') + 1;
  std::string base64;
  for (const char c : pem.substr(start, pem.find("-----END") - start)) {
    if (c != '\n') base64 += c;
  }
  const Digest expected = Sha256({*Base64Decode(base64)});
  EXPECT_EQ(ParseCertificate(pem)->fingerprint, HexEncode(expected));
}

TEST_F(CertificateTest, TheAuthorityIsNoMember) {
  const auto info = ParseCertificate(authority_.certificate_pem);
  ASSERT_TRUE(info.ok());
  EXPECT_TRUE(info->authority);
  EXPECT_EQ(info->node_id, "");
  EXPECT_FALSE(VerifyChain(authority_.certificate_pem, authority_.certificate_pem, kNow).ok());
}

TEST_F(CertificateTest, RefusesACertificateOfAnotherAuthority) {
  const auto foreign = CreateAuthority("c-1", kNow);  // Same names, another key.
  const absl::Status status = VerifyChain(Signed(), foreign->certificate_pem, kNow);
  EXPECT_EQ(status.code(), StatusCode::kUnauthenticated);
}

TEST_F(CertificateTest, RefusesAMemberAsAuthority) {
  const std::string member = Signed();
  EXPECT_EQ(VerifyChain(member, member, kNow).code(), StatusCode::kInvalidArgument);
  const CertificateAuthority pretender{.certificate_pem = member,
                                       .key_pem = request_.key_pem.Clone()};
  const auto victim = CreateRequest("c-1", "n2");
  CertificateTerms terms = Terms();
  terms.node_id = "n2";
  const auto forged = SignCertificate(pretender, victim->request_pem, terms);
  if (forged.ok()) {
    EXPECT_EQ(VerifyChain(*forged, authority_.certificate_pem, kNow).code(),
              StatusCode::kUnauthenticated);
  }
}

TEST_F(CertificateTest, HoldsFromAnHourBeforeUntilItsEndAndNotLonger) {
  const std::string pem = Signed();
  const auto at = [&](WallTime now) { return VerifyChain(pem, authority_.certificate_pem, now); };
  EXPECT_TRUE(at(kNow - hours(1)).ok());
  EXPECT_EQ(at(kNow - hours(2)).code(), StatusCode::kUnauthenticated);
  EXPECT_TRUE(at(kNow + hours(24 * 90 - 1)).ok());
  const absl::Status late = at(kNow + hours(24 * 90 + 1));
  EXPECT_NE(late.message().find("expired"), std::string::npos) << late;
}

TEST_F(CertificateTest, RefusesARequestThatIsNotSignedWithItsOwnKey) {
  // The signature is the end of the DER form: turn one of its bits.
  const std::string& pem = request_.request_pem;
  const size_t start = pem.find('\n') + 1;
  std::string base64;
  for (const char c : pem.substr(start, pem.find("-----END") - start)) {
    if (c != '\n') base64 += c;
  }
  std::string der = *Base64Decode(base64);
  der = Flipped(der, der.size() - 1);
  const std::string changed = "-----BEGIN CERTIFICATE REQUEST-----\n" + Base64Encode(der) +
                              "\n-----END CERTIFICATE REQUEST-----\n";
  EXPECT_EQ(SignCertificate(authority_, changed, Terms()).status().code(),
            StatusCode::kUnauthenticated);
  EXPECT_EQ(PublicKeyOfRequest(changed).status().code(), StatusCode::kUnauthenticated);
}

TEST_F(CertificateTest, RefusesWhatIsNoRequest) {
  for (const std::string& text :
       {std::string(), std::string("nonsense"), authority_.certificate_pem,
        request_.request_pem.substr(0, 100), std::string(100'000, 'A'), std::string(64, '\0')}) {
    EXPECT_EQ(SignCertificate(authority_, text, Terms()).status().code(),
              StatusCode::kInvalidArgument);
  }
}

TEST_F(CertificateTest, RefusesWhatIsNoCertificate) {
  for (const std::string& text : {std::string(), std::string("nonsense"), request_.request_pem,
                                  authority_.certificate_pem.substr(0, 200)}) {
    EXPECT_EQ(ParseCertificate(text).status().code(), StatusCode::kInvalidArgument);
    EXPECT_EQ(VerifyChain(text, authority_.certificate_pem, kNow).code(),
              StatusCode::kInvalidArgument);
    EXPECT_EQ(VerifyChain(Signed(), text, kNow).code(), StatusCode::kInvalidArgument);
  }
}

TEST_F(CertificateTest, RefusesAnAuthorityWithTheWrongKey) {
  const CertificateAuthority mixed{.certificate_pem = authority_.certificate_pem,
                                   .key_pem = request_.key_pem.Clone()};
  EXPECT_EQ(SignCertificate(mixed, request_.request_pem, Terms()).status().code(),
            StatusCode::kInvalidArgument);
  EXPECT_EQ(CheckKeyFits(Signed(), authority_.key_pem).code(), StatusCode::kInvalidArgument);
}

TEST_F(CertificateTest, NeverAsksForAPassphrase) {
  const SecretBytes locked = SecretBytes::CopyOf(
      "-----BEGIN ENCRYPTED PRIVATE KEY-----\n"
      "MIHrMFYGCSqGSIb3DQEFDTBJMCgGCSqGSIb3DQEFDDAbBAjnibcNu61OVwIBATAM\n"
      "BggqhkiG9w0CCQUAMB0GCWCGSAFlAwQBKgQQ3wPifk2Ryf334w9RcsLc/ASBkHM5\n"
      "Wa8sOJLXszZDjpAhrXTRHBnxHOhUBYli0A5rNyOJlN6yJJCit73n5hIMaklo4xiX\n"
      "RyUmmcrXH9qVJ9ieV8X3DJ2riIo2mEsokrIjpyYD6NELT2gQ1AtgFpC40PjvhriP\n"
      "aIoobaOsCxM/UOsTN6nVxfyVkR6hXwyJbZ6ClbUeLwQnQj6kbPq+efo2PENnVg==\n"
      "-----END ENCRYPTED PRIVATE KEY-----\n");
  EXPECT_EQ(CheckKeyFits(Signed(), locked).code(), StatusCode::kInvalidArgument);
}

TEST_F(CertificateTest, RefusesNamesThatAreNoNames) {
  for (const std::string& bad :
       {std::string(), std::string("-n1"), std::string("n1-"), std::string("n 1"),
        std::string("n.1"), std::string("n/1"), std::string("n1\0x", 4), std::string(64, 'n'),
        std::string("n1,DNS:evil.example")}) {
    CertificateTerms terms = Terms();
    terms.node_id = bad;
    EXPECT_EQ(SignStatus(terms).code(), StatusCode::kInvalidArgument) << bad;
    EXPECT_FALSE(CreateRequest("c-1", bad).ok());
    EXPECT_FALSE(CreateAuthority(bad, kNow).ok());
  }
  EXPECT_TRUE(CheckIdentifier(std::string(63, 'n'), "node id").ok());
}

TEST_F(CertificateTest, RefusesAddressesThatAreNone) {
  for (const std::string& bad :
       {std::string(), std::string("*.example.org"), std::string("a..b"), std::string(".a"),
        std::string("10.1.2.300"), std::string("10.1.2"), std::string("1:2"),
        std::string("127.0.0.1\0.evil", 15), std::string("a,DNS:evil"), std::string("a b"),
        std::string(254, 'a'), std::string("[::1]"), std::string("host:8282"),
        std::string(64, 'a') + ".org"}) {
    CertificateTerms terms = Terms();
    terms.addresses = {bad};
    EXPECT_EQ(SignStatus(terms).code(), StatusCode::kInvalidArgument) << bad;
  }
  for (const char* good : {"10.1.2.3", "2001:db8::1", "a", "3com.example", "xn--bcher-kva.ch"}) {
    EXPECT_TRUE(CheckCertificateAddress(good).ok()) << good;
  }
}

TEST_F(CertificateTest, RefusesTooManyAddressesAndDaysOutOfBounds) {
  CertificateTerms terms = Terms();
  terms.addresses.assign(kCertificateAddressesMax + 1, "localhost");
  EXPECT_EQ(SignStatus(terms).code(), StatusCode::kInvalidArgument);
  for (const int days : {0, -1, kMemberDaysMax + 1}) {
    terms = Terms();
    terms.days = days;
    EXPECT_EQ(SignStatus(terms).code(), StatusCode::kInvalidArgument);
  }
}

TEST_F(CertificateTest, AKeyReadFromTheCertificateIsTheOneOfTheRequest) {
  EXPECT_EQ(*PublicKeyOfCertificate(Signed()), *PublicKeyOfRequest(request_.request_pem));
}

}  // namespace
}  // namespace holdfast::crypto
