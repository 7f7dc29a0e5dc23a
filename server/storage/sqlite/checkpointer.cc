#include "server/storage/sqlite/checkpointer.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "server/base/file.h"
#include "server/base/status_macros.h"

namespace holdfast::storage::sqlite {
namespace {

constexpr uint64_t kFrameBytes = 24 + 4096;
constexpr off_t kPieceBytes = 1 << 20;

// An error of writing back is told once for a descriptor: whoever sees it must not go on.
absl::Status NotWritten() {
  return absl::DataLossError(ErrnoStatus("cannot write the database file back").message());
}

// Starts no flush of the disk, and so makes nothing durable.
absl::Status WriteBackInPieces(int fd) {
  struct stat file {};
  if (fstat(fd, &file) != 0) return NotWritten();
  for (off_t at = 0; at < file.st_size; at += kPieceBytes) {
    const int failed =
        sync_file_range(fd, at, kPieceBytes, SYNC_FILE_RANGE_WRITE | SYNC_FILE_RANGE_WAIT_AFTER);
    // A file system that cannot do it is no error: the sync does it all.
    if (failed != 0 && errno != EINVAL && errno != ESPIPE && errno != ENOSYS) return NotWritten();
  }
  return absl::OkStatus();
}

absl::Status Sync(int fd) {
  if (fdatasync(fd) == 0) return absl::OkStatus();
  return NotWritten();
}

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
  HOLDFAST_RETURN_IF_ERROR(options_.make_room(wal_bytes()));
  HOLDFAST_ASSIGN_OR_RETURN(const CheckpointResult result,
                            connection_->Checkpoint(CheckpointMode::kPassive));
  HOLDFAST_RETURN_IF_ERROR(WriteBackInPieces(options_.database_fd));
  if (result.busy) something_.store(true, std::memory_order_release);  // The rest next time.
  const auto bytes = static_cast<uint64_t>(result.wal_frames) * kFrameBytes;
  return bytes > options_.restart_above_bytes ? RestartWal() : absl::OkStatus();
}

// Under steady writes a passive checkpoint never reaches the end, and then leaves the database file
// unsynced. That is done here first, so that writes wait for the last few frames only.
absl::Status Checkpointer::RestartWal() {
  HOLDFAST_RETURN_IF_ERROR(Sync(options_.database_fd));
  HOLDFAST_RETURN_IF_ERROR(connection_->Checkpoint(CheckpointMode::kPassive).status());
  HOLDFAST_RETURN_IF_ERROR(WriteBackInPieces(options_.database_fd));
  return options_.restart(*connection_);
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
