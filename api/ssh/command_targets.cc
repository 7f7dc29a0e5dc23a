#include "api/ssh/command_targets.h"

#include "server/base/status_macros.h"
#include "server/desk/password_policy.h"
#include "server/vault/access.h"
#include "server/vault/listing.h"
#include "server/vault/refusal.h"

namespace holdfast::ssh {
namespace {

using vault::Refusal;

absl::StatusOr<const v1::AccountRow*> FindOnly(const vault::StateReader& state,
                                               const v1::UserRow& user,
                                               const std::string& resource_name) {
  HOLDFAST_ASSIGN_OR_RETURN(const v1::ResourceRow* const resource,
                            vault::FindVisibleResource(state, user, resource_name));
  const vault::Listed<v1::AccountRow> seen =
      vault::ListAccounts(state, user, *resource, {.offset = 0, .limit = 2});
  if (seen.rows.size() != 1) {
    return vault::Refuse(Refusal::kNoSuchAccount, "no account named, and not exactly one is there");
  }
  return seen.rows.front();
}

std::string PolicyOf(const vault::StateReader& state, const v1::AccountRow& account) {
  if (!account.password_policy().empty()) return account.password_policy();
  const v1::ResourceRow* const resource = state.FindResource(account.resource_id());
  return resource == nullptr ? "" : resource->password_policy();
}

}  // namespace

absl::StatusOr<AccountTarget> FindAccount(desk::Desk& desk, const desk::Caller& caller,
                                          const std::string& resource, const std::string& account) {
  AccountTarget target;
  HOLDFAST_RETURN_IF_ERROR(
      desk.Read(caller, [&](const vault::StateReader& state, const v1::UserRow& user) {
        const absl::StatusOr<const v1::AccountRow*> found =
            account.empty() ? FindOnly(state, user, resource)
                            : vault::FindVisibleAccount(state, user, resource, account);
        if (!found.ok()) return found.status();
        target = {.account_id = (*found)->id(),
                  .organization_id = (*found)->organization_id(),
                  .policy = PolicyOf(state, **found)};
        return absl::OkStatus();
      }));
  return target;
}

absl::StatusOr<uint64_t> OnlyAccount(desk::Desk& desk, const desk::Caller& caller,
                                     const std::string& resource) {
  HOLDFAST_ASSIGN_OR_RETURN(const AccountTarget target, FindAccount(desk, caller, resource, ""));
  return target.account_id;
}

absl::StatusOr<ResourceTarget> FindResource(desk::Desk& desk, const desk::Caller& caller,
                                            const std::string& resource) {
  ResourceTarget target;
  HOLDFAST_RETURN_IF_ERROR(
      desk.Read(caller, [&](const vault::StateReader& state, const v1::UserRow& user) {
        target.organization_id = user.organization_id();
        const auto found = vault::FindVisibleResource(state, user, resource);
        if (found.ok()) {
          target.resource_id = (*found)->id();
          target.policy = (*found)->password_policy();
        } else if (vault::RefusalOf(found.status()) != Refusal::kNoSuchResource) {
          return found.status();
        }
        return absl::OkStatus();
      }));
  return target;
}

absl::Status CheckPolicy(const std::string& policy, const SecretBytes& password) {
  const absl::Status checked = desk::CheckPassword(policy, password);
  if (checked.ok()) return checked;
  return vault::Refuse(Refusal::kPolicyViolation, std::string(checked.message()) + ".");
}

}  // namespace holdfast::ssh
