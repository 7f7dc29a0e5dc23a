#ifndef HOLDFAST_API_PAM360_UTF8_H_
#define HOLDFAST_API_PAM360_UTF8_H_

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace holdfast::pam360 {

// Well-formed by RFC 3629: no overlong forms, no surrogates, nothing above U+10FFFF.
bool IsUtf8(std::string_view text);

struct Utf8Char {
  char bytes[4];
  size_t size;
};
// `point` must be a Unicode scalar value.
Utf8Char EncodeUtf8(uint32_t point);

}  // namespace holdfast::pam360

#endif  // HOLDFAST_API_PAM360_UTF8_H_
