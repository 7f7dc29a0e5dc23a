#include "server/app/collected_records.h"

#include "server/observe/log.h"

namespace holdfast::app {

void CollectedRecords::Keep() {
  if (clock_.Mono() < next_) return;
  next_ = clock_.Mono() + kEvery;
  const WallTime before = clock_.Wall() - std::chrono::hours(24) * keep_days_;
  absl::Status status;
  for (int step = 0; step < kStepsMax; ++step) {
    const absl::StatusOr<uint64_t> gone = store_.TrimOlderThan(before, kStepRecords);
    status = gone.status();
    if (!gone.ok() || *gone < kStepRecords) break;
  }
  const std::string fault = status.ok() ? "" : ToText(status);
  if (!fault.empty() && fault != fault_) LogWarning("old collected audit records stay: {}", fault);
  fault_ = fault;
}

}  // namespace holdfast::app
