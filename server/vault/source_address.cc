#include "server/vault/source_address.h"

#include <arpa/inet.h>

#include <algorithm>
#include <charconv>
#include <string>

namespace holdfast::vault {
namespace {

constexpr size_t kTextMax = 64;
constexpr int kIpv4Offset = 96;  // bits in front of an IPv4 address in its IPv6 form

struct Address {
  std::array<uint8_t, 16> bytes{};
  bool ipv4 = false;
};

std::optional<Address> ParseAddress(std::string_view text) {
  if (text.empty() || text.size() > kTextMax) return std::nullopt;
  const std::string terminated(text);
  if (terminated.find('\0') != std::string::npos) return std::nullopt;
  Address address;
  if (inet_pton(AF_INET, terminated.c_str(), address.bytes.data() + 12) == 1) {
    address.bytes[10] = 0xff;
    address.bytes[11] = 0xff;
    address.ipv4 = true;
    return address;
  }
  if (inet_pton(AF_INET6, terminated.c_str(), address.bytes.data()) == 1) return address;
  return std::nullopt;
}

bool SamePrefix(const std::array<uint8_t, 16>& a, const std::array<uint8_t, 16>& b, int bits) {
  const int whole = bits / 8;
  if (!std::equal(a.begin(), a.begin() + whole, b.begin())) return false;
  const int rest = bits % 8;
  if (rest == 0) return true;
  const int mask = 0xff << (8 - rest) & 0xff;
  return ((a[whole] ^ b[whole]) & mask) == 0;
}

}  // namespace

std::optional<SourceNetwork> ParseNetwork(std::string_view text) {
  const size_t slash = text.find('/');
  const auto address = ParseAddress(text.substr(0, slash));
  if (!address.has_value()) return std::nullopt;
  SourceNetwork network{.bytes = address->bytes};
  if (slash == std::string_view::npos) return network;
  const std::string_view digits = text.substr(slash + 1);
  if (digits.empty() || digits.size() > 3) return std::nullopt;
  int bits = -1;
  const auto parsed = std::from_chars(digits.data(), digits.data() + digits.size(), bits);
  const bool is_number = parsed.ec == std::errc() && parsed.ptr == digits.data() + digits.size();
  if (!is_number || bits < 0 || bits > (address->ipv4 ? 32 : 128)) return std::nullopt;
  network.prefix_bits = address->ipv4 ? kIpv4Offset + bits : bits;
  return network;
}

bool SourceMatches(std::string_view allowed, std::string_view source) {
  const auto network = ParseNetwork(allowed);
  const auto address = ParseAddress(source.substr(0, source.find('%')));
  if (!network.has_value() || !address.has_value()) return false;
  return SamePrefix(network->bytes, address->bytes, network->prefix_bits);
}

}  // namespace holdfast::vault
