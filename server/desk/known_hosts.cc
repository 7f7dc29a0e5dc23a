#include "server/desk/known_hosts.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <string_view>

#include "server/base/encoding.h"
#include "server/base/status_macros.h"

namespace holdfast::desk {
namespace {

struct HostPort {
  std::string host;  // without brackets
  uint32_t port = 0;
};

// Blanks, commas, stars and the like mean something in known_hosts.
bool IsHostChar(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
         c == '-' || c == '_' || c == ':' || c == '%';
}

bool IsTypeChar(char c) { return IsHostChar(c) || c == '@'; }

absl::Status BadAddress(std::string_view address) {
  return absl::InvalidArgumentError(fmt::format("expected host:port, got '{}'", address));
}

absl::StatusOr<HostPort> ParseAddress(std::string_view address) {
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
  return HostPort{.host = std::string(host), .port = port};
}

absl::StatusOr<HostPort> Reached(const vault::StateReader& state, const v1::MemberRow& member) {
  HOLDFAST_ASSIGN_OR_RETURN(HostPort address, ParseAddress(member.ssh_address()));
  for (const std::string& of : {member.node_id(), std::string()}) {
    const v1::SshdRow* row = state.FindSshd(of);
    if (row == nullptr || row->port() == 0) continue;
    address.port = row->port();
    break;
  }
  return address;
}

absl::StatusOr<std::string> PublicText(const v1::HostKeyRow& key) {
  if (key.type().empty() || !std::all_of(key.type().begin(), key.type().end(), IsTypeChar) ||
      key.public_key().empty()) {
    return absl::DataLossError(fmt::format("host key {} has no usable type or bytes", key.id()));
  }
  return fmt::format("{} {}", key.type(), Base64Encode(key.public_key()));
}

}  // namespace

absl::StatusOr<std::string> SshAddressOf(const vault::StateReader& state,
                                         const v1::MemberRow& member) {
  HOLDFAST_ASSIGN_OR_RETURN(const HostPort at, Reached(state, member));
  const bool six = at.host.find(':') != std::string::npos;
  return six ? fmt::format("[{}]:{}", at.host, at.port) : fmt::format("{}:{}", at.host, at.port);
}

absl::StatusOr<std::string> KnownHostsOf(const vault::StateReader& state) {
  std::string text;
  for (const v1::MemberRow* member : state.Members()) {
    const absl::StatusOr<HostPort> at = Reached(state, *member);
    if (!at.ok()) continue;
    // The client looks for the bare name at the standard port only.
    const std::string pattern =
        at->port == 22 ? at->host : fmt::format("[{}]:{}", at->host, at->port);
    for (const v1::HostKeyRow* key : state.HostKeys()) {
      HOLDFAST_ASSIGN_OR_RETURN(const std::string public_text, PublicText(*key));
      text += fmt::format("{} {}\n", pattern, public_text);
    }
  }
  return text;
}

}  // namespace holdfast::desk
