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

}  // namespace holdfast::crypto
