#ifndef HOLDFAST_SERVER_STORAGE_POSTGRES_WATCHDOG_H_
#define HOLDFAST_SERVER_STORAGE_POSTGRES_WATCHDOG_H_

#include <chrono>
#include <cstdint>
#include <map>
#include <thread>

#include "server/base/mutex.h"

namespace holdfast::storage::postgres {

// libpq waits for an answer without end. What is watched here is cut off when its time is over, so
// that a server that hangs becomes one that is lost.
//
// Threading   Thread-safe; one thread of its own.
class Watchdog {
 public:
  Watchdog();
  ~Watchdog();
  Watchdog(const Watchdog&) = delete;
  Watchdog& operator=(const Watchdog&) = delete;

  // The process ends: an answer is waited for kStopWait at most, and a server that is away not at
  // all.
  void StopWaiting();
  bool stopping() const;

  // Shuts `socket` down when the object lives longer than `limit`.
  class Watch {
   public:
    Watch(Watchdog& dog, int socket, std::chrono::milliseconds limit);
    ~Watch();
    Watch(const Watch&) = delete;
    Watch& operator=(const Watch&) = delete;

   private:
    Watchdog& dog_;
    uint64_t id_;
  };

 private:
  struct Watched {
    int socket = -1;
    int64_t ticks_left = 0;
  };
  void Run();
  void Tick() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  mutable Mutex mu_;
  CondVar stopped_;
  bool stop_ ABSL_GUARDED_BY(mu_) = false;
  bool stopping_ ABSL_GUARDED_BY(mu_) = false;
  uint64_t last_id_ ABSL_GUARDED_BY(mu_) = 0;
  std::map<uint64_t, Watched> watched_ ABSL_GUARDED_BY(mu_);
  std::thread thread_;
};

}  // namespace holdfast::storage::postgres

#endif  // HOLDFAST_SERVER_STORAGE_POSTGRES_WATCHDOG_H_
