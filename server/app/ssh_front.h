#ifndef HOLDFAST_SERVER_APP_SSH_FRONT_H_
#define HOLDFAST_SERVER_APP_SSH_FRONT_H_

#include <chrono>
#include <memory>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "api/ssh/server.h"
#include "api/ssh/sshd_follower.h"
#include "replication/ledger/ledger.h"
#include "replication/node/gate.h"
#include "server/crypto/key_ring.h"
#include "server/desk/desk.h"
#include "server/setup/config.h"

namespace holdfast::app {

// The SSH server of this node, kept as the replicated state wants it.
//
// Threading   Start and Stop on one thread.
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
  // A port that cannot be had is an error now; later it is logged and tried again.
  static absl::StatusOr<std::unique_ptr<SshFront>> Start(const Deps& deps);
  void Stop(std::chrono::milliseconds drain);
  void RecheckSessions() { follower_->RecheckSessions(); }

 private:
  SshFront() = default;
  std::unique_ptr<ssh::SshServer> server_;
  std::unique_ptr<ssh::SshdFollower> follower_;
};

}  // namespace holdfast::app

#endif  // HOLDFAST_SERVER_APP_SSH_FRONT_H_
