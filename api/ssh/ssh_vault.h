#ifndef HOLDFAST_API_SSH_SSH_VAULT_H_
#define HOLDFAST_API_SSH_SSH_VAULT_H_

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "api/ssh/answer.h"
#include "server/base/secret_bytes.h"

namespace holdfast::desk {
struct Caller;
}  // namespace holdfast::desk

namespace holdfast::ssh {

using CallerPtr = std::shared_ptr<const desk::Caller>;

// What the transport asks of the vault, so that it knows no rule and can be driven alone.
//
// Threading   Called on worker threads, several at a time; must not block for long.
struct SshVault {
  // `blob`: the public key in SSH wire form. Called for probes too, so it grants nothing by itself.
  // A client offers every key it has until one is taken, so a refusal is recorded only when the
  // connection ends without a login: then the last one refused is asked once more.
  std::function<absl::StatusOr<CallerPtr>(const std::string& login, std::string_view blob,
                                          const std::string& source, bool record_refusal)>
      authenticate;
  std::function<absl::Status(const CallerPtr& caller)> still_valid;
  // Carries out one command line; calls `done` exactly once, on any thread.
  std::function<void(const CallerPtr& caller, SecretBytes line, std::function<void(Answer)> done)>
      run;
};

}  // namespace holdfast::ssh

#endif  // HOLDFAST_API_SSH_SSH_VAULT_H_
