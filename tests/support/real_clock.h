#ifndef HOLDFAST_TESTS_SUPPORT_REAL_CLOCK_H_
#define HOLDFAST_TESTS_SUPPORT_REAL_CLOCK_H_

#include <time.h>

#include <chrono>

#include "server/base/clock.h"

namespace holdfast {

// For tests that talk to a library or process with a clock of its own (TLS, gRPC, ssh). Everything
// else takes a ManualClock.
class RealClock : public Clock {
 public:
  MonoTime Mono() const override {
    timespec t;
    clock_gettime(CLOCK_BOOTTIME, &t);
    return MonoTime(std::chrono::seconds(t.tv_sec) + std::chrono::nanoseconds(t.tv_nsec));
  }
  WallTime Wall() const override {
    timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return FromMillis(t.tv_sec * 1000 + t.tv_nsec / 1'000'000);
  }
};

}  // namespace holdfast

#endif  // HOLDFAST_TESTS_SUPPORT_REAL_CLOCK_H_
