#ifndef HOLDFAST_API_HTTP_TOKEN_PLACES_H_
#define HOLDFAST_API_HTTP_TOKEN_PLACES_H_

#include <optional>
#include <string_view>

#include "api/http/request.h"
#include "server/base/secret_bytes.h"

// Where a request may carry a token. An empty place is passed over.
//
// Ownership   A view borrows from the request.
namespace holdfast::http {

std::optional<std::string_view> TokenInHeader(const Request& request, std::string_view name);
// Authorization: Bearer.
std::optional<std::string_view> TokenInBearer(const Request& request);
// Header AUTHTOKEN, else the bearer's: the places that all dialects know. Empty: none.
SecretBytes TokenIn(const Request& request);

}  // namespace holdfast::http

#endif  // HOLDFAST_API_HTTP_TOKEN_PLACES_H_
