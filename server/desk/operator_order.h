#ifndef HOLDFAST_SERVER_DESK_OPERATOR_ORDER_H_
#define HOLDFAST_SERVER_DESK_OPERATOR_ORDER_H_

#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "holdfast/v1/audit.pb.h"
#include "replication/node/node.h"
#include "server/audit/journal.h"
#include "server/base/clock.h"
#include "server/desk/desk.h"

// What all orders of operators to this very node have in common.
namespace holdfast::desk {

// Borrowed.
struct OrderParts {
  Desk& desk;
  replication::Node& node;
  audit::Journal& journal;
  const Clock& clock;
  std::string node_id;
};

// NOT_PERMITTED; AUDIT_UNAVAILABLE while the journal is closed: no order begins without a record.
absl::Status MayOrder(const OrderParts& parts, const Caller& caller);

// The record of an order, without its result. `what`: cut to 512 bytes.
v1::AuditRecord OrderLine(const OrderParts& parts, std::string_view operation, const Caller& caller,
                          std::string_view what);

}  // namespace holdfast::desk

#endif  // HOLDFAST_SERVER_DESK_OPERATOR_ORDER_H_
