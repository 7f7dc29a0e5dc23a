#include "api/pam360/token_places.h"

#include <string>

namespace holdfast::pam360 {
namespace {

bool Holds(const std::string* value) { return value != nullptr && !value->empty(); }

std::optional<std::string_view> BearerIn(const std::string* value) {
  constexpr std::string_view kScheme = "Bearer ";
  if (value == nullptr || value->size() <= kScheme.size()) return std::nullopt;
  const std::string_view text(*value);
  if (!http::EqualsIgnoringCase(text.substr(0, kScheme.size()), kScheme)) return std::nullopt;
  return text.substr(kScheme.size());
}

}  // namespace

std::optional<std::string_view> FindToken(const http::Request& request, bool query_allowed) {
  for (const std::string_view name : {"AUTHTOKEN", "APP_AUTHTOKEN"}) {
    if (const std::string* value = request.Header(name); Holds(value)) return *value;
  }
  if (query_allowed) {
    for (const std::string_view name : {"AUTHTOKEN", "APP_AUTHTOKEN"}) {
      if (const std::string* value = request.Query(name); Holds(value)) return *value;
    }
  }
  return BearerIn(request.Header("Authorization"));
}

}  // namespace holdfast::pam360
