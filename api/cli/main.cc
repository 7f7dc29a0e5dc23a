// The program `holdfast`.
#include <time.h>

#include <chrono>

#include "api/cli/commands.h"
#include "api/cli/exit_code.h"
#include "api/cli/print.h"
#include "server/crypto/process_hardening.h"

namespace {

class SystemClock : public holdfast::Clock {
 public:
  holdfast::MonoTime Mono() const override {
    timespec t;
    clock_gettime(CLOCK_BOOTTIME, &t);
    return holdfast::MonoTime(std::chrono::seconds(t.tv_sec) + std::chrono::nanoseconds(t.tv_nsec));
  }
  holdfast::WallTime Wall() const override {
    timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return holdfast::FromMillis(t.tv_sec * 1000 + t.tv_nsec / 1'000'000);
  }
};

}  // namespace

int main(int argc, char** argv) {
  const SystemClock clock;
  holdfast::cli::Context context{.clock = clock};
  if (const auto hardened = holdfast::crypto::HardenProcess(); !hardened.ok()) {
    holdfast::cli::PrintError(context, hardened.status());
    return holdfast::cli::kExitLocal;
  }
  return holdfast::cli::Run(argc, argv, context);
}
