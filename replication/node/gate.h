#ifndef HOLDFAST_REPLICATION_NODE_GATE_H_
#define HOLDFAST_REPLICATION_NODE_GATE_H_

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "server/base/clock.h"
#include "server/base/mutex.h"
#include "server/base/operation_class.h"
#include "server/base/position.h"

namespace holdfast::replication {

// What this node is at the moment, as its front ends must know it.
struct NodeView {
  std::string node_id;
  bool primary = false;               // the gate for writes is open
  Epoch epoch;                        // served in, or followed, or the last one known
  std::optional<double> age_seconds;  // 0 on the primary; nullopt: unknown
  MonoTime age_at{};                  // age_seconds was so then, and has grown since
  bool primary_up = false;            // a primary is known, and its link is alive
  std::string primary_rest_url;       // empty: unknown
  std::string primary_ssh_address;
  bool can_read = false;
  std::string why_not;  // when it cannot read
};

// The one place that refuses an operation because of the node's role. The control loop sets the
// view; everything that comes in asks.
//
// Threading   Thread-safe.
class Gate {
 public:
  void Set(NodeView view);
  // `changed` is called whenever can_read has changed, by who changed it; before the first Set.
  void WhenReadChanges(std::function<void()> changed) { read_changed_ = std::move(changed); }
  NodeView view() const;
  // OK, NOT_SERVING (cannot answer at all) or NOT_PRIMARY.
  absl::Status Admit(OperationClass op_class) const;

 private:
  std::function<void()> read_changed_;
  mutable SharedMutex mu_;
  NodeView view_ ABSL_GUARDED_BY(mu_);
};

}  // namespace holdfast::replication

#endif  // HOLDFAST_REPLICATION_NODE_GATE_H_
