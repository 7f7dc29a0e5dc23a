#ifndef HOLDFAST_SERVER_CRYPTO_WRAP_H_
#define HOLDFAST_SERVER_CRYPTO_WRAP_H_

#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "server/base/secret_bytes.h"

namespace holdfast::crypto {

// Sends a secret to the owner of a P-256 key: ephemeral ECDH, HKDF, AES-256-GCM (bytes:
// docs/formats/secret.md). It hides, but does not tell who sent it: whoever has the public key can
// wrap. The channel (join: the pinned certificate authority) must vouch for the sender.
//
// `context` says what the secret is for (cluster, node, purpose); Unwrap must name the same.
// Thread-safe.
absl::StatusOr<std::string> WrapFor(std::string_view public_key_pem, const SecretBytes& secret,
                                    std::string_view context);

// DATA_LOSS: for another key or context, or changed. INVALID_ARGUMENT: the key cannot be read.
absl::StatusOr<SecretBytes> Unwrap(const SecretBytes& private_key_pem, std::string_view wrapped,
                                   std::string_view context);

}  // namespace holdfast::crypto

#endif  // HOLDFAST_SERVER_CRYPTO_WRAP_H_
