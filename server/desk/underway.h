#ifndef HOLDFAST_SERVER_DESK_UNDERWAY_H_
#define HOLDFAST_SERVER_DESK_UNDERWAY_H_

#include <cstddef>
#include <memory>

#include "server/base/mutex.h"

namespace holdfast::desk {

// Counts what others still hold a callback of ours for, so that we stay until the last has come.
//
// Threading   Thread-safe.
class Underway {
 public:
  // Ends with its last copy: std::function wants to copy what it captures.
  using Ticket = std::shared_ptr<void>;
  Ticket Begin();
  void WaitForNone();

 private:
  Mutex mu_;
  CondVar none_;
  size_t count_ ABSL_GUARDED_BY(mu_) = 0;
};

}  // namespace holdfast::desk

#endif  // HOLDFAST_SERVER_DESK_UNDERWAY_H_
