#include "server/crypto/random.h"

#include <openssl/rand.h>

#include <limits>

#include "server/base/check.h"

namespace holdfast::crypto {

std::string RandomBytes(size_t size) {
  HOLDFAST_CHECK(size <= static_cast<size_t>(std::numeric_limits<int>::max()));
  std::string bytes(size, '\0');
  HOLDFAST_CHECK(
      RAND_bytes(reinterpret_cast<unsigned char*>(bytes.data()), static_cast<int>(size)) == 1);
  return bytes;
}

SecretBytes RandomSecret(size_t size) {
  HOLDFAST_CHECK(size <= static_cast<size_t>(std::numeric_limits<int>::max()));
  SecretBytes bytes = SecretBytes::OfSize(size);
  HOLDFAST_CHECK(RAND_priv_bytes(bytes.Fill().data(), static_cast<int>(size)) == 1);
  return bytes;
}

std::string RandomId16() { return RandomBytes(kId16Bytes); }

uint32_t RandomBelow(uint32_t bound) {
  HOLDFAST_CHECK(bound > 0);
  // Draws above the last whole multiple of `bound` are thrown away: a plain modulo would prefer the
  // small numbers.
  const uint32_t multiple_end = std::numeric_limits<uint32_t>::max() / bound * bound;
  uint32_t draw = 0;
  do {
    HOLDFAST_CHECK(RAND_priv_bytes(reinterpret_cast<unsigned char*>(&draw), sizeof(draw)) == 1);
  } while (draw >= multiple_end);
  return draw % bound;
}

}  // namespace holdfast::crypto
