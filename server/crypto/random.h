#ifndef HOLDFAST_SERVER_CRYPTO_RANDOM_H_
#define HOLDFAST_SERVER_CRYPTO_RANDOM_H_

// Unpredictable bytes.
//
// Threading   Thread-safe.
// Failure     None: without a working generator nothing here is safe, so the process aborts.
#include <cstddef>
#include <cstdint>
#include <string>

#include "server/base/secret_bytes.h"

namespace holdfast::crypto {

inline constexpr size_t kId16Bytes = 16;

std::string RandomBytes(size_t size);   // for what may be seen: nonces, ids
SecretBytes RandomSecret(size_t size);  // for keys: from a generator that never shows its output
std::string RandomId16();               // 16 bytes
uint32_t RandomBelow(uint32_t bound);   // 0 .. bound - 1, each equally likely; for secrets too

}  // namespace holdfast::crypto

#endif  // HOLDFAST_SERVER_CRYPTO_RANDOM_H_
