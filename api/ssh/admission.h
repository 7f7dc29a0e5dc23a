#ifndef HOLDFAST_API_SSH_ADMISSION_H_
#define HOLDFAST_API_SSH_ADMISSION_H_

#include <cstddef>
#include <optional>
#include <string>

#include "absl/container/flat_hash_map.h"
#include "api/ssh/ssh_limits.h"
#include "server/base/mutex.h"

namespace holdfast::ssh {

// Counts connections, so that strangers cannot use up the node: all of them, those that have not
// logged in yet, and those of one source.
//
// Threading   Thread-safe.
// Ownership   Must outlive its passes.
class Admission {
 public:
  // The right to hold one connection; gives it back when dropped.
  class Pass {
   public:
    Pass(Pass&& other) noexcept;
    Pass& operator=(Pass&&) = delete;
    ~Pass();
    // From now on it no longer counts as unauthenticated.
    void LoggedIn();

   private:
    friend class Admission;
    Pass(Admission* admission, std::string source)
        : admission_(admission), source_(std::move(source)) {}
    Admission* admission_;  // null once moved from
    std::string source_;
    bool logged_in_ = false;
  };

  explicit Admission(const SshLimits& limits) : limits_(limits) {}
  // nullopt at a bound: the connection is closed before a byte is read from it.
  std::optional<Pass> Enter(const std::string& source);

  size_t connections() const;
  size_t unauthenticated() const;

 private:
  void LoggedIn(const std::string& source);
  void Leave(const std::string& source, bool logged_in);
  void DropUnauthenticated(const std::string& source) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  const SshLimits limits_;
  mutable Mutex mu_;
  size_t connections_ ABSL_GUARDED_BY(mu_) = 0;
  size_t unauthenticated_ ABSL_GUARDED_BY(mu_) = 0;
  absl::flat_hash_map<std::string, size_t> per_source_ ABSL_GUARDED_BY(mu_);  // no zeroes
};

}  // namespace holdfast::ssh

#endif  // HOLDFAST_API_SSH_ADMISSION_H_
