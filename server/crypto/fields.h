#ifndef HOLDFAST_SERVER_CRYPTO_FIELDS_H_
#define HOLDFAST_SERVER_CRYPTO_FIELDS_H_

#include <cstdint>
#include <string>
#include <string_view>

namespace holdfast::crypto {

// Joins fields so that no two lists of fields give the same bytes: associated data and key labels
// are built with it. Text is a 4-byte big-endian size and the bytes; numbers are big-endian.
//
// Threading   Thread-compatible.
class Fields {
 public:
  explicit Fields(std::string_view label) { Text(label); }
  Fields& Text(std::string_view text);
  Fields& U32(uint32_t number);
  Fields& U64(uint64_t number);
  const std::string& bytes() const { return bytes_; }

 private:
  std::string bytes_;
};

}  // namespace holdfast::crypto

#endif  // HOLDFAST_SERVER_CRYPTO_FIELDS_H_
