#include "api/http/token_places.h"

#include <string>

namespace holdfast::http {

std::optional<std::string_view> TokenInHeader(const Request& request, std::string_view name) {
  const std::string* value = request.Header(name);
  if (value == nullptr || value->empty()) return std::nullopt;
  return *value;
}

std::optional<std::string_view> TokenInBearer(const Request& request) {
  constexpr std::string_view kScheme = "Bearer ";
  const std::string* value = request.Header("Authorization");
  if (value == nullptr || value->size() <= kScheme.size()) return std::nullopt;
  const std::string_view text(*value);
  if (!EqualsIgnoringCase(text.substr(0, kScheme.size()), kScheme)) return std::nullopt;
  return text.substr(kScheme.size());
}

SecretBytes TokenIn(const Request& request) {
  std::optional<std::string_view> token = TokenInHeader(request, "AUTHTOKEN");
  if (!token.has_value()) token = TokenInBearer(request);
  return token.has_value() ? SecretBytes::CopyOf(*token) : SecretBytes();
}

}  // namespace holdfast::http
