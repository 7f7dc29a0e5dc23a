#include "api/ssh/known_hosts.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <string_view>

#include "server/base/encoding.h"
#include "server/base/status_macros.h"

namespace holdfast::ssh {
namespace {

// Blanks, commas, stars and the like mean something in known_hosts.
bool IsHostChar(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
         c == '-' || c == '_' || c == ':' || c == '%';
}

bool IsTypeChar(char c) { return IsHostChar(c) || c == '@'; }

absl::Status BadAddress(std::string_view address) {
  return absl::InvalidArgumentError(fmt::format("expected host:port, got '{}'", address));
}

absl::StatusOr<std::string> Pattern(std::string_view address) {
  const size_t colon = address.rfind(':');
  if (colon == std::string_view::npos) return BadAddress(address);
  std::string_view host = address.substr(0, colon);
  const std::string_view port_text = address.substr(colon + 1);
  uint16_t port = 0;
  const auto [end, error] =
      std::from_chars(port_text.data(), port_text.data() + port_text.size(), port);
  if (error != std::errc() || end != port_text.data() + port_text.size() || port == 0) {
    return BadAddress(address);
  }
  const bool bracketed = host.size() > 2 && host.front() == '[' && host.back() == ']';
  if (bracketed) host = host.substr(1, host.size() - 2);
  if (!bracketed && host.find(':') != std::string_view::npos) return BadAddress(address);
  if (host.empty() || !std::all_of(host.begin(), host.end(), IsHostChar)) {
    return BadAddress(address);
  }
  // The client looks for the bare name at the standard port only.
  return port == 22 ? std::string(host) : fmt::format("[{}]:{}", host, port);
}

}  // namespace

absl::StatusOr<std::string> KnownHostsText(absl::Span<const std::string> addresses,
                                           absl::Span<const PublicHostKey> keys) {
  std::string text;
  for (const std::string& address : addresses) {
    HOLDFAST_ASSIGN_OR_RETURN(const std::string pattern, Pattern(address));
    for (const PublicHostKey& key : keys) {
      if (key.type.empty() || !std::all_of(key.type.begin(), key.type.end(), IsTypeChar)) {
        return absl::InvalidArgumentError("a host key has no usable type");
      }
      if (key.blob.empty()) return absl::InvalidArgumentError("a host key has no bytes");
      text += fmt::format("{} {} {}\n", pattern, key.type, Base64Encode(key.blob));
    }
  }
  return text;
}

}  // namespace holdfast::ssh
