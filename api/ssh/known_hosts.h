#ifndef HOLDFAST_API_SSH_KNOWN_HOSTS_H_
#define HOLDFAST_API_SSH_KNOWN_HOSTS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"

namespace holdfast::ssh {

struct PublicHostKey {
  std::string type;  // ssh-ed25519, ecdsa-sha2-nistp256
  std::string blob;  // SSH wire form
};

// The text of a known_hosts file: each key of the cluster for each of its nodes. Host keys are
// shared, so any node proves the same identity and a failover changes nothing for a client.
//
// `addresses` are host:port, with an IPv6 address in brackets.
// Failure     INVALID_ARGUMENT for an address or a type that could not stand in such a line.
absl::StatusOr<std::string> KnownHostsText(absl::Span<const std::string> addresses,
                                           absl::Span<const PublicHostKey> keys);

}  // namespace holdfast::ssh

#endif  // HOLDFAST_API_SSH_KNOWN_HOSTS_H_
