#ifndef HOLDFAST_SERVER_BASE_HAND_OFF_H_
#define HOLDFAST_SERVER_BASE_HAND_OFF_H_

#include <cstddef>
#include <deque>
#include <optional>
#include <utility>

#include "server/base/mutex.h"

namespace holdfast {

// A bounded queue from one thread that makes things to one that takes them.
//
// Threading   Push and End by the one, Pop and Close by the other.
template <typename T>
class HandOff {
 public:
  explicit HandOff(size_t max) : max_(max) {}

  // Waits for room. False: nothing is taken any more.
  bool Push(T item) {
    MutexLock lock(mu_);
    while (items_.size() >= max_ && !closed_) moved_.Wait(mu_);
    if (closed_) return false;
    items_.push_back(std::move(item));
    moved_.NotifyAll();
    return true;
  }
  // Waits. nullopt: that was the last one.
  std::optional<T> Pop() {
    MutexLock lock(mu_);
    while (items_.empty() && !ended_) moved_.Wait(mu_);
    if (items_.empty()) return std::nullopt;
    T item = std::move(items_.front());
    items_.pop_front();
    moved_.NotifyAll();
    return item;
  }
  void End() {
    MutexLock lock(mu_);
    ended_ = true;
    moved_.NotifyAll();
  }
  void Close() {
    MutexLock lock(mu_);
    closed_ = true;
    moved_.NotifyAll();
  }

 private:
  const size_t max_;
  Mutex mu_;
  CondVar moved_;
  std::deque<T> items_ ABSL_GUARDED_BY(mu_);
  bool ended_ ABSL_GUARDED_BY(mu_) = false;
  bool closed_ ABSL_GUARDED_BY(mu_) = false;
};

}  // namespace holdfast

#endif  // HOLDFAST_SERVER_BASE_HAND_OFF_H_
