#include "api/ssh/replicated_settings.h"

#include <algorithm>
#include <utility>

#include "server/base/status_macros.h"
#include "server/vault/command.h"

namespace holdfast::ssh {
namespace {

constexpr uint32_t kPortMax = 65535;

uint16_t PortOf(const v1::SshdRow* row) {
  return row == nullptr || row->port() > kPortMax ? 0 : static_cast<uint16_t>(row->port());
}

}  // namespace

bool SameSshd(const SshdState& a, const SshdState& b) {
  return a.enabled == b.enabled && a.port == b.port &&
         std::equal(a.host_keys.begin(), a.host_keys.end(), b.host_keys.begin(), b.host_keys.end(),
                    [](const auto& x, const auto& y) {
                      return x.id() == y.id() && x.private_key().id() == y.private_key().id();
                    });
}

SshdState SshdStateOf(const vault::StateReader& state, const std::string& node_id,
                      uint16_t configured_port) {
  const v1::SshdRow* const own = state.FindSshd(node_id);
  const v1::SshdRow* const all = state.FindSshd("");
  SshdState sshd;
  for (const v1::HostKeyRow* const key : state.HostKeys()) {
    if (key->active()) sshd.host_keys.push_back(*key);
  }
  const v1::SshdRow* const says = own != nullptr ? own : all;
  sshd.enabled = !sshd.host_keys.empty() && (says == nullptr || says->enabled());
  sshd.port = PortOf(own) != 0 ? PortOf(own) : PortOf(all);
  if (sshd.port == 0) sshd.port = configured_port;
  return sshd;
}

absl::StatusOr<SshSettings> OpenSettings(const SshdState& sshd, const crypto::KeyRing& keys) {
  SshSettings settings{.enabled = sshd.enabled, .port = sshd.port, .host_keys = {}};
  if (!sshd.enabled) return settings;  // closing must not fail for the sake of a key
  for (const v1::HostKeyRow& row : sshd.host_keys) {
    HOLDFAST_ASSIGN_OR_RETURN(SecretBytes key, keys.Open(vault::kClusterOrganization,
                                                         v1::TABLE_HOST_KEY, row.private_key()));
    settings.host_keys.push_back({.type = row.type(), .private_key = std::move(key)});
  }
  return settings;
}

}  // namespace holdfast::ssh
