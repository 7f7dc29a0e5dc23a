#ifndef HOLDFAST_API_PAM360_TEXTS_H_
#define HOLDFAST_API_PAM360_TEXTS_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "holdfast/v1/rows.pb.h"

namespace holdfast::pam360 {

// Seconds that the server's local time is ahead of UTC at that moment (milliseconds since 1970).
using UtcOffset = std::function<int64_t(int64_t)>;

// "Dec 1, 2021 09:00 PM" in server local time; "N/A" for 0.
std::string TimeText(int64_t wall_ms, const UtcOffset& offset);

std::string_view RoleText(v1::Role role);
std::optional<v1::Role> ParseRole(std::string_view text);  // letter case aside

// view, modify, fullaccess; LEVEL_UNSPECIFIED for revoke; nullopt: none of them.
std::optional<v1::ShareLevel> ParseAccessType(std::string_view text);

// "YYYY-MM-DD" as the end of that day in server local time, in milliseconds; 0 for "NeverExpires".
std::optional<int64_t> ParseExpiryDate(std::string_view text, const UtcOffset& offset);

// A decimal id of a path or a query: digits only, no sign; nullopt otherwise.
std::optional<uint64_t> ParseId(std::string_view text);

}  // namespace holdfast::pam360

#endif  // HOLDFAST_API_PAM360_TEXTS_H_
