#ifndef HOLDFAST_API_HTTP_HEALTH_H_
#define HOLDFAST_API_HTTP_HEALTH_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "api/http/router.h"

namespace holdfast::http {

// One line of the body's "checks": what was looked at, and what was seen.
struct HealthCheck {
  std::string name;
  bool ok = false;
  std::string detail;
};

// The node as its health port tells it to strangers: no names of users, resources or secrets.
struct HealthView {
  bool ready = false;     // can answer RETRIEVE now
  bool degraded = false;  // ready, but something wants attention: fewer followers than wanted
  bool primary = false;   // is primary and holds its lease
  bool secondary = false;
  bool streaming = false;  // secondary: the stream from the primary is up
  std::string node;
  std::string role;  // as the status calls it: "primary", "secondary", "joining", ...
  uint64_t epoch = 0;
  // Unknown is not zero: a secondary that has not heard how far its primary is does not know it.
  std::optional<uint64_t> lag_records;
  std::optional<double> lag_seconds;
  std::string why_not;  // one sentence; said when the answer is no
  std::vector<HealthCheck> checks;
};

// Both are called on the server's threads and by several at once: quick, and without waiting.
struct HealthSource {
  std::function<HealthView()> view;
  std::function<std::string()> metrics;  // text exposition format, version 0.0.4
};

// What the health port serves, by GET and HEAD and without authentication:
//   /livez      200 while the process answers
//   /readyz     200 when it can answer reads; losing the primary alone never changes that
//   /primary    200 on the primary
//   /secondary  200 on a secondary that can answer; with ?lag=<records>&age=<seconds> only while it
//               streams and is inside both
//   /read-only  the same, and 200 on a primary that can answer
//   /metrics    for Prometheus
// No is 503. The body says why; a bound that is no number is 400.
//
// Promises    A bounded check has hysteresis: who is out of a bound comes back at half of it, and
//             after two good checks, so that a node that catches up does not flap in its pool.
//             The states of 64 pairs of bounds are kept; the pairs after that have none.
// Threading   The router is thread-safe if the source is.
std::shared_ptr<const Router> MakeHealthRouter(HealthSource source);

}  // namespace holdfast::http

#endif  // HOLDFAST_API_HTTP_HEALTH_H_
