#ifndef HOLDFAST_SERVER_DESK_ORDER_DESK_H_
#define HOLDFAST_SERVER_DESK_ORDER_DESK_H_

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "replication/node/orders.h"
#include "server/base/clock.h"
#include "server/base/mutex.h"
#include "server/desk/desk.h"
#include "server/desk/operator_order.h"
#include "server/desk/refusal_recorder.h"
#include "server/desk/underway.h"

namespace holdfast::desk {

struct DenyAsk {  // one of these
  std::string user_name;
  std::string key_fingerprint;
};

// What operators order this node itself: become primary, hand over, refuse somebody here.
//
// Promises    Only who may operate the cluster; each order, refused or not, has its audit record,
//             durable before it is answered. None begins while the journal is closed.
// Threading   Thread-safe. `done` is called once, on a thread of the node or of the journal.
// Ownership   Borrows everything; ends after the callbacks that the others still hold.
class OrderDesk {
 public:
  // `denied`: somebody may have to go, look at the sessions.
  explicit OrderDesk(OrderParts parts, std::function<void()> denied = nullptr);
  ~OrderDesk();

  // `node_id`: whom the order is for; another node than this one is NO_SUCH_MEMBER.
  void Promote(CallerPtr caller, const std::string& node_id, replication::PromoteOrder order,
               replication::PromoteDone done);
  void Switchover(CallerPtr caller, const std::string& to, replication::SwitchoverDone done);
  // From its return on this node refuses them. NO_SUCH_USER, NO_SUCH_KEY: this node knows nobody
  // like that, so nobody could come.
  void Deny(CallerPtr caller, DenyAsk ask, std::function<void(absl::Status)> done);
  absl::StatusOr<std::vector<v1::Denial>> Denials(const Caller& caller);

  // On the primary: makes row changes of what was denied somewhere, by the node itself, once each.
  // To be called now and then; does nothing elsewhere.
  void CarryOutDenials();
  void Flush() { refusals_.Flush(); }

 private:
  // The record, then `answer`.
  void Record(v1::AuditRecord line, const absl::Status& outcome,
              std::function<void(absl::Status)> answer);
  void ForgetCarried(const std::vector<v1::NodeReport>& reports);
  absl::Status AddDenial(const Caller& caller, const DenyAsk& ask);

  const OrderParts parts_;
  const std::function<void()> denied_;
  RefusalRecorder refusals_;
  Underway underway_;
  Mutex mu_;
  std::map<std::string, MonoTime> carried_ ABSL_GUARDED_BY(mu_);  // by denial: when last tried
};

}  // namespace holdfast::desk

#endif  // HOLDFAST_SERVER_DESK_ORDER_DESK_H_
