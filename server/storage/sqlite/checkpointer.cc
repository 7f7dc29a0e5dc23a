#include "server/storage/sqlite/checkpointer.h"

#include "server/base/status_macros.h"

namespace holdfast::storage::sqlite {
namespace {

constexpr uint64_t kFrameBytes = 24 + 4096;

}  // namespace

Checkpointer::Checkpointer(std::unique_ptr<Connection> connection, Options options)
    : options_(std::move(options)), connection_(std::move(connection)) {
  thread_ = std::thread([this] { Run(); });
}

Checkpointer::~Checkpointer() {
  {
    MutexLock lock(mu_);
    stop_ = true;
  }
  stopped_.NotifyAll();
  thread_.join();
}

void Checkpointer::NoteCommit(int64_t frames) {
  frames_.store(frames, std::memory_order_relaxed);
  something_.store(true, std::memory_order_release);
}

uint64_t Checkpointer::wal_bytes() const {
  return static_cast<uint64_t>(frames_.load(std::memory_order_relaxed)) * kFrameBytes;
}

absl::Status Checkpointer::RunOnce() {
  if (!something_.exchange(false, std::memory_order_acquire)) return absl::OkStatus();
  HOLDFAST_ASSIGN_OR_RETURN(const CheckpointResult result, connection_->Checkpoint(false));
  if (result.busy) something_.store(true, std::memory_order_release);  // The rest next time.
  if (static_cast<uint64_t>(result.wal_frames) * kFrameBytes > options_.truncate_above_bytes) {
    return options_.truncate(*connection_);
  }
  return absl::OkStatus();
}

void Checkpointer::Run() {
  while (true) {
    {
      MutexLock lock(mu_);
      if (!stop_) stopped_.WaitFor(mu_, options_.every);
      if (stop_) return;
    }
    const absl::Status status = RunOnce();
    if (status.ok()) continue;
    if (status.code() == absl::StatusCode::kResourceExhausted ||
        status.code() == absl::StatusCode::kUnavailable) {
      something_.store(true, std::memory_order_release);
      continue;
    }
    options_.failed(status);
    return;
  }
}

}  // namespace holdfast::storage::sqlite
