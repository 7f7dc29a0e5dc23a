#ifndef HOLDFAST_TESTS_CLUSTER_TIMELINE_H_
#define HOLDFAST_TESTS_CLUSTER_TIMELINE_H_

#include <functional>
#include <queue>
#include <utility>
#include <vector>

#include "server/base/clock.h"
#include "tests/cluster/random.h"

namespace holdfast::sim {

// Virtual time: what is due next happens next, and between two events no time passes.
class Timeline {
 public:
  using What = std::function<void()>;
  MonoTime now() const { return now_; }
  void At(MonoTime when, What what) {
    queue_.push({std::max(when, now_), count_++, std::move(what)});
  }
  void After(Nanos delay, What what) { At(now_ + delay, std::move(what)); }
  // False: nothing is due until `end`; it is `end` then.
  bool Step(MonoTime end) {
    if (queue_.empty() || queue_.top().when > end) {
      now_ = end;
      return false;
    }
    Due due = std::move(const_cast<Due&>(queue_.top()));  // NOLINT: popped at once
    queue_.pop();
    now_ = due.when;
    due.what();
    return true;
  }

 private:
  struct Due {
    MonoTime when;
    uint64_t number;  // what was planned first comes first
    What what;
    bool operator<(const Due& other) const {
      return when != other.when ? when > other.when : number > other.number;
    }
  };
  MonoTime now_{seconds(1000)};
  uint64_t count_ = 0;
  std::priority_queue<Due> queue_;
};

}  // namespace holdfast::sim

#endif  // HOLDFAST_TESTS_CLUSTER_TIMELINE_H_
