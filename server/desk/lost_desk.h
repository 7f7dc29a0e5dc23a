#ifndef HOLDFAST_SERVER_DESK_LOST_DESK_H_
#define HOLDFAST_SERVER_DESK_LOST_DESK_H_

#include <deque>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/base/mutex.h"
#include "server/desk/desk.h"
#include "server/desk/operator_order.h"
#include "server/desk/refusal_recorder.h"
#include "server/desk/underway.h"

namespace holdfast::desk {

// The door to this node's quarantine, for those who may operate the cluster: list, do again, give
// up. Every order is in the audit journal, refused or not; refused ones of a kind are counted.
//
// Threading   Thread-safe. Orders are carried out one after the other, on a thread of its own: they
//             wait for the primary. Callbacks run there.
// Ownership   Borrows everything in OrderParts.
class LostDesk {
 public:
  explicit LostDesk(OrderParts parts);
  ~LostDesk();  // what was begun is ended, what waits is refused

  absl::StatusOr<std::vector<v1::LostWriteView>> List(const Caller& caller);
  using Done = std::function<void(absl::StatusOr<Position>)>;  // of a drop: no position
  void Apply(CallerPtr caller, std::string id, bool force, Done done);
  void Drop(CallerPtr caller, std::string id, Done done);
  void Flush() { refusals_.Flush(); }

 private:
  struct Order {
    CallerPtr caller;
    std::string operation;
    std::string id;
    std::function<absl::StatusOr<Position>(const v1::Actor& by)> run;
    Done done;
  };
  void Add(Order order);
  void Run();
  void CarryOut(const Order& order);
  void Refuse(const Order& order, const absl::Status& status);
  v1::AuditRecord Line(const Order& order) const;

  const OrderParts parts_;
  RefusalRecorder refusals_;
  Underway underway_;
  Mutex mu_;
  CondVar wake_;
  std::deque<Order> orders_ ABSL_GUARDED_BY(mu_);  // of who may give them
  bool stop_ ABSL_GUARDED_BY(mu_) = false;
  std::thread thread_;
};

inline constexpr size_t kLostOrdersMax = 64;  // that wait

}  // namespace holdfast::desk

#endif  // HOLDFAST_SERVER_DESK_LOST_DESK_H_
