#include "server/app/ssh_front.h"

#include <cstdint>
#include <utility>

#include "api/ssh/commands.h"
#include "api/ssh/replicated_settings.h"
#include "server/base/status_macros.h"

namespace holdfast::app {

absl::StatusOr<std::unique_ptr<SshFront>> SshFront::Start(const Deps& deps) {
  const setup::Config& config = deps.config;
  ssh::SshServer::Options options{.address = config.ssh.listen.host,
                                  .workers = static_cast<size_t>(config.ssh.threads)};
  options.limits.connections_max = static_cast<size_t>(config.limits.connections);
  options.limits.unauthenticated_per_source_max =
      static_cast<size_t>(config.limits.unauthenticated_per_source);
  auto front = std::unique_ptr<SshFront>(new SshFront());
  HOLDFAST_ASSIGN_OR_RETURN(
      front->server_,
      ssh::SshServer::Start(std::move(options), ssh::MakeSshVault(deps.desk), deps.clock));

  const auto port = static_cast<uint16_t>(config.ssh.listen.port);
  if (deps.gate.view().can_read) {
    ssh::SshdState state;
    deps.ledger.Read([&](const vault::StateReader& reader, Position) {
      state = ssh::SshdStateOf(reader, config.node.id, port);
    });
    HOLDFAST_ASSIGN_OR_RETURN(ssh::SshSettings settings, ssh::OpenSettings(state, deps.keys));
    HOLDFAST_RETURN_IF_ERROR(front->server_->Apply(std::move(settings)));
  }
  front->follower_ = std::make_unique<ssh::SshdFollower>(
      ssh::SshdFollower::Parts{.server = *front->server_,
                               .ledger = deps.ledger,
                               .keys = deps.keys,
                               .clock = deps.clock,
                               .node_id = config.node.id,
                               .configured_port = port,
                               .may_serve = [&gate = deps.gate] { return gate.view().can_read; }});
  return front;
}

void SshFront::Stop(std::chrono::milliseconds drain) {
  follower_.reset();
  server_->Stop(drain);
}

}  // namespace holdfast::app
