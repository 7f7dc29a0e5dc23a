// The signing half of certificate.h.
#include <openssl/pem.h>

#include <ctime>

#include "fmt/format.h"
#include "server/base/check.h"
#include "server/base/status_macros.h"
#include "server/crypto/certificate.h"
#include "server/crypto/pkey.h"
#include "server/crypto/random.h"
#include "server/crypto/x509.h"

namespace holdfast::crypto {
namespace {

using ExtensionPtr = std::unique_ptr<X509_EXTENSION, FreeWith<X509_EXTENSION_free>>;
using NamePtr = std::unique_ptr<X509_NAME, FreeWith<X509_NAME_free>>;
using NumberPtr = std::unique_ptr<BIGNUM, FreeWith<BN_free>>;

constexpr std::time_t kSecondsADay = 24 * 60 * 60;
constexpr std::time_t kLateClock = 60 * 60;
constexpr size_t kSerialBytes = 16;

// Names are for people; who a member is stands in the alternative names.
NamePtr Subject(std::string_view unit, std::string_view name) {
  NamePtr subject(X509_NAME_new());
  HOLDFAST_CHECK(subject != nullptr);
  const auto add = [&](const char* field, std::string_view text) {
    HOLDFAST_CHECK(X509_NAME_add_entry_by_txt(subject.get(), field, MBSTRING_UTF8,
                                              reinterpret_cast<const unsigned char*>(text.data()),
                                              static_cast<int>(text.size()), -1, 0) == 1);
  };
  add("O", "Holdfast");
  add("OU", unit);
  add("CN", name);
  return subject;
}

// What every certificate has: version, a random serial, validity, subject, key.
X509Ptr Blank(EVP_PKEY* key, const NamePtr& subject, WallTime now, int days) {
  X509Ptr certificate(X509_new());
  HOLDFAST_CHECK(certificate != nullptr &&
                 X509_set_version(certificate.get(), X509_VERSION_3) == 1);
  std::string serial = RandomBytes(kSerialBytes);
  serial[0] = static_cast<char>((serial[0] & 0x7f) | 0x40);  // Positive, and always as long.
  const NumberPtr number(BN_bin2bn(reinterpret_cast<const unsigned char*>(serial.data()),
                                   static_cast<int>(serial.size()), nullptr));
  HOLDFAST_CHECK(number != nullptr);
  HOLDFAST_CHECK(BN_to_ASN1_INTEGER(number.get(), X509_get_serialNumber(certificate.get())) !=
                 nullptr);
  const auto start = static_cast<std::time_t>(ToMillis(now) / 1000);
  HOLDFAST_CHECK(ASN1_TIME_set(X509_getm_notBefore(certificate.get()), start - kLateClock) !=
                 nullptr);
  HOLDFAST_CHECK(
      ASN1_TIME_set(X509_getm_notAfter(certificate.get()), start + days * kSecondsADay) != nullptr);
  HOLDFAST_CHECK(X509_set_subject_name(certificate.get(), subject.get()) == 1);
  HOLDFAST_CHECK(X509_set_pubkey(certificate.get(), key) == 1);
  return certificate;
}

// Fixed texts only: a text from outside would be read as configuration.
void AddExtension(X509* certificate, X509* issuer, int nid, const char* fixed_text) {
  X509V3_CTX context;
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  const ExtensionPtr extension(X509V3_EXT_conf_nid(nullptr, &context, nid, fixed_text));
  HOLDFAST_CHECK(extension != nullptr && X509_add_ext(certificate, extension.get(), -1) == 1);
}

void AddText(GENERAL_NAMES* names, int type, std::string_view text) {
  ASN1_IA5STRING* const value = ASN1_IA5STRING_new();
  GENERAL_NAME* const name = GENERAL_NAME_new();
  HOLDFAST_CHECK(value != nullptr && name != nullptr &&
                 ASN1_STRING_set(value, text.data(), static_cast<int>(text.size())) == 1);
  GENERAL_NAME_set0_value(name, type, value);
  HOLDFAST_CHECK(sk_GENERAL_NAME_push(names, name) > 0);
}

// The address was checked: what is no IP address is a DNS name.
void AddAddress(GENERAL_NAMES* names, const std::string& address) {
  ASN1_OCTET_STRING* const ip = a2i_IPADDRESS(address.c_str());
  ERR_clear_error();
  if (ip == nullptr) return AddText(names, GEN_DNS, address);
  GENERAL_NAME* const name = GENERAL_NAME_new();
  HOLDFAST_CHECK(name != nullptr);
  GENERAL_NAME_set0_value(name, GEN_IPADD, ip);
  HOLDFAST_CHECK(sk_GENERAL_NAME_push(names, name) > 0);
}

void AddNames(X509* certificate, const CertificateTerms& terms) {
  const GeneralNamesPtr names(sk_GENERAL_NAME_new_null());
  HOLDFAST_CHECK(names != nullptr);
  AddText(names.get(), GEN_DNS, fmt::format("{}.{}.holdfast", terms.node_id, terms.cluster_id));
  AddText(names.get(), GEN_URI,
          fmt::format("{}{}/{}", kUriScheme, terms.cluster_id, terms.node_id));
  for (const std::string& address : terms.addresses) AddAddress(names.get(), address);
  HOLDFAST_CHECK(X509_add1_ext_i2d(certificate, NID_subject_alt_name, names.get(), /*crit=*/0,
                                   X509V3_ADD_DEFAULT) == 1);
}

std::string CertificatePem(const X509* certificate) {
  const BioPtr bio(BIO_new(BIO_s_mem()));
  HOLDFAST_CHECK(bio != nullptr && PEM_write_bio_X509(bio.get(), certificate) == 1);
  return TextOf(bio.get());
}

absl::StatusOr<X509ReqPtr> ReadRequest(std::string_view pem) {
  HOLDFAST_ASSIGN_OR_RETURN(const BioPtr bio, PemReader(pem, "certificate request"));
  X509ReqPtr request(PEM_read_bio_X509_REQ(bio.get(), nullptr, nullptr, nullptr));
  if (request == nullptr) {
    return OpensslError(absl::StatusCode::kInvalidArgument,
                        "certificate request: not one in PEM form");
  }
  EVP_PKEY* const key = X509_REQ_get0_pubkey(request.get());
  if (key == nullptr || !IsP256(key)) {
    ERR_clear_error();
    return absl::InvalidArgumentError("certificate request: expected a P-256 key");
  }
  // Otherwise somebody could have another's key certified under his own name.
  if (X509_REQ_verify(request.get(), key) != 1) {
    ERR_clear_error();
    return absl::UnauthenticatedError(
        "certificate request: not signed with the key that it is for");
  }
  return request;
}

absl::Status CheckTerms(const CertificateTerms& terms) {
  HOLDFAST_RETURN_IF_ERROR(CheckIdentifier(terms.cluster_id, "cluster id"));
  HOLDFAST_RETURN_IF_ERROR(CheckIdentifier(terms.node_id, "node id"));
  if (terms.days < 1 || terms.days > kMemberDaysMax) {
    return absl::InvalidArgumentError(
        fmt::format("certificate: expected 1 to {} days, got {}", kMemberDaysMax, terms.days));
  }
  if (terms.addresses.size() > kCertificateAddressesMax) {
    return absl::InvalidArgumentError(
        fmt::format("certificate: expected at most {} addresses, got "
                    "{}",
                    kCertificateAddressesMax, terms.addresses.size()));
  }
  for (const std::string& address : terms.addresses) {
    HOLDFAST_RETURN_IF_ERROR(CheckCertificateAddress(address));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<CertificateAuthority> CreateAuthority(std::string_view cluster_id, WallTime now) {
  HOLDFAST_RETURN_IF_ERROR(CheckIdentifier(cluster_id, "cluster id"));
  const PkeyPtr key = GenerateP256();
  const NamePtr subject = Subject("Authority", cluster_id);
  const X509Ptr certificate = Blank(key.get(), subject, now, kAuthorityDays);
  X509* const own = certificate.get();
  HOLDFAST_CHECK(X509_set_issuer_name(own, subject.get()) == 1);
  AddExtension(own, own, NID_basic_constraints, "critical,CA:TRUE,pathlen:0");
  AddExtension(own, own, NID_key_usage, "critical,keyCertSign,cRLSign");
  AddExtension(own, own, NID_subject_key_identifier, "hash");
  AddExtension(own, own, NID_authority_key_identifier, "keyid:always");
  HOLDFAST_CHECK(X509_sign(own, key.get(), EVP_sha256()) > 0);
  return CertificateAuthority{.certificate_pem = CertificatePem(own),
                              .key_pem = PrivatePem(key.get())};
}

absl::StatusOr<CertificateRequest> CreateRequest(std::string_view cluster_id,
                                                 std::string_view node_id) {
  HOLDFAST_RETURN_IF_ERROR(CheckIdentifier(cluster_id, "cluster id"));
  HOLDFAST_RETURN_IF_ERROR(CheckIdentifier(node_id, "node id"));
  const PkeyPtr key = GenerateP256();
  const X509ReqPtr request(X509_REQ_new());
  const NamePtr subject = Subject("Node", node_id);
  HOLDFAST_CHECK(request != nullptr &&
                 X509_REQ_set_version(request.get(), X509_REQ_VERSION_1) == 1 &&
                 X509_REQ_set_subject_name(request.get(), subject.get()) == 1 &&
                 X509_REQ_set_pubkey(request.get(), key.get()) == 1 &&
                 X509_REQ_sign(request.get(), key.get(), EVP_sha256()) > 0);
  const BioPtr bio(BIO_new(BIO_s_mem()));
  HOLDFAST_CHECK(bio != nullptr && PEM_write_bio_X509_REQ(bio.get(), request.get()) == 1);
  return CertificateRequest{.request_pem = TextOf(bio.get()), .key_pem = PrivatePem(key.get())};
}

absl::StatusOr<std::string> PublicKeyOfRequest(std::string_view request_pem) {
  HOLDFAST_ASSIGN_OR_RETURN(const X509ReqPtr request, ReadRequest(request_pem));
  return PublicPem(X509_REQ_get0_pubkey(request.get()));
}

absl::StatusOr<std::string> SignCertificate(const CertificateAuthority& authority,
                                            std::string_view request_pem,
                                            const CertificateTerms& terms) {
  HOLDFAST_RETURN_IF_ERROR(CheckTerms(terms));
  HOLDFAST_RETURN_IF_ERROR(CheckKeyFits(authority.certificate_pem, authority.key_pem));
  HOLDFAST_ASSIGN_OR_RETURN(const X509Ptr issuer,
                            ReadCertificate(authority.certificate_pem, "certificate authority"));
  HOLDFAST_ASSIGN_OR_RETURN(const PkeyPtr issuer_key,
                            ReadPrivatePem(authority.key_pem, "key of the certificate authority"));
  HOLDFAST_ASSIGN_OR_RETURN(const X509ReqPtr request, ReadRequest(request_pem));
  const X509Ptr certificate = Blank(X509_REQ_get0_pubkey(request.get()),
                                    Subject("Node", terms.node_id), terms.now, terms.days);
  X509* const own = certificate.get();
  HOLDFAST_CHECK(X509_set_issuer_name(own, X509_get_subject_name(issuer.get())) == 1);
  AddExtension(own, issuer.get(), NID_basic_constraints, "critical,CA:FALSE");
  AddExtension(own, issuer.get(), NID_key_usage, "critical,digitalSignature");
  AddExtension(own, issuer.get(), NID_ext_key_usage, "serverAuth,clientAuth");
  AddExtension(own, issuer.get(), NID_subject_key_identifier, "hash");
  AddExtension(own, issuer.get(), NID_authority_key_identifier, "keyid:always");
  AddNames(own, terms);
  HOLDFAST_CHECK(X509_sign(own, issuer_key.get(), EVP_sha256()) > 0);
  return CertificatePem(own);
}

}  // namespace holdfast::crypto
