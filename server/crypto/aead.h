#ifndef HOLDFAST_SERVER_CRYPTO_AEAD_H_
#define HOLDFAST_SERVER_CRYPTO_AEAD_H_

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "server/base/secret_bytes.h"

namespace holdfast::crypto {

inline constexpr size_t kAeadKeyBytes = 32;
inline constexpr size_t kAeadNonceBytes = 12;
inline constexpr size_t kAeadTagBytes = 16;

struct AeadBox {
  std::string nonce;       // 12 random bytes
  std::string ciphertext;  // as long as the plaintext, then the 16-byte tag
};

// AES-256-GCM under one key, with a random nonce for every Seal.
//
// Threading   Thread-safe.
// Ownership   Holds its own copy of the key, wiped when dropped. Movable.
// Failure     DATA_LOSS when a box does not open. It does not say whether the key, the nonce, the
//             associated data or the ciphertext was wrong: whoever could tell could also probe.
class Aead {
 public:
  explicit Aead(const SecretBytes& key);  // exactly kAeadKeyBytes
  Aead(Aead&&) noexcept;
  Aead& operator=(Aead&&) noexcept;
  ~Aead();

  AeadBox Seal(const SecretBytes& plaintext, std::string_view associated) const;
  absl::StatusOr<SecretBytes> Open(std::string_view nonce, std::string_view ciphertext,
                                   std::string_view associated) const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace holdfast::crypto

#endif  // HOLDFAST_SERVER_CRYPTO_AEAD_H_
