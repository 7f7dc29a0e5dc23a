#ifndef HOLDFAST_SERVER_APP_SSH_FRONT_H_
#define HOLDFAST_SERVER_APP_SSH_FRONT_H_

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "api/ssh/server.h"
#include "replication/ledger/ledger.h"
#include "replication/node/gate.h"
#include "server/crypto/key_ring.h"
#include "server/desk/desk.h"
#include "server/setup/config.h"

namespace holdfast::app {

// The SSH server as the replicated state wants it on this node: host keys, port, on or off; and
// closed while the node cannot answer.
//
// Threading   One thread calls; the server has its own.
class SshFront {
 public:
  struct Deps {
    const setup::Config& config;
    replication::Ledger& ledger;
    const replication::Gate& gate;
    const crypto::KeyRing& keys;
    desk::Desk& desk;
    const Clock& clock;
  };
  static absl::StatusOr<std::unique_ptr<SshFront>> Start(Deps deps);

  // Brings the server in line with the state, if that has moved.
  absl::Status Update();
  void Stop(std::chrono::milliseconds drain) { server_->Stop(drain); }
  size_t connections() const { return server_->connections(); }

 private:
  struct Wanted {
    bool enabled = false;
    uint16_t port = 0;
    std::vector<v1::HostKeyRow> keys;
    Position at;
    std::string signature() const;
  };
  explicit SshFront(Deps deps) : deps_(deps) {}
  Wanted Read() const;
  absl::StatusOr<ssh::SshSettings> SettingsOf(const Wanted& wanted) const;

  const Deps deps_;
  std::unique_ptr<ssh::SshServer> server_;
  Position seen_;
  std::string applied_;  // signature of what the server has
};

}  // namespace holdfast::app

#endif  // HOLDFAST_SERVER_APP_SSH_FRONT_H_
