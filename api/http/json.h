#ifndef HOLDFAST_API_HTTP_JSON_H_
#define HOLDFAST_API_HTTP_JSON_H_

#include <boost/json/value.hpp>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace holdfast::http {

// Parses one JSON text: strict RFC 8259, UTF-8 checked, limits::kJsonDepthMax levels. The error
// says what is wrong and at which byte, never what stood there. Memory of the value is wiped when
// freed, because request bodies carry passwords.
absl::StatusOr<boost::json::value> ParseJson(std::string_view text);

// An empty object in the same wiped memory, to build answers that carry a secret.
boost::json::object WipedJsonObject();

// Compact text. The caller wipes it if the value holds a secret.
std::string JsonText(const boost::json::value& value);
// `text` in quotes, escaped. Bytes that are not UTF-8 become U+FFFD, so that the result is JSON.
std::string JsonQuote(std::string_view text);

}  // namespace holdfast::http

#endif  // HOLDFAST_API_HTTP_JSON_H_
