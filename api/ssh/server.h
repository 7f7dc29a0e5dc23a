#ifndef HOLDFAST_API_SSH_SERVER_H_
#define HOLDFAST_API_SSH_SERVER_H_

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "api/ssh/ssh_limits.h"
#include "api/ssh/ssh_vault.h"
#include "server/base/clock.h"
#include "server/base/secret_bytes.h"

namespace holdfast::ssh {

struct HostKey {
  std::string type;         // ssh-ed25519, ecdsa-sha2-nistp256; at most one of each
  SecretBytes private_key;  // PEM or OpenSSH text
};

// What the replicated state says about the SSH server of this node.
struct SshSettings {
  bool enabled = true;
  uint16_t port = 6622;            // 0: any free one
  std::vector<HostKey> host_keys;  // empty: keep those of before
};

// The SSH server of a node: accepts, logs in by public key, runs one command line per exec channel.
//
// Room        api/ssh; the only room with libssh. The rules of the vault are behind SshVault.
// Threading   Thread-safe. One thread accepts; each worker thread has an epoll loop, and a session
//             belongs to one worker for its life.
// Ownership   Borrows the clock. After Stop nothing of `vault` is called any more; answers that
//             come later are dropped and wiped.
// Failure     Apply changes all of what it was given or nothing.
class SshServer {
 public:
  struct Options {
    std::string address = "0.0.0.0";  // numeric, IPv4 or IPv6
    size_t workers = 2;
    SshLimits limits;
  };

  // Starts the threads; no port is open before the first Apply.
  static absl::StatusOr<std::unique_ptr<SshServer>> Start(Options options, SshVault vault,
                                                          const Clock& clock);
  ~SshServer();

  // Opens, closes or moves the port and replaces the host keys, for connections yet to come: those
  // that are open stay. On return the old port is closed, the new one accepts.
  absl::Status Apply(SshSettings settings);

  // After a change of users, keys or tokens: ends the connections whose caller is no longer valid.
  void RecheckSessions();

  // Closes the port, lets running commands finish for at most `drain`, then ends everything.
  void Stop(std::chrono::milliseconds drain);

  uint16_t port() const;  // 0: closed
  size_t connections() const;

 private:
  struct Rep;
  explicit SshServer(std::unique_ptr<Rep> rep);
  std::unique_ptr<Rep> rep_;
};

}  // namespace holdfast::ssh

#endif  // HOLDFAST_API_SSH_SERVER_H_
