#ifndef HOLDFAST_SERVER_BASE_ENCODING_H_
#define HOLDFAST_SERVER_BASE_ENCODING_H_

#include <optional>
#include <string>
#include <string_view>

#include "absl/types/span.h"

namespace holdfast {

std::string HexEncode(std::string_view bytes);  // lower case
std::string HexEncode(absl::Span<const uint8_t> bytes);
std::optional<std::string> HexDecode(std::string_view text);  // either case
std::string Base64Encode(std::string_view bytes);             // RFC 4648 section 4, padded
std::optional<std::string> Base64Decode(std::string_view text);
std::string Base64UrlEncode(std::string_view bytes);  // RFC 4648 section 5, no padding
std::optional<std::string> Base64UrlDecode(std::string_view text);

// The bytes of a fixed array or span as text, without copying.
inline std::string_view AsText(absl::Span<const uint8_t> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}
inline absl::Span<const uint8_t> AsBytes(std::string_view text) {
  return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
}

// Copies exactly N bytes into an array; nullopt when the size differs.
template <typename Array>
std::optional<Array> ToArray(std::string_view bytes) {
  Array out;
  if (bytes.size() != out.size()) return std::nullopt;
  for (size_t i = 0; i < out.size(); ++i) out[i] = static_cast<uint8_t>(bytes[i]);
  return out;
}

}  // namespace holdfast

#endif  // HOLDFAST_SERVER_BASE_ENCODING_H_
