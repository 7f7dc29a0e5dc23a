#include "server/crypto/fields.h"

#include <limits>

#include "server/base/check.h"

namespace holdfast::crypto {

Fields& Fields::Text(std::string_view text) {
  HOLDFAST_CHECK(text.size() <= std::numeric_limits<uint32_t>::max());
  U32(static_cast<uint32_t>(text.size()));
  bytes_.append(text);
  return *this;
}

Fields& Fields::U32(uint32_t number) {
  for (int shift = 24; shift >= 0; shift -= 8) bytes_ += static_cast<char>(number >> shift);
  return *this;
}

Fields& Fields::U64(uint64_t number) {
  return U32(static_cast<uint32_t>(number >> 32)).U32(static_cast<uint32_t>(number));
}

std::optional<uint32_t> FieldReader::U32() {
  if (rest_.size() < 4) return std::nullopt;
  uint32_t number = 0;
  for (size_t i = 0; i < 4; ++i) number = number << 8 | static_cast<uint8_t>(rest_[i]);
  rest_.remove_prefix(4);
  return number;
}

std::optional<std::string_view> FieldReader::Text() {
  const std::optional<uint32_t> size = U32();
  if (!size.has_value() || *size > rest_.size()) return std::nullopt;
  const std::string_view text = rest_.substr(0, *size);
  rest_.remove_prefix(*size);
  return text;
}

}  // namespace holdfast::crypto
