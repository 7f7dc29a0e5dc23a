#ifndef HOLDFAST_API_SSH_SSHD_FOLLOWER_H_
#define HOLDFAST_API_SSH_SSHD_FOLLOWER_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <thread>

#include "api/ssh/replicated_settings.h"
#include "api/ssh/server.h"
#include "replication/ledger/ledger.h"
#include "server/base/clock.h"
#include "server/base/mutex.h"
#include "server/crypto/key_ring.h"

namespace holdfast::ssh {

// Keeps an SSH server as the replicated state says: port, on and off, host keys; and ends the
// connections of callers whose key or right went, at the latest with the next record that is shown.
//
// Promises    The port is closed while `may_serve` says no.
// Threading   A thread of its own, woken by the ledger, else twice a second. Moves that come while
//             it works are one.
// Ownership   Borrows everything; ends before them.
// Failure     Settings that cannot be applied (a port in use) are logged and tried again every 5 s;
//             the server stays as it was.
class SshdFollower {
 public:
  struct Parts {
    SshServer& server;
    replication::Ledger& ledger;
    const crypto::KeyRing& keys;
    const Clock& clock;
    std::string node_id;
    uint16_t configured_port = 0;
    std::function<bool()> may_serve;
  };
  explicit SshdFollower(Parts parts);
  ~SshdFollower();

  // Somebody may have to go who no record names: a denial of this node.
  void RecheckSessions();

 private:
  void Run();
  void Follow(bool recheck);
  void Apply(const SshdState& wanted);

  const Parts parts_;
  // The follower thread's own.
  std::optional<SshdState> applied_;
  std::optional<SshdState> failed_;
  MonoTime failed_at_{};
  Position checked_;  // sessions were checked against the state at this position

  Mutex mu_;
  CondVar wake_;
  bool moved_ ABSL_GUARDED_BY(mu_) = true;
  bool recheck_ ABSL_GUARDED_BY(mu_) = false;
  bool stop_ ABSL_GUARDED_BY(mu_) = false;

  uint64_t subscription_ = 0;
  std::thread thread_;  // Last: runs on all of the above.
};

}  // namespace holdfast::ssh

#endif  // HOLDFAST_API_SSH_SSHD_FOLLOWER_H_
