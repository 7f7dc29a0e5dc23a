#include "server/crypto/pkey.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/params.h>
#include <openssl/pem.h>

#include "fmt/format.h"
#include "server/base/check.h"
#include "server/base/status_macros.h"

namespace holdfast::crypto {
namespace {

constexpr size_t kP256CoordinateBytes = 32;

// Without it OpenSSL would ask on the terminal.
int NoPassphrase(char*, int, int, void*) { return -1; }

absl::StatusOr<PkeyPtr> OnlyP256(PkeyPtr key, std::string_view what) {
  if (key == nullptr) {
    return OpensslError(absl::StatusCode::kInvalidArgument, fmt::format("{}: not a key", what));
  }
  if (!IsP256(key.get())) {
    return absl::InvalidArgumentError(fmt::format("{}: expected a P-256 key", what));
  }
  return key;
}

}  // namespace

PkeyPtr GenerateP256() {
  PkeyPtr key(EVP_EC_gen("P-256"));
  HOLDFAST_CHECK(key != nullptr);
  return key;
}

bool IsP256(const EVP_PKEY* key) {
  char group[32] = {};
  int explicit_parameters = 0;  // Curve parameters that somebody spelt out himself.
  EVP_PKEY_get_int_param(key, OSSL_PKEY_PARAM_EC_DECODED_FROM_EXPLICIT_PARAMS,
                         &explicit_parameters);
  return EVP_PKEY_is_a(key, "EC") == 1 && explicit_parameters == 0 &&
         EVP_PKEY_get_group_name(key, group, sizeof(group), nullptr) == 1 &&
         std::string_view(group) == "prime256v1";
}

SecretBytes PrivatePem(const EVP_PKEY* key) {
  const BioPtr bio(BIO_new(BIO_s_mem()));  // Wipes its memory when freed.
  HOLDFAST_CHECK(bio != nullptr);
  HOLDFAST_CHECK(
      PEM_write_bio_PKCS8PrivateKey(bio.get(), key, nullptr, nullptr, 0, nullptr, nullptr) == 1);
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &data);
  return SecretBytes::CopyOf({data, static_cast<size_t>(size)});
}

std::string PublicPem(const EVP_PKEY* key) {
  const BioPtr bio(BIO_new(BIO_s_mem()));
  HOLDFAST_CHECK(bio != nullptr && PEM_write_bio_PUBKEY(bio.get(), key) == 1);
  return TextOf(bio.get());
}

std::string PublicPoint(const EVP_PKEY* key) {
  // From the coordinates: the key may have been read from the compressed form.
  std::string point(1, '\x04');
  for (const char* name : {OSSL_PKEY_PARAM_EC_PUB_X, OSSL_PKEY_PARAM_EC_PUB_Y}) {
    BIGNUM* number = nullptr;
    HOLDFAST_CHECK(EVP_PKEY_get_bn_param(key, name, &number) == 1);
    unsigned char bytes[kP256CoordinateBytes];
    HOLDFAST_CHECK(BN_bn2binpad(number, bytes, sizeof(bytes)) == sizeof(bytes));
    BN_free(number);
    point.append(reinterpret_cast<const char*>(bytes), sizeof(bytes));
  }
  return point;
}

absl::StatusOr<PkeyPtr> ReadPrivatePem(const SecretBytes& pem, std::string_view what) {
  HOLDFAST_ASSIGN_OR_RETURN(const BioPtr bio, PemReader(pem.RevealText(Purpose::kTlsKey), what));
  return OnlyP256(PkeyPtr(PEM_read_bio_PrivateKey(bio.get(), nullptr, NoPassphrase, nullptr)),
                  what);
}

absl::StatusOr<PkeyPtr> ReadPublicPem(std::string_view pem, std::string_view what) {
  HOLDFAST_ASSIGN_OR_RETURN(const BioPtr bio, PemReader(pem, what));
  return OnlyP256(PkeyPtr(PEM_read_bio_PUBKEY(bio.get(), nullptr, NoPassphrase, nullptr)), what);
}

absl::StatusOr<PkeyPtr> ReadPublicPoint(std::string_view point, std::string_view what) {
  if (point.size() != kP256PointBytes || point[0] != 4) {
    return absl::InvalidArgumentError(
        fmt::format("{}: expected an uncompressed point of {} bytes, got {}", what, kP256PointBytes,
                    point.size()));
  }
  char group[] = "prime256v1";
  const OSSL_PARAM params[] = {
      OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, group, 0),
      OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, const_cast<char*>(point.data()),
                                        point.size()),
      OSSL_PARAM_construct_end()};
  const PkeyCtxPtr context(EVP_PKEY_CTX_new_from_name(nullptr, "EC", nullptr));
  EVP_PKEY* key = nullptr;
  HOLDFAST_CHECK(context != nullptr && EVP_PKEY_fromdata_init(context.get()) == 1);
  // Refuses a point that is not on the curve.
  const bool made = EVP_PKEY_fromdata(context.get(), &key, EVP_PKEY_PUBLIC_KEY,
                                      const_cast<OSSL_PARAM*>(params)) == 1;
  return OnlyP256(PkeyPtr(made ? key : nullptr), what);
}

absl::StatusOr<BioPtr> PemReader(std::string_view pem, std::string_view what) {
  if (pem.size() > kPemBytesMax) {
    return absl::InvalidArgumentError(
        fmt::format("{}: expected at most {} bytes, got {}", what, kPemBytesMax, pem.size()));
  }
  BioPtr bio(BIO_new_mem_buf(pem.empty() ? "" : pem.data(), static_cast<int>(pem.size())));
  HOLDFAST_CHECK(bio != nullptr);
  return bio;
}

std::string TextOf(BIO* bio) {
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio, &data);
  return std::string(data, static_cast<size_t>(size));
}

}  // namespace holdfast::crypto
