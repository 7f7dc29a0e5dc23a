#ifndef HOLDFAST_SERVER_DESK_KNOWN_HOSTS_H_
#define HOLDFAST_SERVER_DESK_KNOWN_HOSTS_H_

#include <string>

#include "absl/status/statusor.h"
#include "holdfast/v1/rows.pb.h"
#include "server/vault/state_reader.h"

// What SSH clients must know of the cluster. Pure.
namespace holdfast::desk {

// host:port where clients reach the SSH server of a member: the host that it told when it joined,
// and the port of its sshd row, else of the cluster's default, else the one that it told.
// INVALID_ARGUMENT when its address could not stand in a known_hosts line.
absl::StatusOr<std::string> SshAddressOf(const vault::StateReader& state,
                                         const v1::MemberRow& member);

// The text of a known_hosts file: each host key of the cluster for each of its members. Host keys
// are shared, so any node proves the same identity and a failover changes nothing for a client; a
// key that is not active yet, or no more, is published as well (rotation with overlap). A member
// whose address cannot stand in such a line is left out: it must not take the others along.
// Failure     DATA_LOSS for a host key that could not stand in a line.
absl::StatusOr<std::string> KnownHostsOf(const vault::StateReader& state);

}  // namespace holdfast::desk

#endif  // HOLDFAST_SERVER_DESK_KNOWN_HOSTS_H_
