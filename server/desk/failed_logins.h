#ifndef HOLDFAST_SERVER_DESK_FAILED_LOGINS_H_
#define HOLDFAST_SERVER_DESK_FAILED_LOGINS_H_

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>

#include "server/base/clock.h"

namespace holdfast::desk {

// Slows down whoever keeps failing to log in: after some failures of one (source, user) further
// ones are told to wait, twice as long each time. Only failures are slowed: a right key or token is
// proof enough, and must get its secret also when something beside it on that host guesses.
//
// Invariants  Holds at most entries_max pairs, the longest quiet one goes first.
// Threading   Thread-compatible, and pure: times are given.
class FailedLogins {
 public:
  struct Options {
    uint64_t free = 10;  // failures before the first wait
    std::chrono::milliseconds first{1000};
    std::chrono::milliseconds longest{60'000};
    std::chrono::milliseconds forget_after{300'000};  // without a further failure
    size_t entries_max = 4096;
  };
  explicit FailedLogins(const Options& options) : options_(options) {}
  FailedLogins() = default;

  // Another failure. The time that is still to be waited when it came too early; such a one does
  // not count. `user` is empty where a failure names nobody (a token).
  std::optional<std::chrono::milliseconds> Failed(const std::string& source,
                                                  const std::string& user, MonoTime now);
  void Succeeded(const std::string& source, const std::string& user);
  size_t size() const { return entries_.size(); }

 private:
  struct Entry {
    uint64_t failures = 0;
    MonoTime last{};
    MonoTime wait_until{};
  };
  void MakeRoom(MonoTime now);

  Options options_;
  std::map<std::pair<std::string, std::string>, Entry> entries_;
};

}  // namespace holdfast::desk

#endif  // HOLDFAST_SERVER_DESK_FAILED_LOGINS_H_
