#ifndef HOLDFAST_SERVER_BASE_CLOCK_H_
#define HOLDFAST_SERVER_BASE_CLOCK_H_

#include <chrono>
#include <cstdint>

namespace holdfast {

// Two kinds of time that must not be mixed, so they are two types.
struct MonoTag {
  using duration = std::chrono::nanoseconds;
};
struct WallTag {
  using duration = std::chrono::milliseconds;
};

// For deadlines, leases and ages: never goes back, counts through suspend, means nothing elsewhere.
using MonoTime = std::chrono::time_point<MonoTag, std::chrono::nanoseconds>;
// For people and for validity dates: milliseconds since 1970 UTC; may jump.
using WallTime = std::chrono::time_point<WallTag, std::chrono::milliseconds>;

inline int64_t ToMillis(WallTime t) { return t.time_since_epoch().count(); }
inline WallTime FromMillis(int64_t ms) { return WallTime(std::chrono::milliseconds(ms)); }

// The only source of time. server/app and api/cli make the real one, tests/support a manual one;
// everything else is given a reference.
//
// Threading   Thread-safe.
class Clock {
 public:
  virtual ~Clock() = default;
  virtual MonoTime Mono() const = 0;
  virtual WallTime Wall() const = 0;
};

}  // namespace holdfast

#endif  // HOLDFAST_SERVER_BASE_CLOCK_H_
