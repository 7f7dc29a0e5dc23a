#include "server/desk/lost_desk.h"

#include <fmt/format.h>

#include <utility>

#include "server/base/status_macros.h"
#include "server/desk/audit_line.h"
#include "server/observe/log.h"
#include "server/vault/refusal.h"

namespace holdfast::desk {
namespace {

constexpr size_t kIdBytesMax = 64;

// What came from the primary, or from the quarantine, knows no refusals.
absl::Status AsRefusal(const absl::Status& status) {
  if (status.ok() || vault::RefusalOf(status)) return status;
  switch (status.code()) {
    case absl::StatusCode::kUnavailable:
    case absl::StatusCode::kResourceExhausted:
      return vault::Refuse(vault::Refusal::kNotServing, std::string(status.message()));
    case absl::StatusCode::kPermissionDenied:
      return vault::Refuse(vault::Refusal::kNotPermitted, std::string(status.message()));
    case absl::StatusCode::kUnknown:
    case absl::StatusCode::kDeadlineExceeded:
    case absl::StatusCode::kCancelled:
      return vault::Refuse(vault::Refusal::kOutcomeUnknown, std::string(status.message()));
    default:
      return vault::Refuse(vault::Refusal::kInvalidInput, std::string(status.message()));
  }
}

}  // namespace

LostDesk::LostDesk(OrderParts parts)
    : parts_(std::move(parts)),
      refusals_(parts_.journal, parts_.clock),
      thread_([this] { Run(); }) {}

LostDesk::~LostDesk() {
  {
    MutexLock lock(mu_);
    stop_ = true;
  }
  wake_.NotifyAll();
  thread_.join();
  underway_.WaitForNone();
}

absl::StatusOr<std::vector<v1::LostWriteView>> LostDesk::List(const Caller& caller) {
  HOLDFAST_RETURN_IF_ERROR(MayOrder(parts_, caller));
  return parts_.node.LostWrites();
}

void LostDesk::Apply(CallerPtr caller, std::string id, bool force, Done done) {
  Order order{.caller = std::move(caller), .operation = "lost_write.apply", .id = id};
  order.run = [this, id, force](const v1::Actor& by) {
    return parts_.node.ApplyLost(id, by, force);
  };
  order.done = std::move(done);
  Add(std::move(order));
}

void LostDesk::Drop(CallerPtr caller, std::string id, Done done) {
  Order order{.caller = std::move(caller), .operation = "lost_write.drop", .id = id};
  order.run = [this, id](const v1::Actor& by) -> absl::StatusOr<Position> {
    HOLDFAST_RETURN_IF_ERROR(parts_.node.DropLost(id, by.user_name()));
    return Position{};
  };
  order.done = std::move(done);
  Add(std::move(order));
}

// Who may not give orders takes no place among those that wait.
void LostDesk::Add(Order order) {
  if (const absl::Status may = MayOrder(parts_, *order.caller); !may.ok())
    return Refuse(order, may);
  {
    MutexLock lock(mu_);
    if (!stop_ && orders_.size() < kLostOrdersMax) {
      orders_.push_back(std::move(order));
      wake_.NotifyAll();
      return;
    }
  }
  Refuse(order, vault::Refuse(vault::Refusal::kOverloaded, "too many of such orders wait"));
}

void LostDesk::Run() {
  while (true) {
    Order order;
    bool stops = false;
    {
      MutexLock lock(mu_);
      while (orders_.empty() && !stop_) wake_.Wait(mu_);
      if (orders_.empty()) return;
      order = std::move(orders_.front());
      orders_.pop_front();
      stops = stop_;
    }
    if (stops) {
      order.done(vault::Refuse(vault::Refusal::kNotServing, "the node stops"));
    } else {
      CarryOut(order);
    }
  }
}

v1::AuditRecord LostDesk::Line(const Order& order) const {
  return OrderLine(
      parts_, order.operation, *order.caller,
      fmt::format("lost write {} of {}", order.id.substr(0, kIdBytesMax), parts_.node_id));
}

void LostDesk::Refuse(const Order& order, const absl::Status& status) {
  v1::AuditRecord line = Line(order);
  SetResult(line, status);
  refusals_.Record(line, [done = order.done, status, ticket = underway_.Begin()] { done(status); });
}

void LostDesk::CarryOut(const Order& order) {
  // Once more: the right may have gone while the order waited.
  if (const absl::Status may = MayOrder(parts_, *order.caller); !may.ok())
    return Refuse(order, may);
  absl::StatusOr<Position> result = order.run(ActorOf(*order.caller));
  if (!result.ok()) return Refuse(order, AsRefusal(result.status()));
  v1::AuditRecord line = Line(order);
  SetResult(line, absl::OkStatus());
  if (const absl::Status kept = parts_.journal.AppendAndWait(std::move(line)); !kept.ok()) {
    LogError("the audit record of an order is not durable: {}", ToText(kept));
  }
  order.done(std::move(result));
}

}  // namespace holdfast::desk
