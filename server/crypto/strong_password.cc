#include "server/crypto/strong_password.h"

#include "server/crypto/random.h"

namespace holdfast::crypto {
namespace {

// No quotes, backslash, blank or dollar sign: such passwords get broken by shells and scripts.
constexpr std::string_view kSpecial = "!#%*+-./:=?@^_~";
constexpr std::string_view kAlphabet =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789!#%*+-./:=?@^_~";

bool IsUpper(char c) { return c >= 'A' && c <= 'Z'; }
bool IsLower(char c) { return c >= 'a' && c <= 'z'; }
bool IsDigit(char c) { return c >= '0' && c <= '9'; }
bool IsSpecial(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return byte > 0x20 && byte < 0x7F && !IsUpper(c) && !IsLower(c) && !IsDigit(c);
}

}  // namespace

std::string_view WhyNotStrong(const SecretBytes& password) {
  const std::string_view text = password.RevealText(Purpose::kPolicyCheck);
  if (text.size() < kStrongLengthMin) return "Minimum length must be 8";
  if (!IsUpper(text[0]) && !IsLower(text[0])) return "Must start with a letter";
  bool upper = false, lower = false, digit = false, special = false;
  for (const char c : text) {
    upper = upper || IsUpper(c);
    lower = lower || IsLower(c);
    digit = digit || IsDigit(c);
    special = special || IsSpecial(c);
  }
  if (!upper) return "Must contain an upper case letter";
  if (!lower) return "Must contain a lower case letter";
  if (!digit) return "Must contain a digit";
  if (!special) return "Must contain a special character";
  return "";
}

SecretBytes GenerateStrongPassword() {
  static_assert(kAlphabet.size() == 26 + 26 + 10 + kSpecial.size());
  SecretBytes password = SecretBytes::OfSize(kGeneratedLength);
  // Draw again until it complies: about every second draw does, and none is more likely than
  // another.
  do {
    for (uint8_t& byte : password.Fill()) {
      byte = static_cast<uint8_t>(kAlphabet[RandomBelow(static_cast<uint32_t>(kAlphabet.size()))]);
    }
  } while (!WhyNotStrong(password).empty());
  return password;
}

}  // namespace holdfast::crypto
