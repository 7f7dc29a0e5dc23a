#include "server/crypto/tls_context.h"

#include <gtest/gtest.h>
#include <openssl/err.h>
#include <openssl/ssl.h>

#include <memory>
#include <string>

#include "server/crypto/certificate.h"
#include "tests/support/real_clock.h"
#include "tests/unit/server/crypto/keys_for_test.h"

namespace holdfast::crypto {
namespace {

using absl::StatusCode;
using std::chrono::hours;

// OpenSSL checks validity against its own clock, so these certificates must be of today.
WallTime Today() { return RealClock().Wall(); }

struct Node {
  std::string certificate_pem;
  SecretBytes key_pem;
};

Node MakeNode(const CertificateAuthority& authority, WallTime now = Today()) {
  auto request = CreateRequest("c-1", "n1");
  auto pem = SignCertificate(authority, request->request_pem,
                             {.cluster_id = "c-1",
                              .node_id = "n1",
                              .addresses = {"127.0.0.1", "vault.example.org"},
                              .days = 30,
                              .now = now});
  EXPECT_TRUE(pem.ok()) << pem.status();
  return {.certificate_pem = *pem, .key_pem = std::move(request->key_pem)};
}

struct FreeSsl {
  void operator()(SSL* connection) const { SSL_free(connection); }
};
using SslPtr = std::unique_ptr<SSL, FreeSsl>;

// A client and a server talking through memory.
struct Pair {
  Pair(const TlsContext& server_context, const TlsContext& client_context)
      : server(SSL_new(server_context.get())), client(SSL_new(client_context.get())) {
    BIO* server_end = nullptr;
    BIO* client_end = nullptr;
    EXPECT_EQ(BIO_new_bio_pair(&server_end, 0, &client_end, 0), 1);
    SSL_set_bio(server.get(), server_end, server_end);
    SSL_set_bio(client.get(), client_end, client_end);
    SSL_set_accept_state(server.get());
    SSL_set_connect_state(client.get());
  }
  // True when both sides came to an end of the handshake.
  bool Handshake() {
    for (int i = 0; i < 20; ++i) {
      SSL_do_handshake(client.get());
      SSL_do_handshake(server.get());
      char byte = 0;  // Takes the ticket in, which comes after the handshake.
      SSL_peek(client.get(), &byte, 1);
    }
    ERR_clear_error();
    return SSL_is_init_finished(client.get()) && SSL_is_init_finished(server.get());
  }
  SslPtr server;
  SslPtr client;
};

class TlsContextTest : public ::testing::Test {
 protected:
  TlsContextTest()
      : authority_(*CreateAuthority("c-1", Today())),
        node_(MakeNode(authority_)),
        server_(*MakeServerTls(node_.certificate_pem, node_.key_pem, authority_.certificate_pem)),
        client_(*MakeClientTls(authority_.certificate_pem)) {}

  static std::string FingerprintOf(const CertificateAuthority& authority) {
    return ParseCertificate(authority.certificate_pem)->fingerprint;
  }
  // A server whose certificate is of `authority`, but which presents `presented` behind it.
  static TlsContext ServerPresenting(const CertificateAuthority& authority,
                                     const CertificateAuthority& presented) {
    const Node node = MakeNode(authority);
    return *MakeServerTls(node.certificate_pem, node.key_pem, presented.certificate_pem);
  }

  CertificateAuthority authority_;
  Node node_;
  TlsContext server_;
  TlsContext client_;
};

TEST_F(TlsContextTest, AClientOfTheAuthorityConnectsWithTls13) {
  Pair pair(server_, client_);
  ASSERT_TRUE(pair.Handshake());
  EXPECT_STREQ(SSL_get_version(pair.client.get()), "TLSv1.3");
}

TEST_F(TlsContextTest, Tls12IsEncryptedWithForwardSecrecyAndOlderOnesAreRefused) {
  Pair pair(server_, client_);
  SSL_set_max_proto_version(pair.client.get(), TLS1_2_VERSION);
  ASSERT_TRUE(pair.Handshake());
  EXPECT_STREQ(SSL_get_version(pair.client.get()), "TLSv1.2");
  EXPECT_STREQ(SSL_get_cipher_name(pair.client.get()), "ECDHE-ECDSA-AES128-GCM-SHA256");

  Pair old(server_, client_);
  SSL_set_security_level(old.client.get(), 0);
  SSL_set_min_proto_version(old.client.get(), TLS1_VERSION);
  SSL_set_max_proto_version(old.client.get(), TLS1_1_VERSION);
  EXPECT_FALSE(old.Handshake());
}

TEST_F(TlsContextTest, RefusesAServerOfAnotherAuthority) {
  const auto foreign = CreateAuthority("c-1", Today());
  Pair pair(ServerPresenting(*foreign, *foreign), client_);
  EXPECT_FALSE(pair.Handshake());
  EXPECT_NE(SSL_get_verify_result(pair.client.get()), X509_V_OK);
}

TEST_F(TlsContextTest, RefusesAServerWhoseCertificateHasExpired) {
  const Node node = MakeNode(authority_, Today() - hours(24 * 31));
  Pair pair(*MakeServerTls(node.certificate_pem, node.key_pem, authority_.certificate_pem),
            client_);
  EXPECT_FALSE(pair.Handshake());
  EXPECT_EQ(SSL_get_verify_result(pair.client.get()), X509_V_ERR_CERT_HAS_EXPIRED);
}

TEST_F(TlsContextTest, AcceptsTheNamesInTheCertificateAndNoOther) {
  for (const char* name : {"127.0.0.1", "vault.example.org", "n1.c-1.holdfast"}) {
    Pair pair(server_, client_);
    ASSERT_TRUE(ExpectServerName(pair.client.get(), name).ok());
    EXPECT_TRUE(pair.Handshake()) << name;
  }
  for (const char* name : {"127.0.0.2", "::1", "other.example.org", "n2.c-1.holdfast"}) {
    Pair pair(server_, client_);
    ASSERT_TRUE(ExpectServerName(pair.client.get(), name).ok());
    EXPECT_FALSE(pair.Handshake()) << name;
  }
  Pair pair(server_, client_);
  EXPECT_EQ(ExpectServerName(pair.client.get(), "*.example.org").code(),
            StatusCode::kInvalidArgument);
  EXPECT_EQ(ExpectServerName(pair.client.get(), "").code(), StatusCode::kInvalidArgument);
}

TEST_F(TlsContextTest, AClientThatKnowsOnlyTheFingerprintConnects) {
  const TlsContext pinned = *MakePinnedClientTls(FingerprintOf(authority_));
  Pair pair(server_, pinned);
  ASSERT_TRUE(ExpectServerName(pair.client.get(), "127.0.0.1").ok());
  EXPECT_TRUE(pair.Handshake());
}

TEST_F(TlsContextTest, ThePinnedClientChecksTheNameToo) {
  Pair pair(server_, *MakePinnedClientTls(FingerprintOf(authority_)));
  ASSERT_TRUE(ExpectServerName(pair.client.get(), "127.0.0.2").ok());
  EXPECT_FALSE(pair.Handshake());
}

TEST_F(TlsContextTest, ThePinnedClientRefusesAnotherAuthority) {
  const auto foreign = CreateAuthority("c-1", Today());
  Pair pair(server_, *MakePinnedClientTls(FingerprintOf(*foreign)));
  EXPECT_FALSE(pair.Handshake());
}

TEST_F(TlsContextTest, ThePinnedClientRefusesAServerThatOnlyShowsTheAuthority) {
  // The authority's certificate is public: showing it proves nothing.
  const auto foreign = CreateAuthority("c-1", Today());
  Pair pair(ServerPresenting(*foreign, authority_),
            *MakePinnedClientTls(FingerprintOf(authority_)));
  EXPECT_FALSE(pair.Handshake());
}

TEST_F(TlsContextTest, ThePinnedClientRefusesAPinOnTheServersOwnCertificate) {
  const std::string leaf = ParseCertificate(node_.certificate_pem)->fingerprint;
  Pair pair(server_, *MakePinnedClientTls(leaf));
  EXPECT_FALSE(pair.Handshake());
}

TEST_F(TlsContextTest, ThePinnedClientRefusesAnExpiredServer) {
  const Node node = MakeNode(authority_, Today() - hours(24 * 31));
  Pair pair(*MakeServerTls(node.certificate_pem, node.key_pem, authority_.certificate_pem),
            *MakePinnedClientTls(FingerprintOf(authority_)));
  EXPECT_FALSE(pair.Handshake());
}

TEST_F(TlsContextTest, AFingerprintIsTakenInEitherCaseAndNothingElse) {
  std::string upper = FingerprintOf(authority_);
  for (char& c : upper) c = static_cast<char>(toupper(c));
  Pair pair(server_, *MakePinnedClientTls(upper));
  EXPECT_TRUE(pair.Handshake());
  for (const std::string& bad :
       {std::string(), upper.substr(1), upper + "00", std::string(64, 'g')}) {
    EXPECT_EQ(MakePinnedClientTls(bad).status().code(), StatusCode::kInvalidArgument) << bad;
  }
}

TEST_F(TlsContextTest, ASecondConnectionResumesByTicket) {
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    Pair first(server_, client_);
    SSL_set_max_proto_version(first.client.get(), version);
    ASSERT_TRUE(first.Handshake());
    EXPECT_FALSE(SSL_session_reused(first.client.get()));
    SSL_SESSION* const session = SSL_get1_session(first.client.get());
    Pair second(server_, client_);
    SSL_set_max_proto_version(second.client.get(), version);
    SSL_set_session(second.client.get(), session);
    SSL_SESSION_free(session);
    ASSERT_TRUE(second.Handshake());
    EXPECT_TRUE(SSL_session_reused(second.client.get())) << version;
  }
}

TEST_F(TlsContextTest, AConnectionOutlivesItsContext) {
  TlsContext server =
      *MakeServerTls(node_.certificate_pem, node_.key_pem, authority_.certificate_pem);
  TlsContext pinned = *MakePinnedClientTls(FingerprintOf(authority_));
  Pair pair(server, pinned);
  server.reset();
  pinned.reset();
  EXPECT_TRUE(pair.Handshake());
}

TEST_F(TlsContextTest, RefusesAKeyOfAnotherCertificateAndTextsThatAreNone) {
  EXPECT_EQ(MakeServerTls(node_.certificate_pem, authority_.key_pem, authority_.certificate_pem)
                .status()
                .code(),
            StatusCode::kInvalidArgument);
  EXPECT_EQ(MakeServerTls("", node_.key_pem, authority_.certificate_pem).status().code(),
            StatusCode::kInvalidArgument);
  EXPECT_EQ(MakeServerTls(node_.certificate_pem, node_.key_pem, "").status().code(),
            StatusCode::kInvalidArgument);
  EXPECT_EQ(MakeClientTls("").status().code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(MakeClientTls("nonsense").status().code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(MakeClientTls(node_.certificate_pem).status().code(), StatusCode::kInvalidArgument);
}

TEST_F(TlsContextTest, TrustsSeveralAuthoritiesForTheTimeOfARotation) {
  const auto next = CreateAuthority("c-1", Today());
  const TlsContext both = *MakeClientTls(authority_.certificate_pem + next->certificate_pem);
  Pair old_server(server_, both);
  EXPECT_TRUE(old_server.Handshake());
  Pair new_server(ServerPresenting(*next, *next), both);
  EXPECT_TRUE(new_server.Handshake());
}

}  // namespace
}  // namespace holdfast::crypto
