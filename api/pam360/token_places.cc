#include "api/pam360/token_places.h"

#include <string>

#include "api/http/token_places.h"

namespace holdfast::pam360 {

std::optional<std::string_view> FindToken(const http::Request& request, bool query_allowed) {
  for (const std::string_view name : {"AUTHTOKEN", "APP_AUTHTOKEN"}) {
    if (const auto token = http::TokenInHeader(request, name); token.has_value()) return token;
  }
  if (query_allowed) {
    for (const std::string_view name : {"AUTHTOKEN", "APP_AUTHTOKEN"}) {
      const std::string* value = request.Query(name);
      if (value != nullptr && !value->empty()) return *value;
    }
  }
  return http::TokenInBearer(request);
}

}  // namespace holdfast::pam360
