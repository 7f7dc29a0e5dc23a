#include "server/desk/operator_order.h"

#include "server/base/status_macros.h"
#include "server/desk/audit_line.h"
#include "server/vault/access.h"
#include "server/vault/refusal.h"

namespace holdfast::desk {
namespace {

constexpr size_t kWhatBytesMax = 512;

}  // namespace

absl::Status MayOrder(const OrderParts& parts, const Caller& caller) {
  HOLDFAST_RETURN_IF_ERROR(
      parts.desk.Read(caller, [](const vault::StateReader&, const v1::UserRow& user) {
        return vault::MayOperateCluster(user);
      }));
  if (parts.journal.failure().ok()) return absl::OkStatus();
  return vault::Refuse(vault::Refusal::kAuditUnavailable,
                       "the audit journal of this node takes no records");
}

v1::AuditRecord OrderLine(const OrderParts& parts, std::string_view operation, const Caller& caller,
                          std::string_view what) {
  const NodeFacts facts = parts.desk.Facts();
  v1::AuditRecord line =
      AuditLine(operation, ActorOf(caller), caller.credential,
                {.position = facts.position, .age_ms = facts.age ? facts.age->count() : -1});
  line.set_reason(AuditText(what, kWhatBytesMax));
  return line;
}

}  // namespace holdfast::desk
