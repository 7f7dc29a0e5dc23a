#include "server/base/utf8.h"

#include <cstdint>

namespace holdfast {
namespace {

// Bytes of the character that starts with `lead`; 0: none starts so.
size_t LengthOf(uint8_t lead) {
  if (lead < 0x80) return 1;
  if (lead < 0xC2) return 0;  // A continuation, or an overlong form.
  if (lead < 0xE0) return 2;
  if (lead < 0xF0) return 3;
  return lead < 0xF5 ? 4 : 0;
}

// The second byte carries the rules against overlong forms, surrogates and too large values.
bool SecondFits(uint8_t lead, uint8_t second) {
  const uint8_t low = lead == 0xE0 ? 0xA0 : lead == 0xF0 ? 0x90 : 0x80;
  const uint8_t high = lead == 0xED ? 0x9F : lead == 0xF4 ? 0x8F : 0xBF;
  return second >= low && second <= high;
}

}  // namespace

std::optional<size_t> Utf8Chars(std::string_view bytes) {
  size_t chars = 0;
  for (size_t at = 0; at < bytes.size(); ++chars) {
    const auto byte = [&](size_t i) { return static_cast<uint8_t>(bytes[at + i]); };
    const size_t length = LengthOf(byte(0));
    if (length == 0 || bytes.size() - at < length) return std::nullopt;
    if (length > 1 && !SecondFits(byte(0), byte(1))) return std::nullopt;
    for (size_t i = 2; i < length; ++i) {
      if ((byte(i) & 0xC0) != 0x80) return std::nullopt;
    }
    at += length;
  }
  return chars;
}

}  // namespace holdfast
