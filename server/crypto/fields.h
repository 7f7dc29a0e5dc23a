#ifndef HOLDFAST_SERVER_CRYPTO_FIELDS_H_
#define HOLDFAST_SERVER_CRYPTO_FIELDS_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace holdfast::crypto {

// Joins fields so that no two lists of fields give the same bytes: associated data, key labels and
// the files of this room are built with it, and so is the SSH wire form, which has the same rules.
// Text is a 4-byte big-endian size and the bytes; numbers are big-endian.
//
// Threading   Thread-compatible.
class Fields {
 public:
  Fields() = default;
  explicit Fields(std::string_view label) { Text(label); }
  Fields& Text(std::string_view text);
  Fields& U32(uint32_t number);
  Fields& U64(uint64_t number);
  const std::string& bytes() const { return bytes_; }

 private:
  std::string bytes_;
};

// Takes such a list apart. The bytes are from outside: every step may fail.
//
// Threading   Thread-compatible.
// Ownership   Borrows the bytes; what it returns points into them.
class FieldReader {
 public:
  explicit FieldReader(std::string_view bytes) : rest_(bytes) {}
  std::optional<std::string_view> Text();
  std::optional<uint32_t> U32();
  bool AtEnd() const { return rest_.empty(); }

 private:
  std::string_view rest_;
};

}  // namespace holdfast::crypto

#endif  // HOLDFAST_SERVER_CRYPTO_FIELDS_H_
