#ifndef HOLDFAST_API_CLIENT_ADDRESS_H_
#define HOLDFAST_API_CLIENT_ADDRESS_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace holdfast::client {

inline constexpr uint16_t kDefaultPort = 8282;
inline constexpr size_t kAddressesMax = 16;

// Where a node answers; always HTTPS.
struct Address {
  std::string
      host;  // a DNS name in small letters, an IPv4 address, or an IPv6 one without brackets
  uint16_t port = kDefaultPort;

  std::string Authority() const;  // "[::1]:8282"
  std::string Url() const;        // "https://[::1]:8282"
  bool operator==(const Address&) const = default;
};

// "https://host:port", "host:port" or "host"; a slash at the end is taken too. INVALID_ARGUMENT for
// anything else: another scheme, a path, a user name, an IPv6 address without brackets.
absl::StatusOr<Address> ParseAddress(std::string_view text);
// One to kAddressesMax of them with commas between, each once, in the order in which to try them.
absl::StatusOr<std::vector<Address>> ParseAddresses(std::string_view text);

// The address in an absolute URL, whatever its path is: for `Location`.
absl::StatusOr<Address> AddressOfUrl(std::string_view url);

}  // namespace holdfast::client

#endif  // HOLDFAST_API_CLIENT_ADDRESS_H_
