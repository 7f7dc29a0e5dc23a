#include "server/vault/plan_accounts.h"

#include <utility>

#include "fmt/format.h"
#include "server/base/limits.h"
#include "server/base/status_macros.h"
#include "server/vault/refusal.h"
#include "server/vault/validate.h"

namespace holdfast::vault {
namespace {

// A secret under a key that nobody has could never be opened again.
absl::Status RequireDataKey(const StateReader& state, uint64_t organization_id,
                            const v1::SealedSecret& secret) {
  if (state.FindDataKeyOf(organization_id, secret.generation()) != nullptr) {
    return absl::OkStatus();
  }
  return Refuse(Refusal::kInvalidInput,
                fmt::format("secret: organization {} has no data key of generation {}",
                            organization_id, secret.generation()));
}

absl::Status PutAccount(const v1::AccountRow& asked, const v1::ResourceRow& resource,
                        PlanContext& context) {
  HOLDFAST_RETURN_IF_ERROR(CheckAccount(asked));
  HOLDFAST_RETURN_IF_ERROR(
      RequireDataKey(context.state(), resource.organization_id(), asked.secret()));
  if (context.state().FindAccountByName(resource.id(), asked.name()) != nullptr) {
    return Refuse(Refusal::kAlreadyExists,
                  fmt::format("account '{}' exists already in resource '{}'", Shown(asked.name()),
                              Shown(resource.name())));
  }
  v1::AccountRow account = asked;
  account.set_id(context.draft.NextId());
  account.set_organization_id(resource.organization_id());
  account.set_resource_id(resource.id());
  account.set_owner_id(0);  // That of the resource.
  account.set_created_ms(context.now_ms);
  account.set_modified_ms(0);
  account.set_secret_changed_ms(context.now_ms);
  context.planned.account_ids.push_back(account.id());
  return context.draft.Put(std::move(account));
}

}  // namespace

absl::Status PutAccounts(const std::vector<v1::AccountRow>& accounts,
                         const v1::ResourceRow& resource, PlanContext& context) {
  if (accounts.size() > limits::kAccountsPerCommandMax) {
    return Refuse(Refusal::kLimitReached,
                  fmt::format("at most {} accounts at once, {} came: add them in smaller steps",
                              limits::kAccountsPerCommandMax, accounts.size()));
  }
  for (const v1::AccountRow& account : accounts) {
    HOLDFAST_RETURN_IF_ERROR(PutAccount(account, resource, context));
  }
  return absl::OkStatus();
}

absl::Status PlanBody(const AddAccounts& body, PlanContext& context) {
  HOLDFAST_ASSIGN_OR_RETURN(const v1::ResourceRow resource,
                            context.FindResource(body.resource_id, Right::kFull));
  if (body.accounts.empty()) {
    return Refuse(Refusal::kMandatoryMissing, "at least one account is mandatory");
  }
  context.planned.id = resource.id();
  return PutAccounts(body.accounts, resource, context);
}

absl::Status PlanBody(const DeleteAccount& body, PlanContext& context) {
  HOLDFAST_ASSIGN_OR_RETURN(const v1::AccountRow account,
                            context.FindAccount(body.account_id, Right::kFull));
  const size_t shares = context.state().Count(List::kSharesOfAccount, account.id());
  if (shares + 1 > limits::kChangesPerRecordMax) {
    return Refuse(Refusal::kLimitReached,
                  fmt::format("account '{}' has {} shares, at most {} can go at once: revoke some "
                              "first",
                              Shown(account.name()), shares, limits::kChangesPerRecordMax - 1));
  }
  context.planned.id = account.resource_id();
  context.planned.account_ids.push_back(account.id());
  HOLDFAST_RETURN_IF_ERROR(
      DeleteAll(context.draft, v1::TABLE_SHARE, List::kSharesOfAccount, account.id()));
  return context.draft.Delete(v1::TABLE_ACCOUNT, account.id());
}

absl::Status PlanBody(const SetSecret& body, PlanContext& context) {
  HOLDFAST_ASSIGN_OR_RETURN(v1::AccountRow account,
                            context.FindAccount(body.account_id, Right::kModify));
  HOLDFAST_RETURN_IF_ERROR(CheckSealed("secret", body.secret));
  HOLDFAST_RETURN_IF_ERROR(RequireDataKey(context.state(), account.organization_id(), body.secret));
  *account.mutable_secret() = body.secret;
  account.set_modified_ms(context.now_ms);
  account.set_secret_changed_ms(context.now_ms);
  context.planned.id = account.resource_id();
  context.planned.account_ids.push_back(account.id());
  return context.draft.Put(std::move(account));
}

}  // namespace holdfast::vault
