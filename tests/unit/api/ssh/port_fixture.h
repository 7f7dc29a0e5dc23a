#ifndef HOLDFAST_TESTS_UNIT_API_SSH_PORT_FIXTURE_H_
#define HOLDFAST_TESTS_UNIT_API_SSH_PORT_FIXTURE_H_

#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "api/ssh/server.h"
#include "server/base/mutex.h"
#include "tests/support/manual_clock.h"
#include "tests/unit/api/ssh/process.h"

namespace holdfast::ssh {

// What stands behind the transport here. Commands:
//   SECRET <text>   stdout, exit 0          BIG <n>     n bytes on stdout
//   REFUSE <code>   a line on stderr        HOLD        answered by Release
//   WHO             who is logged in
class ScriptedVault {
 public:
  SshVault Functions();
  void Allow(const std::string& login, const std::string& blob);
  void Forbid(const std::string& login);
  // Blocks until `count` commands are held, then answers them all.
  void Release(size_t count, const std::function<Answer()>& answer);
  void WaitForHeld(size_t count);
  size_t ran() const;
  size_t asked() const;     // how often a key was looked up
  size_t recorded() const;  // refused logins that were to be recorded

 private:
  struct Held {
    std::function<void(Answer)> done;
  };
  void RunLine(const CallerPtr& caller, const std::string& line, std::function<void(Answer)> done);

  mutable Mutex mu_;
  CondVar changed_;
  std::map<std::string, std::string> keys_ ABSL_GUARDED_BY(mu_);  // login -> blob
  std::vector<Held> held_ ABSL_GUARDED_BY(mu_);
  size_t ran_ ABSL_GUARDED_BY(mu_) = 0;
  mutable size_t asked_ ABSL_GUARDED_BY(mu_) = 0;
  size_t recorded_ ABSL_GUARDED_BY(mu_) = 0;
};

// A key pair made by ssh-keygen.
struct ClientKey {
  std::string path;
  std::string blob;
};

// A running server on a free port, with the stock client to talk to it.
class PortFixture : public testing::Test {
 protected:
  PortFixture();
  void StartServer(SshServer::Options options = {}) {
    StartServer(std::move(options), vault_.Functions());
  }
  void StartServer(SshServer::Options options, SshVault vault);
  std::vector<HostKey> CopyHostKeys() const;
  ClientKey MakeKey(const std::string& name, const std::vector<std::string>& type) const;
  void TrustHostKeys(uint16_t port);

  // The stock client's words, up to and without the command.
  std::vector<std::string> Client(const std::vector<std::string>& more = {},
                                  const std::string& login = "deploy") const;
  Finished Ssh(const std::string& command, const std::vector<std::string>& more = {}) const;
  Process StartSsh(const std::string& command, const std::vector<std::string>& more = {}) const;

  // A plain TCP connection to the port; reading from it blocks.
  UniqueFd Connect() const;
  // Everything until the server closes.
  static std::string ReadToEnd(int fd);
  // True when the server greets, false when it closes without a word.
  static bool Greeted(int fd);
  // Lets time pass until the server has `count` connections.
  void AdvanceUntilConnections(size_t count, std::chrono::milliseconds step);
  void WaitForConnections(size_t count);

  TempFolder folder_;
  ManualClock clock_;
  ScriptedVault vault_;
  ClientKey key_;
  std::unique_ptr<SshServer> server_;
};

}  // namespace holdfast::ssh

#endif  // HOLDFAST_TESTS_UNIT_API_SSH_PORT_FIXTURE_H_
