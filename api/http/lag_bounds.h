#ifndef HOLDFAST_API_HTTP_LAG_BOUNDS_H_
#define HOLDFAST_API_HTTP_LAG_BOUNDS_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <utility>

#include "server/base/mutex.h"

namespace holdfast::http {

// What a check asks of a secondary, each if given.
struct LagBound {
  std::optional<uint64_t> records;
  std::optional<uint64_t> seconds;
  auto operator<=>(const LagBound&) const = default;
};

struct Lag {
  std::optional<uint64_t> records;
  std::optional<double> seconds;
};

// Remembers, for every bound that is asked for, whether the node is out of it, so that it leaves a
// pool at the bound and returns at half of it after two good checks.
//
// Invariants  At most kBoundsMax bounds are remembered: the caller chooses them, and is a stranger.
//             A bound beyond that is checked as it stands.
// Threading   Thread-safe.
class LagBounds {
 public:
  static constexpr size_t kBoundsMax = 64;

  // Whether a node with this lag is to be in the pool; an unknown lag is out.
  bool IsInside(const LagBound& bound, const Lag& lag);

 private:
  struct Out {
    int good_checks = 0;
  };
  Mutex mu_;
  std::map<LagBound, std::optional<Out>> bounds_ ABSL_GUARDED_BY(mu_);
};

}  // namespace holdfast::http

#endif  // HOLDFAST_API_HTTP_LAG_BOUNDS_H_
