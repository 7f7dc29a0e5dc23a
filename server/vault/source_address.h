#ifndef HOLDFAST_SERVER_VAULT_SOURCE_ADDRESS_H_
#define HOLDFAST_SERVER_VAULT_SOURCE_ADDRESS_H_

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

// Where a caller may come from: an address or a network, as text in a user's host_name. IPv4
// addresses are held in their IPv6 form (::ffff:a.b.c.d), so that the two spellings of one address
// are equal. Pure; no name is resolved.
namespace holdfast::vault {

struct SourceNetwork {
  std::array<uint8_t, 16> bytes{};
  int prefix_bits = 128;
};

// "192.0.2.7", "2001:db8::7", "192.0.2.0/24", "2001:db8::/32". Bits beyond the prefix do not count.
// nullopt for everything else, DNS names too.
std::optional<SourceNetwork> ParseNetwork(std::string_view text);

// Whether the address `source` (without port; the zone of a link-local one is left out of account)
// lies in the network `allowed`. False when one of the two is not what it should be.
bool SourceMatches(std::string_view allowed, std::string_view source);

}  // namespace holdfast::vault

#endif  // HOLDFAST_SERVER_VAULT_SOURCE_ADDRESS_H_
