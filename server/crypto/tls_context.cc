#include "server/crypto/tls_context.h"

#include <openssl/pem.h>
#include <openssl/ssl.h>

#include <optional>
#include <string>
#include <utility>

#include "fmt/format.h"
#include "server/base/check.h"
#include "server/base/encoding.h"
#include "server/base/status_macros.h"
#include "server/crypto/certificate.h"
#include "server/crypto/pkey.h"
#include "server/crypto/x509.h"

namespace holdfast::crypto {
namespace {

constexpr char kTls12Ciphers[] =
    "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-ECDSA-CHACHA20-POLY1305:"
    "ECDHE-RSA-AES128-GCM-SHA256:ECDHE-RSA-AES256-GCM-SHA384:ECDHE-RSA-CHACHA20-POLY1305";
constexpr char kGroups[] = "X25519:P-256:P-384";
constexpr unsigned char kSessionContext[] = "holdfast";
constexpr int kChainDepthMax = 2;
constexpr int kAuthoritiesMax = 16;
constexpr size_t kFingerprintDigits = 64;

TlsContext Blank(const SSL_METHOD* method) {
  TlsContext context(SSL_CTX_new(method), SSL_CTX_free);
  SSL_CTX* const ssl = context.get();
  HOLDFAST_CHECK(ssl != nullptr && SSL_CTX_set_min_proto_version(ssl, TLS1_2_VERSION) == 1 &&
                 SSL_CTX_set_cipher_list(ssl, kTls12Ciphers) == 1 &&
                 SSL_CTX_set1_groups_list(ssl, kGroups) == 1);
  SSL_CTX_set_options(
      ssl, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_CIPHER_SERVER_PREFERENCE);
  SSL_CTX_set_mode(ssl, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                            SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  SSL_CTX_set_verify_depth(ssl, kChainDepthMax);
  return context;
}

absl::Status NotUsable(std::string_view what) {
  return OpensslError(absl::StatusCode::kInvalidArgument, what);
}

// The fingerprint belongs to the context and dies with it.
void FreeFingerprint(void*, void* data, CRYPTO_EX_DATA*, int, long, void*) {
  delete static_cast<std::string*>(data);
}
int FingerprintIndex() {
  static const int index = SSL_CTX_get_ex_new_index(0, nullptr, nullptr, nullptr, FreeFingerprint);
  HOLDFAST_CHECK(index >= 0);
  return index;
}

// Finds the authority by its fingerprint among what the server presents and makes it the only one
// to be trusted; everything else (signatures, dates, purpose, name) is checked as always.
int VerifyPinned(X509_STORE_CTX* context, void*) {
  const auto* const connection = static_cast<const SSL*>(
      X509_STORE_CTX_get_ex_data(context, SSL_get_ex_data_X509_STORE_CTX_idx()));
  HOLDFAST_CHECK(connection != nullptr);
  const auto* const pinned = static_cast<const std::string*>(
      SSL_CTX_get_ex_data(SSL_get_SSL_CTX(connection), FingerprintIndex()));
  HOLDFAST_CHECK(pinned != nullptr);
  STACK_OF(X509)* const presented = X509_STORE_CTX_get0_untrusted(context);
  for (int i = 0; i < sk_X509_num(presented); ++i) {
    X509* const candidate = sk_X509_value(presented, i);
    if (X509_check_ca(candidate) != 1 || FingerprintOf(candidate) != *pinned) continue;
    STACK_OF(X509)* const trusted = sk_X509_new_null();
    HOLDFAST_CHECK(trusted != nullptr && sk_X509_push(trusted, candidate) == 1);
    X509_STORE_CTX_set0_trusted_stack(context, trusted);
    const int verified = X509_verify_cert(context);
    sk_X509_free(trusted);
    return verified;
  }
  X509_STORE_CTX_set_error(context, X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN);
  return 0;
}

bool IsAddress(const std::string& host) {
  ASN1_OCTET_STRING* const ip = a2i_IPADDRESS(host.c_str());
  ERR_clear_error();
  ASN1_OCTET_STRING_free(ip);
  return ip != nullptr;
}

}  // namespace

absl::StatusOr<TlsContext> MakeServerTls(std::string_view certificate_pem,
                                         const SecretBytes& key_pem,
                                         std::string_view authority_pem) {
  HOLDFAST_RETURN_IF_ERROR(CheckKeyFits(certificate_pem, key_pem));
  HOLDFAST_ASSIGN_OR_RETURN(const X509Ptr certificate,
                            ReadCertificate(certificate_pem, "server certificate"));
  HOLDFAST_ASSIGN_OR_RETURN(const PkeyPtr key, ReadPrivatePem(key_pem, "server key"));
  HOLDFAST_ASSIGN_OR_RETURN(const X509Ptr authority,
                            ReadCertificate(authority_pem, "certificate authority"));
  TlsContext context = Blank(TLS_server_method());
  SSL_CTX* const ssl = context.get();
  if (SSL_CTX_use_certificate(ssl, certificate.get()) != 1) return NotUsable("server certificate");
  if (SSL_CTX_use_PrivateKey(ssl, key.get()) != 1) return NotUsable("server key");
  if (SSL_CTX_add1_chain_cert(ssl, authority.get()) != 1) return NotUsable("certificate authority");
  HOLDFAST_CHECK(SSL_CTX_set_num_tickets(ssl, 1) == 1);
  HOLDFAST_CHECK(
      SSL_CTX_set_session_id_context(ssl, kSessionContext, sizeof(kSessionContext) - 1) == 1);
  // Tickets only: a cache on the server would be memory that any client can fill.
  SSL_CTX_set_session_cache_mode(ssl, SSL_SESS_CACHE_OFF);
  return context;
}

absl::StatusOr<TlsContext> MakeClientTls(std::string_view authority_pem) {
  HOLDFAST_ASSIGN_OR_RETURN(const BioPtr bio, PemReader(authority_pem, "certificate authority"));
  TlsContext context = Blank(TLS_client_method());
  X509_STORE* const store = SSL_CTX_get_cert_store(context.get());
  int count = 0;
  while (const X509Ptr authority{PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr)}) {
    if (X509_check_ca(authority.get()) != 1) {
      return absl::InvalidArgumentError(
          fmt::format("certificate authority: certificate {} may not sign others", count + 1));
    }
    if (++count > kAuthoritiesMax || X509_STORE_add_cert(store, authority.get()) != 1) {
      return NotUsable("certificate authority: cannot be trusted");
    }
  }
  if (count == 0) return NotUsable("certificate authority: no certificate in PEM form");
  ERR_clear_error();  // The end of the text is an error to the reader.
  SSL_CTX_set_verify(context.get(), SSL_VERIFY_PEER, nullptr);
  return context;
}

absl::StatusOr<TlsContext> MakePinnedClientTls(std::string_view authority_fingerprint) {
  const std::optional<std::string> bytes = HexDecode(authority_fingerprint);
  if (!bytes.has_value() || authority_fingerprint.size() != kFingerprintDigits) {
    return absl::InvalidArgumentError(
        fmt::format("fingerprint of the certificate authority: expected {} hex digits, got {} "
                    "characters",
                    kFingerprintDigits, authority_fingerprint.size()));
  }
  TlsContext context = Blank(TLS_client_method());
  HOLDFAST_CHECK(SSL_CTX_set_ex_data(context.get(), FingerprintIndex(),
                                     new std::string(HexEncode(*bytes))) == 1);
  SSL_CTX_set_cert_verify_callback(context.get(), VerifyPinned, nullptr);
  SSL_CTX_set_verify(context.get(), SSL_VERIFY_PEER, nullptr);
  return context;
}

absl::Status ExpectServerName(ssl_st* connection, std::string_view host) {
  HOLDFAST_RETURN_IF_ERROR(CheckCertificateAddress(host));
  const std::string name(host);
  if (IsAddress(name)) {
    if (X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(connection), name.c_str()) == 1) {
      return absl::OkStatus();
    }
    return NotUsable("server address");
  }
  SSL_set_hostflags(connection, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
  if (SSL_set1_host(connection, name.c_str()) != 1 ||
      SSL_set_tlsext_host_name(connection, name.c_str()) != 1) {
    return NotUsable("server name");
  }
  return absl::OkStatus();
}

}  // namespace holdfast::crypto
