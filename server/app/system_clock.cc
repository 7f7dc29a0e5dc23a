#include "server/app/system_clock.h"

#include <time.h>

#include <chrono>

namespace holdfast::app {

MonoTime SystemClock::Mono() const {
  timespec t;
  clock_gettime(CLOCK_BOOTTIME, &t);
  return MonoTime(std::chrono::seconds(t.tv_sec) + std::chrono::nanoseconds(t.tv_nsec));
}

WallTime SystemClock::Wall() const {
  timespec t;
  clock_gettime(CLOCK_REALTIME, &t);
  return FromMillis(t.tv_sec * 1000 + t.tv_nsec / 1'000'000);
}

}  // namespace holdfast::app
