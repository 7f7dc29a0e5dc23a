#ifndef HOLDFAST_SERVER_BASE_UTF8_H_
#define HOLDFAST_SERVER_BASE_UTF8_H_

#include <cstddef>
#include <optional>
#include <string_view>

namespace holdfast {

// How many characters the text has; nullopt when it is not UTF-8 (overlong forms, surrogates and
// values above U+10FFFF are not). Rows are protobuf texts, which hold nothing else.
std::optional<size_t> Utf8Chars(std::string_view bytes);

}  // namespace holdfast

#endif  // HOLDFAST_SERVER_BASE_UTF8_H_
