#include "replication/node/gate.h"

#include <fmt/format.h>

#include <string>
#include <utility>

#include "server/vault/refusal.h"

namespace holdfast::replication {
namespace {

std::string WhereThePrimaryIs(const NodeView& view) {
  if (view.primary_rest_url.empty()) return "primary: unknown";
  if (view.primary_up) return "primary: " + view.primary_rest_url;
  return fmt::format("the last known primary, {}, does not answer", view.primary_rest_url);
}

}  // namespace

void Gate::Set(NodeView view) {
  bool changed = false;
  {
    WriterLock lock(mu_);
    changed = view_.can_read != view.can_read;
    view_ = std::move(view);
  }
  if (changed && read_changed_) read_changed_();
}

NodeView Gate::view() const {
  ReaderLock lock(mu_);
  return view_;
}

absl::Status Gate::Admit(OperationClass op_class) const {
  ReaderLock lock(mu_);
  if (op_class == OperationClass::kNode) return absl::OkStatus();
  if (!view_.can_read) {
    return vault::Refuse(vault::Refusal::kNotServing,
                         fmt::format("this node cannot answer: {}", view_.why_not));
  }
  if (op_class == OperationClass::kPrimaryOnly && !view_.primary) {
    return vault::Refuse(vault::Refusal::kNotPrimary,
                         fmt::format("write operations are not permitted on a secondary; {}",
                                     WhereThePrimaryIs(view_)));
  }
  return absl::OkStatus();
}

}  // namespace holdfast::replication
