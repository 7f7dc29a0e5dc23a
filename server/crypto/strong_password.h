#ifndef HOLDFAST_SERVER_CRYPTO_STRONG_PASSWORD_H_
#define HOLDFAST_SERVER_CRYPTO_STRONG_PASSWORD_H_

#include <cstddef>
#include <string_view>

#include "server/base/secret_bytes.h"

namespace holdfast::crypto {

// The one built-in password policy: starts with a letter; upper and lower case, a digit and a
// special character are in it; at least 8 characters.
inline constexpr std::string_view kStrongPolicy = "Strong";
inline constexpr size_t kStrongLengthMin = 8;
inline constexpr size_t kGeneratedLength = 16;  // about 95 random bits

// Drawn evenly from all passwords of that length which comply. Thread-safe.
SecretBytes GenerateStrongPassword();

// Empty when it complies, else the first rule that it breaks, as a sentence without the password.
std::string_view WhyNotStrong(const SecretBytes& password);

}  // namespace holdfast::crypto

#endif  // HOLDFAST_SERVER_CRYPTO_STRONG_PASSWORD_H_
