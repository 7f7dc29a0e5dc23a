#ifndef HOLDFAST_API_SSH_REPLICATED_SETTINGS_H_
#define HOLDFAST_API_SSH_REPLICATED_SETTINGS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "api/ssh/server.h"
#include "server/crypto/key_ring.h"
#include "server/vault/state_reader.h"

namespace holdfast::ssh {

// What the rows say about the SSH server of one node: its own row, and where that says nothing the
// cluster's default. Compared to see whether anything has changed.
struct SshdState {
  bool enabled = false;  // never without a host key
  uint16_t port = 0;
  std::vector<v1::HostKeyRow> host_keys;  // the active ones, still sealed
};
bool SameSshd(const SshdState& a, const SshdState& b);

// `configured_port` counts where no row names one.
SshdState SshdStateOf(const vault::StateReader& state, const std::string& node_id,
                      uint16_t configured_port);

// Opens the host keys of a server that is to be on. DATA_LOSS when one does not open.
absl::StatusOr<SshSettings> OpenSettings(const SshdState& sshd, const crypto::KeyRing& keys);

}  // namespace holdfast::ssh

#endif  // HOLDFAST_API_SSH_REPLICATED_SETTINGS_H_
