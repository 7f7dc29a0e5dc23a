#ifndef HOLDFAST_SERVER_CRYPTO_PKEY_H_
#define HOLDFAST_SERVER_CRYPTO_PKEY_H_

// For the .cc files of this room only: P-256 keys and PEM.
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "server/base/secret_bytes.h"
#include "server/crypto/openssl_handles.h"

namespace holdfast::crypto {

inline constexpr size_t kPemBytesMax = 16 * 1024;
inline constexpr size_t kP256PointBytes = 65;  // uncompressed

PkeyPtr GenerateP256();
bool IsP256(const EVP_PKEY* key);

SecretBytes PrivatePem(const EVP_PKEY* key);  // PKCS#8, not encrypted
std::string PublicPem(const EVP_PKEY* key);
std::string PublicPoint(const EVP_PKEY* key);  // uncompressed

// Only P-256 is accepted. INVALID_ARGUMENT names it `what`; a key protected by a passphrase is
// refused without asking for one.
absl::StatusOr<PkeyPtr> ReadPrivatePem(const SecretBytes& pem, std::string_view what);
absl::StatusOr<PkeyPtr> ReadPublicPem(std::string_view pem, std::string_view what);
absl::StatusOr<PkeyPtr> ReadPublicPoint(std::string_view point, std::string_view what);

// Read-only view of PEM text for OpenSSL's readers; refuses what is too large.
absl::StatusOr<BioPtr> PemReader(std::string_view pem, std::string_view what);
std::string TextOf(BIO* bio);  // all that was written to a memory BIO

}  // namespace holdfast::crypto

#endif  // HOLDFAST_SERVER_CRYPTO_PKEY_H_
