#ifndef HOLDFAST_API_PAM360_TOKEN_PLACES_H_
#define HOLDFAST_API_PAM360_TOKEN_PLACES_H_

#include <optional>
#include <string_view>

#include "api/http/request.h"

namespace holdfast::pam360 {

// The token of a request, or nullopt. Precedence: header AUTHTOKEN, header APP_AUTHTOKEN, query
// AUTHTOKEN, query APP_AUTHTOKEN, header Authorization: Bearer. An empty place is passed over; a
// place that holds something is the only one that counts, also when that token turns out bad.
//
// Ownership   The view borrows from the request.
std::optional<std::string_view> FindToken(const http::Request& request, bool query_allowed);

}  // namespace holdfast::pam360

#endif  // HOLDFAST_API_PAM360_TOKEN_PLACES_H_
