#ifndef HOLDFAST_SERVER_STORAGE_SQLITE_CHECKPOINTER_H_
#define HOLDFAST_SERVER_STORAGE_SQLITE_CHECKPOINTER_H_

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <thread>

#include "server/base/mutex.h"
#include "server/storage/sqlite/connection.h"

namespace holdfast::storage::sqlite {

// Moves what is in the WAL into the database file on a thread of its own, so that no write waits
// for it: automatic checkpoints on the writer cost stalls of 100 to 380 ms. And has the kernel
// write that file back a piece at a time: a commit's sync waits behind all that the disk was given.
//
// Threading   Start and Stop by the owner; NoteCommit and wal_bytes from any thread. What
//             Options has is called on the checkpoint thread.
// Failure     An I/O error is told to `failed` once and ends the thread. No room is tried again.
class Checkpointer {
 public:
  struct Options {
    std::chrono::milliseconds every{150};
    uint64_t restart_above_bytes = 64ull << 20;
    int database_fd = -1;  // of the database file; longer open than any connection to it
    // Runs a RESTART checkpoint while no write runs.
    std::function<absl::Status(Connection&)> restart;
    // Sees to it that the file is longer than what is in use of it.
    std::function<absl::Status(uint64_t used_bytes)> make_room;
    std::function<void(absl::Status)> failed;
  };
  Checkpointer(std::unique_ptr<Connection> connection, Options options);
  ~Checkpointer();  // stops the thread
  Checkpointer(const Checkpointer&) = delete;
  Checkpointer& operator=(const Checkpointer&) = delete;

  // A commit left `frames` frames in the WAL.
  void NoteCommit(int64_t frames);
  // Of the frames in use; the file itself may be longer.
  uint64_t wal_bytes() const;

 private:
  void Run();
  absl::Status RunOnce();
  absl::Status RestartWal();

  const Options options_;
  const std::unique_ptr<Connection> connection_;  // checkpoint thread only
  std::atomic<int64_t> frames_{0};
  std::atomic<bool> something_{true};  // a store that was killed left its WAL
  Mutex mu_;
  CondVar stopped_;
  bool stop_ ABSL_GUARDED_BY(mu_) = false;
  std::thread thread_;
};

}  // namespace holdfast::storage::sqlite

#endif  // HOLDFAST_SERVER_STORAGE_SQLITE_CHECKPOINTER_H_
