#ifndef HOLDFAST_API_HTTP_CONNECTION_COUNTS_H_
#define HOLDFAST_API_HTTP_CONNECTION_COUNTS_H_

#include <cstddef>
#include <string>
#include <unordered_map>

#include "absl/base/thread_annotations.h"
#include "server/base/limits.h"
#include "server/base/mutex.h"

namespace holdfast::http {

struct ConnectionLimits {
  size_t strangers_per_source_max = limits::kUnauthenticatedPerSourceMax;
  size_t strangers_max = limits::kUnauthenticatedTotalMax;
  size_t connections_max = limits::kConnectionsMax;
};

// How many connections there are, and how many of them have not proved who they are. A stranger
// counts for its source; strangers of one source cannot take the places of another's.
//
// Threading   Thread-safe.
class ConnectionCounts {
 public:
  enum class Verdict { kAdmitted, kTooManyFromSource, kTooManyStrangers, kTooMany };

  explicit ConnectionCounts(ConnectionLimits limits) : limits_(limits) {}
  Verdict Enter(const std::string& source);
  void Authenticated(const std::string& source);  // once per connection: no stranger any more
  void Leave(const std::string& source, bool authenticated);
  size_t connections() const;
  size_t strangers() const;

 private:
  void DropStranger(const std::string& source) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  const ConnectionLimits limits_;
  mutable Mutex mu_;
  size_t connections_ ABSL_GUARDED_BY(mu_) = 0;
  size_t strangers_ ABSL_GUARDED_BY(mu_) = 0;
  std::unordered_map<std::string, size_t> by_source_ ABSL_GUARDED_BY(mu_);
};

// What counts as one source: an IPv4 address, also when mapped into IPv6, or the /64 of an IPv6
// address, because one client owns all of it. `address` is numeric text.
std::string SourceOf(const std::string& address);

}  // namespace holdfast::http

#endif  // HOLDFAST_API_HTTP_CONNECTION_COUNTS_H_
