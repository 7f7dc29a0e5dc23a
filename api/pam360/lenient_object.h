#ifndef HOLDFAST_API_PAM360_LENIENT_OBJECT_H_
#define HOLDFAST_API_PAM360_LENIENT_OBJECT_H_

#include <boost/json/value.hpp>
#include <cstddef>
#include <string_view>

#include "absl/status/statusor.h"

namespace holdfast::pam360 {

inline constexpr size_t kInputValuesMax = 20'000;  // values and keys in one text

// Reads what clients of this dialect send as an object: strict JSON, the text form of a Python
// dictionary ('single quotes', True, False, None, u'prefix'), a bare word as a value, a trailing
// comma. A number becomes an int64 only when its text is the canonical one; every other bare word,
// 007 and 1.50 among them, stays the text that it was, so that nothing is rounded.
//
// Room        api/pam360. Pure. The value lives in memory that is wiped when given back.
// Failure     INVALID_ARGUMENT with the offset, never with the text: not UTF-8, deeper than
//             kJsonDepthMax, larger than kBodyBytesMax, more than kInputValuesMax values, NUL (raw
//             or escaped), half a surrogate pair, an unknown escape, anything after the value.
absl::StatusOr<boost::json::value> ParseLenientObject(std::string_view text);

}  // namespace holdfast::pam360

#endif  // HOLDFAST_API_PAM360_LENIENT_OBJECT_H_
