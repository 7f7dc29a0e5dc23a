#ifndef HOLDFAST_SERVER_APP_SYSTEM_CLOCK_H_
#define HOLDFAST_SERVER_APP_SYSTEM_CLOCK_H_

#include "server/base/clock.h"

namespace holdfast::app {

// The clocks of the machine: CLOCK_BOOTTIME, which counts through suspend, and CLOCK_REALTIME.
class SystemClock : public Clock {
 public:
  MonoTime Mono() const override;
  WallTime Wall() const override;
};

}  // namespace holdfast::app

#endif  // HOLDFAST_SERVER_APP_SYSTEM_CLOCK_H_
