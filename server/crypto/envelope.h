#ifndef HOLDFAST_SERVER_CRYPTO_ENVELOPE_H_
#define HOLDFAST_SERVER_CRYPTO_ENVELOPE_H_

// For the .cc files of this room only: the form of everything sealed that stands in a file or goes
// over the wire by itself: fields(label, what it is bound to.., nonce, ciphertext). The label is
// magic and version in one ("holdfast seal 1").
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "server/base/secret_bytes.h"

namespace holdfast::crypto {

// Encrypts under a key derived from `key` for this label; label and `bound_to` are associated data
// and stand in front in the clear.
std::string SealEnvelope(const SecretBytes& key, std::string_view label,
                         absl::Span<const std::string_view> bound_to, const SecretBytes& secret);

struct Envelope {
  std::vector<std::string> bound_to;
  std::string nonce;
  std::string ciphertext;
};

// Takes the form apart; proves nothing. DATA_LOSS says what is wrong with it, naming it `what`.
absl::StatusOr<Envelope> ParseEnvelope(std::string_view bytes, std::string_view label,
                                       size_t bound_to_count, std::string_view what);

absl::StatusOr<SecretBytes> OpenEnvelope(const Envelope& envelope, const SecretBytes& key,
                                         std::string_view label);

}  // namespace holdfast::crypto

#endif  // HOLDFAST_SERVER_CRYPTO_ENVELOPE_H_
