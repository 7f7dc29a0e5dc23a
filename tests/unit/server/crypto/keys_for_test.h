#ifndef HOLDFAST_TESTS_UNIT_SERVER_CRYPTO_KEYS_FOR_TEST_H_
#define HOLDFAST_TESTS_UNIT_SERVER_CRYPTO_KEYS_FOR_TEST_H_

#include <string>
#include <string_view>

#include "server/base/secret_bytes.h"

namespace holdfast::crypto {

// A key of 32 equal bytes: the same in every run.
inline SecretBytes KeyOf(char byte) { return SecretBytes::CopyOf(std::string(32, byte)); }

inline std::string TextOf(const SecretBytes& secret) {
  return std::string(secret.RevealText(Purpose::kCompare));
}

// The text with one bit of the byte at `at` turned.
inline std::string Flipped(std::string text, size_t at) {
  text.at(at) = static_cast<char>(text.at(at) ^ 1);
  return text;
}

}  // namespace holdfast::crypto

#endif  // HOLDFAST_TESTS_UNIT_SERVER_CRYPTO_KEYS_FOR_TEST_H_
