#include "replication/node/orders.h"

#include "server/vault/refusal.h"

namespace holdfast::replication {
namespace {

vault::Refusal NameOf(PromotionRefusal refusal) {
  switch (refusal) {
    case PromotionRefusal::kPrimaryReachable:
      return vault::Refusal::kPrimaryReachable;
    case PromotionRefusal::kNotEnoughGrants:
      return vault::Refusal::kNotEnoughGrants;
    case PromotionRefusal::kOldPrimaryMayRun:
      return vault::Refusal::kOldPrimaryMayRun;
    case PromotionRefusal::kWouldLoseData:
      return vault::Refusal::kWouldLoseData;
    case PromotionRefusal::kInterrupted:
      return vault::Refusal::kRoleChangeUnderWay;
  }
  return vault::Refusal::kNotServing;
}

}  // namespace

absl::Status RefusalFor(PromotionRefusal refusal, const std::string& message) {
  return vault::Refuse(NameOf(refusal), message);
}

}  // namespace holdfast::replication
