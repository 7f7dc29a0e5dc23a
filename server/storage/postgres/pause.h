#ifndef HOLDFAST_SERVER_STORAGE_POSTGRES_PAUSE_H_
#define HOLDFAST_SERVER_STORAGE_POSTGRES_PAUSE_H_

#include <chrono>

#include "server/base/mutex.h"

namespace holdfast::storage::postgres {

// Between two attempts to reach a server that is away.
inline void Pause() {
  Mutex mu;
  CondVar nobody;
  MutexLock lock(mu);
  nobody.WaitFor(mu, std::chrono::milliseconds(50));
}

}  // namespace holdfast::storage::postgres

#endif  // HOLDFAST_SERVER_STORAGE_POSTGRES_PAUSE_H_
