#include "server/base/crash_point.h"

#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <cstdlib>

namespace holdfast {
namespace {

constexpr char kVariable[] = "HOLDFAST_CRASH_POINT";
constexpr int kExitConfiguration = 78;

std::atomic<uint64_t> passages_left{0};

// Before main: no step of the start comes earlier. A test that names a point wrongly must not pass.
const bool armed_from_environment = [] {
  const char* spec = std::getenv(kVariable);
  if (spec == nullptr) return false;
  if (ArmCrashPoint(spec)) return true;
  std::fprintf(stderr, "holdfast: %s: expected the name of a crash point, got '%s'\n", kVariable,
               spec);
  _exit(kExitConfiguration);
}();

}  // namespace

namespace crash_point_internal {

constinit std::atomic<uint32_t> armed{kNone};

void Passed() {
  if (passages_left.fetch_sub(1, std::memory_order_relaxed) != 1) return;
  kill(getpid(), SIGKILL);
  while (true) pause();  // The signal is on its way; nothing may happen behind the point.
}

}  // namespace crash_point_internal

bool ArmCrashPoint(std::string_view spec) {
  const size_t colon = std::min(spec.find(':'), spec.size());
  const std::string_view name = spec.substr(0, colon);
  uint64_t passage = 1;
  if (colon < spec.size()) {
    const char* end = spec.data() + spec.size();
    const auto read = std::from_chars(spec.data() + colon + 1, end, passage);
    if (read.ec != std::errc() || read.ptr != end || passage == 0) return false;
  }
  const auto* found = std::find_if(std::begin(kCrashPoints), std::end(kCrashPoints),
                                   [&](const CrashPoint& point) { return point.name == name; });
  if (found == std::end(kCrashPoints) && !spec.empty()) return false;
  passages_left = passage;
  crash_point_internal::armed = found == std::end(kCrashPoints)
                                    ? crash_point_internal::kNone
                                    : static_cast<uint32_t>(found - std::begin(kCrashPoints));
  return true;
}

}  // namespace holdfast
