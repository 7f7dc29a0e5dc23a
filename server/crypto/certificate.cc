#include "server/crypto/certificate.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <openssl/pem.h>

#include <array>
#include <ctime>
#include <optional>

#include "fmt/format.h"
#include "server/base/check.h"
#include "server/base/encoding.h"
#include "server/base/status_macros.h"
#include "server/crypto/hash.h"
#include "server/crypto/pkey.h"
#include "server/crypto/x509.h"

namespace holdfast::crypto {
namespace {

constexpr size_t kLabelCharsMax = 63;
constexpr size_t kHostCharsMax = 253;

bool IsLetterOrDigit(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

bool IsLabel(std::string_view text) {
  if (text.empty() || text.size() > kLabelCharsMax) return false;
  for (const char c : text) {
    if (!IsLetterOrDigit(c) && c != '-') return false;
  }
  return text.front() != '-' && text.back() != '-';
}

bool IsHostName(std::string_view text) {
  if (text.empty() || text.size() > kHostCharsMax) return false;
  bool last_has_letter = false;  // "10.1.2.300" is a mistyped address, not a name.
  while (true) {
    const size_t dot = text.find('.');
    const std::string_view label = text.substr(0, dot);
    if (!IsLabel(label)) return false;
    last_has_letter = label.find_first_not_of("0123456789") != std::string_view::npos;
    if (dot == std::string_view::npos) return last_has_letter;
    text.remove_prefix(dot + 1);
  }
}

bool IsIpAddress(std::string_view text) {
  const std::string terminated(text);
  if (terminated.find('\0') != std::string::npos) return false;
  unsigned char bytes[sizeof(in6_addr)];
  return inet_pton(AF_INET, terminated.c_str(), bytes) == 1 ||
         inet_pton(AF_INET6, terminated.c_str(), bytes) == 1;
}

std::optional<WallTime> TimeOf(const ASN1_TIME* time) {
  std::tm parts{};
  if (ASN1_TIME_to_tm(time, &parts) != 1) return std::nullopt;
  return FromMillis(int64_t{timegm(&parts)} * 1000);
}

// "holdfast://<cluster>/<node>" out of the alternative names; nothing unless there is exactly one.
struct MemberName {
  std::string cluster_id;
  std::string node_id;
};
std::optional<MemberName> MemberNameOf(const X509* certificate) {
  const GeneralNamesPtr names(static_cast<GENERAL_NAMES*>(
      X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr)));
  std::optional<MemberName> found;
  for (int i = 0; names != nullptr && i < sk_GENERAL_NAME_num(names.get()); ++i) {
    const GENERAL_NAME* const name = sk_GENERAL_NAME_value(names.get(), i);
    if (name->type != GEN_URI) continue;
    const ASN1_IA5STRING* const uri = name->d.uniformResourceIdentifier;
    std::string_view text =
        AsText({ASN1_STRING_get0_data(uri), static_cast<size_t>(ASN1_STRING_length(uri))});
    if (found.has_value() || !text.starts_with(kUriScheme)) return std::nullopt;
    text.remove_prefix(kUriScheme.size());
    const size_t slash = text.find('/');
    if (slash == std::string_view::npos) return std::nullopt;
    found = MemberName{.cluster_id = std::string(text.substr(0, slash)),
                       .node_id = std::string(text.substr(slash + 1))};
    if (!IsLabel(found->cluster_id) || !IsLabel(found->node_id)) return std::nullopt;
  }
  return found;
}

absl::Status VerifyFor(int purpose, X509_STORE* store, X509* certificate, WallTime now) {
  const X509StoreCtxPtr context(X509_STORE_CTX_new());
  HOLDFAST_CHECK(context != nullptr &&
                 X509_STORE_CTX_init(context.get(), store, certificate, nullptr) == 1 &&
                 X509_STORE_CTX_set_purpose(context.get(), purpose) == 1);
  X509_VERIFY_PARAM* const param = X509_STORE_CTX_get0_param(context.get());
  X509_VERIFY_PARAM_set_time(param, static_cast<std::time_t>(ToMillis(now) / 1000));
  HOLDFAST_CHECK(X509_VERIFY_PARAM_set_flags(param, X509_V_FLAG_X509_STRICT) == 1);
  if (X509_verify_cert(context.get()) == 1) return absl::OkStatus();
  const int error = X509_STORE_CTX_get_error(context.get());
  ERR_clear_error();
  return absl::UnauthenticatedError(fmt::format("certificate {}: {}", FingerprintOf(certificate),
                                                X509_verify_cert_error_string(error)));
}

}  // namespace

absl::Status CheckIdentifier(std::string_view id, std::string_view what) {
  if (IsLabel(id)) return absl::OkStatus();
  return absl::InvalidArgumentError(
      fmt::format("{}: expected 1 to {} letters, digits and inner hyphens, got {} characters", what,
                  kLabelCharsMax, id.size()));
}

absl::Status CheckCertificateAddress(std::string_view address) {
  if (IsHostName(address) || IsIpAddress(address)) return absl::OkStatus();
  // The text is not repeated: it may hold anything.
  return absl::InvalidArgumentError(
      fmt::format("certificate address: expected an IP address or a DNS name without wildcard, got "
                  "{} other characters",
                  address.size()));
}

absl::StatusOr<X509Ptr> ReadCertificate(std::string_view pem, std::string_view what) {
  HOLDFAST_ASSIGN_OR_RETURN(const BioPtr bio, PemReader(pem, what));
  X509Ptr certificate(PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr));
  if (certificate == nullptr) {
    return OpensslError(absl::StatusCode::kInvalidArgument,
                        fmt::format("{}: not a certificate in PEM form", what));
  }
  return certificate;
}

std::string FingerprintOf(const X509* certificate) {
  unsigned char* der = nullptr;
  const int size = i2d_X509(certificate, &der);
  HOLDFAST_CHECK(size > 0);
  const Digest digest = Sha256({AsText({der, static_cast<size_t>(size)})});
  OPENSSL_free(der);
  return HexEncode(digest);
}

absl::StatusOr<CertificateInfo> ParseCertificate(std::string_view certificate_pem) {
  HOLDFAST_ASSIGN_OR_RETURN(const X509Ptr certificate,
                            ReadCertificate(certificate_pem, "certificate"));
  const auto not_before = TimeOf(X509_get0_notBefore(certificate.get()));
  const auto not_after = TimeOf(X509_get0_notAfter(certificate.get()));
  if (!not_before.has_value() || !not_after.has_value()) {
    return absl::InvalidArgumentError("certificate: its validity is not a time");
  }
  CertificateInfo info;
  info.fingerprint = FingerprintOf(certificate.get());
  info.authority = X509_check_ca(certificate.get()) == 1;
  info.not_before = *not_before;
  info.not_after = *not_after;
  if (auto name = MemberNameOf(certificate.get()); name.has_value() && !info.authority) {
    info.cluster_id = std::move(name->cluster_id);
    info.node_id = std::move(name->node_id);
  }
  return info;
}

absl::StatusOr<std::string> PublicKeyOfCertificate(std::string_view certificate_pem) {
  HOLDFAST_ASSIGN_OR_RETURN(const X509Ptr certificate,
                            ReadCertificate(certificate_pem, "certificate"));
  EVP_PKEY* const key = X509_get0_pubkey(certificate.get());
  if (key == nullptr || !IsP256(key)) {
    return absl::InvalidArgumentError("certificate: expected a P-256 key");
  }
  return PublicPem(key);
}

absl::Status VerifyChain(std::string_view certificate_pem, std::string_view authority_pem,
                         WallTime now) {
  HOLDFAST_ASSIGN_OR_RETURN(const X509Ptr certificate,
                            ReadCertificate(certificate_pem, "certificate"));
  HOLDFAST_ASSIGN_OR_RETURN(const X509Ptr authority,
                            ReadCertificate(authority_pem, "certificate authority"));
  if (X509_check_ca(authority.get()) != 1) {
    return absl::InvalidArgumentError(
        "certificate authority: this certificate may not sign others");
  }
  const X509StorePtr store(X509_STORE_new());
  HOLDFAST_CHECK(store != nullptr && X509_STORE_add_cert(store.get(), authority.get()) == 1);
  for (const int purpose : {X509_PURPOSE_SSL_SERVER, X509_PURPOSE_SSL_CLIENT}) {
    HOLDFAST_RETURN_IF_ERROR(VerifyFor(purpose, store.get(), certificate.get(), now));
  }
  return absl::OkStatus();
}

absl::Status CheckKeyFits(std::string_view certificate_pem, const SecretBytes& key_pem) {
  HOLDFAST_ASSIGN_OR_RETURN(const X509Ptr certificate,
                            ReadCertificate(certificate_pem, "certificate"));
  HOLDFAST_ASSIGN_OR_RETURN(const PkeyPtr key, ReadPrivatePem(key_pem, "private key"));
  if (X509_check_private_key(certificate.get(), key.get()) == 1) return absl::OkStatus();
  ERR_clear_error();
  return absl::InvalidArgumentError(
      fmt::format("private key: not the one of certificate {}", FingerprintOf(certificate.get())));
}

}  // namespace holdfast::crypto
