#include "server/setup/node_addresses.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <utility>

#include "server/base/status_macros.h"
#include "server/crypto/certificate.h"

namespace holdfast::setup {
namespace {

absl::StatusOr<std::string> Reached(std::string_view section, const Config::Listener& listener) {
  std::string address = AdvertisedAddress(listener);
  std::string host;
  int port = 0;
  if (!SplitHostPort(address, host, port) || !crypto::CheckCertificateAddress(host).ok()) {
    return absl::InvalidArgumentError(fmt::format(
        "{}.advertise: expected a DNS name or IP address, with or without :port, got \"{}\"",
        section, address));
  }
  if (host == "0.0.0.0" || host == "::") {
    return absl::InvalidArgumentError(
        fmt::format("{}.advertise: missing; {}.listen is \"{}\", which tells nobody where this "
                    "node is reached",
                    section, section, listener.listen.text()));
  }
  return address;
}

std::string_view WithoutScheme(std::string_view url) {
  const size_t scheme = url.find("://");
  return scheme == std::string_view::npos ? url : url.substr(scheme + 3);
}

}  // namespace

bool SplitHostPort(std::string_view text, std::string& host, int& port) {
  const size_t colon = text.rfind(':');
  if (colon == std::string_view::npos || colon == 0) return false;
  std::string_view name = text.substr(0, colon);
  if (name.front() == '[' && name.back() == ']') {
    name = name.substr(1, name.size() - 2);
  } else if (name.find(':') != std::string_view::npos) {
    return false;
  }
  const char* const end = text.data() + text.size();
  int number = -1;
  const auto [last, error] = std::from_chars(text.data() + colon + 1, end, number);
  if (error != std::errc() || last != end || number < 0 || number > 65535 || name.empty()) {
    return false;
  }
  host = name;
  port = number;
  return true;
}

absl::StatusOr<v1::MemberRow> MemberRowOf(const Config& config) {
  HOLDFAST_ASSIGN_OR_RETURN(const std::string rest, Reached("rest", config.rest));
  HOLDFAST_ASSIGN_OR_RETURN(const std::string ssh, Reached("ssh", config.ssh));
  HOLDFAST_ASSIGN_OR_RETURN(const std::string peer, Reached("peer", config.peer));
  HOLDFAST_ASSIGN_OR_RETURN(const std::string health, Reached("health", config.health));
  v1::MemberRow member;
  member.set_node_id(config.node.id);
  member.set_rest_url("https://" + rest);
  member.set_ssh_address(ssh);
  member.set_peer_address(peer);
  member.set_health_url("http://" + health);
  return member;
}

std::vector<std::string> CertificateAddresses(const v1::MemberRow& member) {
  std::vector<std::string> addresses = {"127.0.0.1", "localhost"};
  for (const std::string_view at :
       {WithoutScheme(member.rest_url()), std::string_view(member.ssh_address()),
        std::string_view(member.peer_address())}) {
    std::string host;
    int port = 0;
    if (!SplitHostPort(at, host, port)) continue;
    if (std::find(addresses.begin(), addresses.end(), host) == addresses.end()) {
      addresses.push_back(std::move(host));
    }
  }
  return addresses;
}

}  // namespace holdfast::setup
