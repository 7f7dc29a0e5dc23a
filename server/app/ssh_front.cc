#include "server/app/ssh_front.h"

#include <fmt/format.h>

#include <utility>

#include "api/ssh/commands.h"
#include "server/base/status_macros.h"
#include "server/vault/command.h"

namespace holdfast::app {

absl::StatusOr<std::unique_ptr<SshFront>> SshFront::Start(Deps deps) {
  auto front = std::unique_ptr<SshFront>(new SshFront(deps));
  ssh::SshServer::Options options{
      .address = deps.config.ssh.listen.host,
      .workers = static_cast<size_t>(deps.config.ssh.threads),
  };
  options.limits.connections_max = static_cast<size_t>(deps.config.limits.connections);
  options.limits.unauthenticated_per_source_max =
      static_cast<size_t>(deps.config.limits.unauthenticated_per_source);
  HOLDFAST_ASSIGN_OR_RETURN(
      front->server_,
      ssh::SshServer::Start(std::move(options), ssh::MakeSshVault(deps.desk), deps.clock));
  HOLDFAST_RETURN_IF_ERROR(front->Update());
  return front;
}

std::string SshFront::Wanted::signature() const {
  std::string text = fmt::format("{} {}", enabled, port);
  for (const v1::HostKeyRow& key : keys) text += fmt::format(" {}:{}", key.id(), key.active());
  return text;
}

SshFront::Wanted SshFront::Read() const {
  Wanted wanted{.enabled = true, .port = static_cast<uint16_t>(deps_.config.ssh.listen.port)};
  deps_.ledger.Read([&](const vault::StateReader& state, Position shown) {
    wanted.at = shown;
    const v1::SshdRow* row = state.FindSshd(deps_.config.node.id);
    if (row == nullptr) row = state.FindSshd("");
    if (row != nullptr) {
      wanted.enabled = row->enabled();
      if (row->port() != 0) wanted.port = static_cast<uint16_t>(row->port());
    }
    for (const v1::HostKeyRow* key : state.HostKeys()) {
      if (key->active()) wanted.keys.push_back(*key);
    }
  });
  // Without host keys of the cluster there is nothing that a client could know this node by.
  wanted.enabled = wanted.enabled && !wanted.keys.empty() && deps_.gate.view().can_read;
  return wanted;
}

absl::StatusOr<ssh::SshSettings> SshFront::SettingsOf(const Wanted& wanted) const {
  ssh::SshSettings settings{.enabled = wanted.enabled, .port = wanted.port};
  for (const v1::HostKeyRow& row : wanted.keys) {
    HOLDFAST_ASSIGN_OR_RETURN(
        SecretBytes key,
        deps_.keys.Open(vault::kClusterOrganization, v1::TABLE_HOST_KEY, row.private_key()));
    settings.host_keys.push_back({.type = row.type(), .private_key = std::move(key)});
  }
  return settings;
}

absl::Status SshFront::Update() {
  const Wanted wanted = Read();
  if (const std::string signature = wanted.signature(); signature != applied_) {
    HOLDFAST_ASSIGN_OR_RETURN(ssh::SshSettings settings, SettingsOf(wanted));
    HOLDFAST_RETURN_IF_ERROR(server_->Apply(std::move(settings)));
    applied_ = signature;
  }
  // Whoever lost a key, a token or its account loses the open connection too.
  if (wanted.at != seen_) server_->RecheckSessions();
  seen_ = wanted.at;
  return absl::OkStatus();
}

}  // namespace holdfast::app
