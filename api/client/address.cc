#include "api/client/address.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "server/base/status_macros.h"
#include "server/crypto/certificate.h"

namespace holdfast::client {
namespace {

constexpr std::string_view kScheme = "https://";
constexpr size_t kAddressBytesMax = 512;
constexpr unsigned kPortMax = 65535;

// What is wrong, without the text: it may hold a password that was put into a URL.
absl::Status Bad(std::string_view what) {
  return absl::InvalidArgumentError(
      fmt::format("address: {}; expected https://HOST[:PORT], an IPv6 host in brackets", what));
}

std::string Lower(std::string_view text) {
  std::string lower(text);
  for (char& c : lower) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  return lower;
}

std::string_view Trimmed(std::string_view text) {
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
  return text;
}

absl::StatusOr<uint16_t> ParsePort(std::string_view text) {
  unsigned port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (error != std::errc() || end != text.data() + text.size() || port < 1 || port > kPortMax) {
    return Bad("the port is not a number from 1 to 65535");
  }
  return static_cast<uint16_t>(port);
}

// Takes the host off the front of `rest`.
absl::StatusOr<std::string> TakeHost(std::string_view& rest) {
  std::string_view host;
  if (rest.starts_with('[')) {
    const size_t end = rest.find(']');
    if (end == std::string_view::npos) return Bad("a bracket is not closed");
    host = rest.substr(1, end - 1);
    rest.remove_prefix(end + 1);
    if (host.find(':') == std::string_view::npos) return Bad("no IPv6 address in the brackets");
  } else {
    const size_t end = std::min(rest.find(':'), rest.size());
    host = rest.substr(0, end);
    rest.remove_prefix(end);
    if (rest.find(':', 1) != std::string_view::npos) return Bad("more than one colon");
  }
  if (!crypto::CheckCertificateAddress(host).ok()) return Bad("the host is no name or IP address");
  return Lower(host);
}

}  // namespace

std::string Address::Authority() const {
  const bool ipv6 = host.find(':') != std::string::npos;
  return ipv6 ? fmt::format("[{}]:{}", host, port) : fmt::format("{}:{}", host, port);
}

std::string Address::Url() const { return fmt::format("{}{}", kScheme, Authority()); }

absl::StatusOr<Address> ParseAddress(std::string_view text) {
  if (text.size() > kAddressBytesMax) return Bad("more than 512 bytes");
  std::string_view rest = Trimmed(text);
  if (const size_t end = rest.find("://"); end != std::string_view::npos) {
    if (Lower(rest.substr(0, end + 3)) != kScheme) return Bad("the scheme is not https");
    rest.remove_prefix(end + 3);
  }
  if (rest.find('@') != std::string_view::npos) return Bad("a user name has no place in it");
  if (rest.ends_with('/')) rest.remove_suffix(1);
  if (rest.find_first_of("/?#") != std::string_view::npos) return Bad("it ends after the port");
  Address address;
  HOLDFAST_ASSIGN_OR_RETURN(address.host, TakeHost(rest));
  if (rest.empty()) return address;
  if (!rest.starts_with(':')) return Bad("only a port can follow the host");
  HOLDFAST_ASSIGN_OR_RETURN(address.port, ParsePort(rest.substr(1)));
  return address;
}

absl::StatusOr<std::vector<Address>> ParseAddresses(std::string_view text) {
  std::vector<Address> addresses;
  while (true) {
    const size_t end = std::min(text.find(','), text.size());
    HOLDFAST_ASSIGN_OR_RETURN(const Address address, ParseAddress(text.substr(0, end)));
    if (std::find(addresses.begin(), addresses.end(), address) == addresses.end()) {
      addresses.push_back(address);
    }
    if (addresses.size() > kAddressesMax) {
      return absl::InvalidArgumentError(
          fmt::format("addresses: expected at most {}, got more", kAddressesMax));
    }
    if (end == text.size()) return addresses;
    text.remove_prefix(end + 1);
  }
}

absl::StatusOr<Address> AddressOfUrl(std::string_view url) {
  const size_t scheme_end = url.find("://");
  if (scheme_end == std::string_view::npos) return Bad("it is no absolute URL");
  return ParseAddress(url.substr(0, url.find_first_of("/?#", scheme_end + 3)));
}

}  // namespace holdfast::client
