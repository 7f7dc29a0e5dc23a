// Sharing resources and accounts with users.
#include <utility>

#include "fmt/format.h"
#include "server/base/status_macros.h"
#include "server/vault/plan_context.h"
#include "server/vault/refusal.h"

namespace holdfast::vault {
namespace {

struct Target {
  uint64_t organization_id = 0;
  uint64_t resource_id = 0;
  uint64_t account_id = 0;  // 0: the whole resource
  bool owned_by_user = false;
};

// What is to be shared with the user, by a caller who may share it.
absl::StatusOr<Target> FindTarget(const SetShare& body, const PlanContext& context) {
  if (body.account_id == 0) {
    if (body.resource_id == 0) {
      return Refuse(Refusal::kMandatoryMissing, "a resource or an account is mandatory");
    }
    HOLDFAST_ASSIGN_OR_RETURN(const v1::ResourceRow resource,
                              context.FindResource(body.resource_id, Right::kFull));
    return Target{resource.organization_id(), resource.id(), 0,
                  resource.owner_id() == body.user_id};
  }
  HOLDFAST_ASSIGN_OR_RETURN(const v1::AccountRow account,
                            context.FindAccount(body.account_id, Right::kFull));
  if (body.resource_id != 0 && body.resource_id != account.resource_id()) {
    return Refuse(Refusal::kNoSuchAccount,
                  fmt::format("no account {} in resource {}", body.account_id, body.resource_id));
  }
  const v1::ResourceRow* resource = context.state().FindResource(account.resource_id());
  const bool owned = account.owner_id() == body.user_id ||
                     (resource != nullptr && resource->owner_id() == body.user_id);
  return Target{account.organization_id(), account.resource_id(), account.id(), owned};
}

}  // namespace

absl::Status PlanBody(const SetShare& body, PlanContext& context) {
  HOLDFAST_ASSIGN_OR_RETURN(const Target target, FindTarget(body, context));
  HOLDFAST_ASSIGN_OR_RETURN(const v1::UserRow user, context.FindUser(body.user_id));
  if (user.organization_id() != target.organization_id) {
    return Refuse(Refusal::kNoSuchUser, fmt::format("no user {}", body.user_id));
  }
  if (body.level == v1::SHARE_LEVEL_UNSPECIFIED) {
    return Refuse(Refusal::kMandatoryMissing, "share level is mandatory");
  }
  if (!v1::ShareLevel_IsValid(body.level)) {
    return Refuse(Refusal::kInvalidInput, "share level is not one that is known");
  }
  if (target.owned_by_user) {
    return Refuse(Refusal::kInvalidInput,
                  fmt::format("user '{}' owns it and needs no share", user.name()));
  }
  const v1::ShareRow* old =
      context.state().FindShareOf(user.id(), target.resource_id, target.account_id);
  v1::ShareRow share = old != nullptr ? *old : v1::ShareRow();
  if (old == nullptr) {
    share.set_id(context.draft.NextId());
    share.set_user_id(user.id());
    share.set_resource_id(target.resource_id);
    share.set_account_id(target.account_id);
    share.set_created_ms(context.now_ms);
  }
  share.set_level(body.level);
  context.planned.id = share.id();
  return context.draft.Put(std::move(share));
}

absl::Status PlanBody(const RevokeShare& body, PlanContext& context) {
  const absl::Status no_such =
      Refuse(Refusal::kNoSuchShare, fmt::format("no share {}", body.share_id));
  const v1::ShareRow* share = context.state().FindShare(body.share_id);
  if (share == nullptr) return no_such;
  const absl::Status may = share->account_id() != 0
                               ? context.FindAccount(share->account_id(), Right::kFull).status()
                               : context.FindResource(share->resource_id(), Right::kFull).status();
  if (!may.ok()) {
    // A user knows the shares given to it. It may not end them: without its share of an account, a
    // higher one of the resource would count.
    const bool given_to_caller =
        context.caller != nullptr && share->user_id() == context.caller->id();
    return given_to_caller ? may : no_such;
  }
  context.planned.id = share->id();
  if (share->account_id() != 0) context.planned.account_ids.push_back(share->account_id());
  return context.draft.Delete(v1::TABLE_SHARE, body.share_id);
}

}  // namespace holdfast::vault
