#ifndef HOLDFAST_TESTS_SUPPORT_MANUAL_CLOCK_H_
#define HOLDFAST_TESTS_SUPPORT_MANUAL_CLOCK_H_

#include <atomic>
#include <chrono>
#include <cstdint>

#include "server/base/clock.h"

namespace holdfast {

// Time that passes when the test says so.
//
// Threading   Thread-safe.
class ManualClock : public Clock {
 public:
  MonoTime Mono() const override { return MonoTime(std::chrono::nanoseconds(mono_ns_)); }
  WallTime Wall() const override { return FromMillis(wall_ms_); }

  void Advance(std::chrono::nanoseconds by) {
    mono_ns_ += by.count();
    wall_ms_ += std::chrono::duration_cast<std::chrono::milliseconds>(by).count();
  }
  void SetWall(WallTime wall) { wall_ms_ = ToMillis(wall); }

 private:
  std::atomic<int64_t> mono_ns_{1'000'000'000'000};
  std::atomic<int64_t> wall_ms_{1'700'000'000'000};
};

}  // namespace holdfast

#endif  // HOLDFAST_TESTS_SUPPORT_MANUAL_CLOCK_H_
