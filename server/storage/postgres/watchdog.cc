#include "server/storage/postgres/watchdog.h"

#include <sys/socket.h>

#include <algorithm>

namespace holdfast::storage::postgres {
namespace {

constexpr std::chrono::milliseconds kTick{100};
constexpr std::chrono::milliseconds kStopWait{2000};

int64_t TicksOf(std::chrono::milliseconds limit) { return limit / kTick + 2; }

}  // namespace

Watchdog::Watchdog() {
  thread_ = std::thread([this] { Run(); });
}

Watchdog::~Watchdog() {
  {
    MutexLock lock(mu_);
    stop_ = true;
  }
  stopped_.NotifyAll();
  thread_.join();
}

void Watchdog::StopWaiting() {
  MutexLock lock(mu_);
  stopping_ = true;
  for (auto& [id, watched] : watched_) {
    // What has been cut off already is below 1.
    watched.ticks_left = std::min(watched.ticks_left, TicksOf(kStopWait));
  }
}

bool Watchdog::stopping() const {
  MutexLock lock(mu_);
  return stopping_;
}

void Watchdog::Run() {
  MutexLock lock(mu_);
  while (!stop_) {
    // A spurious wake-up only makes a limit shorter by one tick.
    stopped_.WaitFor(mu_, kTick);
    Tick();
  }
}

void Watchdog::Tick() {
  for (auto& [id, watched] : watched_) {
    if (--watched.ticks_left == 0) shutdown(watched.socket, SHUT_RDWR);
  }
}

Watchdog::Watch::Watch(Watchdog& dog, int socket, std::chrono::milliseconds limit) : dog_(dog) {
  MutexLock lock(dog_.mu_);
  id_ = ++dog_.last_id_;
  if (dog_.stopping_) limit = std::min(limit, kStopWait);
  dog_.watched_[id_] = {.socket = socket, .ticks_left = TicksOf(limit)};
}

Watchdog::Watch::~Watch() {
  MutexLock lock(dog_.mu_);
  dog_.watched_.erase(id_);
}

}  // namespace holdfast::storage::postgres
