// Resources. The accounts that come with one are planned in plan_accounts.cc.
#include <utility>

#include "fmt/format.h"
#include "server/base/limits.h"
#include "server/base/status_macros.h"
#include "server/vault/plan_accounts.h"
#include "server/vault/plan_context.h"
#include "server/vault/refusal.h"
#include "server/vault/validate.h"

namespace holdfast::vault {
namespace {

// The caller; for the node itself, which owns nothing, whom the command names.
absl::StatusOr<v1::UserRow> OwnerOf(const AddResource& body, const PlanContext& context) {
  if (context.caller != nullptr) return *context.caller;
  if (body.resource.owner_id() == 0) {
    return Refuse(Refusal::kMandatoryMissing, "owner is mandatory: a node owns nothing");
  }
  return context.FindUser(body.resource.owner_id());
}

}  // namespace

absl::Status PlanBody(const AddResource& body, PlanContext& context) {
  if (context.caller != nullptr) HOLDFAST_RETURN_IF_ERROR(MayAddResources(*context.caller));
  HOLDFAST_RETURN_IF_ERROR(CheckResource(body.resource));
  HOLDFAST_ASSIGN_OR_RETURN(const v1::UserRow owner, OwnerOf(body, context));
  if (context.state().FindResourceByName(owner.organization_id(), body.resource.name()) !=
      nullptr) {
    return Refuse(Refusal::kAlreadyExists,
                  fmt::format("resource '{}' exists already", Shown(body.resource.name())));
  }
  v1::ResourceRow resource = body.resource;
  resource.set_id(context.draft.NextId());
  resource.set_organization_id(owner.organization_id());
  resource.set_owner_id(owner.id());
  resource.set_created_ms(context.now_ms);
  resource.set_modified_ms(0);
  context.planned.id = resource.id();
  HOLDFAST_RETURN_IF_ERROR(context.draft.Put(resource));
  return PutAccounts(body.accounts, resource, context);
}

absl::Status PlanBody(const DeleteResource& body, PlanContext& context) {
  HOLDFAST_ASSIGN_OR_RETURN(const v1::ResourceRow resource,
                            context.FindResource(body.resource_id, Right::kFull));
  const size_t accounts = context.state().Count(List::kAccountsOfResource, resource.id());
  const size_t shares = context.state().Count(List::kSharesOfResource, resource.id());
  if (accounts + shares + 1 > limits::kChangesPerRecordMax) {
    return Refuse(
        Refusal::kLimitReached,
        fmt::format("resource '{}' has {} accounts and {} shares, at most {} together "
                    "can go at once: delete accounts or revoke shares first",
                    Shown(resource.name()), accounts, shares, limits::kChangesPerRecordMax - 1));
  }
  context.planned.id = resource.id();
  Draft& draft = context.draft;
  // Those of its accounts are among them.
  HOLDFAST_RETURN_IF_ERROR(
      DeleteAll(draft, v1::TABLE_SHARE, List::kSharesOfResource, resource.id()));
  HOLDFAST_RETURN_IF_ERROR(
      DeleteAll(draft, v1::TABLE_ACCOUNT, List::kAccountsOfResource, resource.id()));
  return draft.Delete(v1::TABLE_RESOURCE, resource.id());
}

}  // namespace holdfast::vault
