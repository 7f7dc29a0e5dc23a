#ifndef HOLDFAST_SERVER_CRYPTO_X509_H_
#define HOLDFAST_SERVER_CRYPTO_X509_H_

// For the .cc files of this room only: certificates as OpenSSL objects.
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <memory>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "server/crypto/openssl_handles.h"

namespace holdfast::crypto {

inline void FreeGeneralNames(GENERAL_NAMES* names) { GENERAL_NAMES_free(names); }

using X509Ptr = std::unique_ptr<X509, FreeWith<X509_free>>;
using X509ReqPtr = std::unique_ptr<X509_REQ, FreeWith<X509_REQ_free>>;
using X509StorePtr = std::unique_ptr<X509_STORE, FreeWith<X509_STORE_free>>;
using X509StoreCtxPtr = std::unique_ptr<X509_STORE_CTX, FreeWith<X509_STORE_CTX_free>>;
using GeneralNamesPtr = std::unique_ptr<GENERAL_NAMES, FreeWith<FreeGeneralNames>>;

inline constexpr std::string_view kUriScheme = "holdfast://";

absl::StatusOr<X509Ptr> ReadCertificate(std::string_view pem, std::string_view what);
std::string FingerprintOf(const X509* certificate);  // 64 hex digits

}  // namespace holdfast::crypto

#endif  // HOLDFAST_SERVER_CRYPTO_X509_H_
