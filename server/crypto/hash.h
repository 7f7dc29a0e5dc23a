#ifndef HOLDFAST_SERVER_CRYPTO_HASH_H_
#define HOLDFAST_SERVER_CRYPTO_HASH_H_

#include <memory>
#include <string_view>

#include "absl/types/span.h"
#include "server/base/position.h"
#include "server/base/secret_bytes.h"

namespace holdfast::crypto {

// Over the parts one after the other; the borders between them do not count. Call it as
// Sha256({a, b}). Thread-safe.
Digest Sha256(absl::Span<const std::string_view> parts);

// HMAC-SHA-256 under one key.
//
// Threading   Compute is thread-safe.
// Ownership   Holds its own copy of the key, wiped when dropped. Movable.
class Mac {
 public:
  explicit Mac(const SecretBytes& key);
  Mac(Mac&&) noexcept;
  Mac& operator=(Mac&&) noexcept;
  ~Mac();

  Digest Compute(absl::Span<const std::string_view> parts) const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// RFC 5869 with an empty salt: a key of `size` bytes for the one use that `info` names.
SecretBytes HkdfSha256(const SecretBytes& key, std::string_view info, size_t size);

// In time that tells nothing about where two values differ. Different sizes are told apart at once.
bool ConstantTimeEquals(std::string_view a, std::string_view b);
bool ConstantTimeEquals(absl::Span<const uint8_t> a, absl::Span<const uint8_t> b);

}  // namespace holdfast::crypto

#endif  // HOLDFAST_SERVER_CRYPTO_HASH_H_
