#ifndef HOLDFAST_API_SSH_SSH_LIMITS_H_
#define HOLDFAST_API_SSH_SSH_LIMITS_H_

#include <chrono>
#include <cstddef>

#include "server/base/limits.h"

namespace holdfast::ssh {

// Every bound of the SSH port; docs/limits.md lists them with what happens at each.
struct SshLimits {
  size_t connections_max = limits::kConnectionsMax;
  size_t unauthenticated_max = limits::kUnauthenticatedTotalMax;
  size_t unauthenticated_per_source_max = limits::kUnauthenticatedPerSourceMax;
  size_t auth_attempts_max = 6;
  size_t channels_max = 64;  // of one connection, counted until both sides have closed them
  size_t command_bytes_max = limits::kSshCommandBytesMax;
  std::chrono::milliseconds login_within{10'000};  // from the accept to the proven key
  std::chrono::milliseconds idle_max{600'000};     // without a command
  std::chrono::milliseconds write_within{30'000};  // for output that the client does not take
};

}  // namespace holdfast::ssh

#endif  // HOLDFAST_API_SSH_SSH_LIMITS_H_
