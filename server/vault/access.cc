#include "server/vault/access.h"

#include "fmt/format.h"
#include "server/vault/refusal.h"
#include "server/vault/shorter_list.h"
#include "server/vault/validate.h"

namespace holdfast::vault {
namespace {

Right RightOf(const v1::ShareRow* share) {
  if (share == nullptr) return Right::kNone;
  switch (share->level()) {
    case v1::SHARE_LEVEL_VIEW:
      return Right::kView;
    case v1::SHARE_LEVEL_MODIFY:
      return Right::kModify;
    case v1::SHARE_LEVEL_FULL_ACCESS:
      return Right::kFull;
    default:
      return Right::kNone;
  }
}

// Whether one of the ids in the list fits; stops at the first.
template <typename Fits>
bool AnyOf(const StateReader& state, List list, uint64_t of, Fits fits) {
  return !state.ForEachId(list, of, /*after=*/0, [&](uint64_t id) { return !fits(id); });
}

bool HasShareOfAccountIn(const StateReader& state, uint64_t user_id, uint64_t resource_id) {
  const auto fits = [&](uint64_t id) {
    const v1::ShareRow* share = state.FindShare(id);
    return share->user_id() == user_id && share->resource_id() == resource_id &&
           RightOf(share) != Right::kNone;
  };
  if (IsShorter(state, List::kSharesOfUser, user_id, List::kSharesOfResource, resource_id)) {
    return AnyOf(state, List::kSharesOfUser, user_id, fits);
  }
  return AnyOf(state, List::kSharesOfResource, resource_id, fits);
}

bool OwnsAccountIn(const StateReader& state, uint64_t user_id, uint64_t resource_id) {
  const auto fits = [&](uint64_t id) {
    const v1::AccountRow* account = state.FindAccount(id);
    return account->owner_id() == user_id && account->resource_id() == resource_id;
  };
  if (IsShorter(state, List::kAccountsOfOwner, user_id, List::kAccountsOfResource, resource_id)) {
    return AnyOf(state, List::kAccountsOfOwner, user_id, fits);
  }
  return AnyOf(state, List::kAccountsOfResource, resource_id, fits);
}

absl::Status NotPermitted(const v1::UserRow& user, std::string_view what) {
  return Refuse(Refusal::kNotPermitted, fmt::format("user '{}' may not {}", user.name(), what));
}

absl::Status NoSuchResource(uint64_t id) {
  return Refuse(Refusal::kNoSuchResource, fmt::format("no resource {}", id));
}
absl::Status NoSuchResource(std::string_view name) {
  return Refuse(Refusal::kNoSuchResource, fmt::format("no resource '{}'", Shown(name)));
}

}  // namespace

Right RightOn(const StateReader& state, const v1::UserRow& user, const v1::ResourceRow& resource) {
  if (resource.organization_id() != user.organization_id()) return Right::kNone;
  if (user.super_administrator() || resource.owner_id() == user.id()) return Right::kFull;
  return RightOf(state.FindShareOf(user.id(), resource.id(), /*account_id=*/0));
}

Right RightOn(const StateReader& state, const v1::UserRow& user, const v1::AccountRow& account) {
  if (account.organization_id() != user.organization_id()) return Right::kNone;
  if (user.super_administrator() || account.owner_id() == user.id()) return Right::kFull;
  const v1::ResourceRow* resource = state.FindResource(account.resource_id());
  if (resource == nullptr) return Right::kNone;
  if (resource->owner_id() == user.id()) return Right::kFull;
  // Also when it gives less than the share of the resource.
  const v1::ShareRow* share = state.FindShareOf(user.id(), resource->id(), account.id());
  return share != nullptr ? RightOf(share) : RightOn(state, user, *resource);
}

bool CanSee(const StateReader& state, const v1::UserRow& user, const v1::ResourceRow& resource) {
  if (resource.organization_id() != user.organization_id()) return false;
  return RightOn(state, user, resource) != Right::kNone ||
         HasShareOfAccountIn(state, user.id(), resource.id()) ||
         OwnsAccountIn(state, user.id(), resource.id());
}

absl::Status MayManageUsers(const v1::UserRow& user) {
  if (user.super_administrator() || user.role() == v1::ROLE_ADMINISTRATOR) return absl::OkStatus();
  return NotPermitted(user, "manage users: that takes an Administrator");
}

absl::Status MayAddResources(const v1::UserRow& user) {
  if (user.super_administrator() || user.role() == v1::ROLE_ADMINISTRATOR ||
      user.role() == v1::ROLE_PASSWORD_ADMINISTRATOR) {
    return absl::OkStatus();
  }
  return NotPermitted(user, "add resources: that takes an Administrator or Password Administrator");
}

absl::Status MayOperateCluster(const v1::UserRow& user) {
  if (user.operate_cluster()) return absl::OkStatus();
  return NotPermitted(user, "operate the cluster: the user lacks that privilege");
}

absl::Status MayReadAudit(const v1::UserRow& user) {
  if (user.super_administrator() || user.role() == v1::ROLE_ADMINISTRATOR) return absl::OkStatus();
  return NotPermitted(user, "read the audit: that takes an Administrator");
}

absl::StatusOr<const v1::ResourceRow*> FindVisibleResource(const StateReader& state,
                                                           const v1::UserRow& user,
                                                           uint64_t resource_id) {
  const v1::ResourceRow* resource = state.FindResource(resource_id);
  if (resource == nullptr || !CanSee(state, user, *resource)) return NoSuchResource(resource_id);
  return resource;
}

absl::StatusOr<const v1::ResourceRow*> FindVisibleResource(const StateReader& state,
                                                           const v1::UserRow& user,
                                                           std::string_view name) {
  const v1::ResourceRow* resource = state.FindResourceByName(user.organization_id(), name);
  if (resource == nullptr || !CanSee(state, user, *resource)) return NoSuchResource(name);
  return resource;
}

absl::StatusOr<const v1::AccountRow*> FindVisibleAccount(const StateReader& state,
                                                         const v1::UserRow& user,
                                                         uint64_t account_id) {
  const v1::AccountRow* account = state.FindAccount(account_id);
  if (account == nullptr || RightOn(state, user, *account) == Right::kNone) {
    return Refuse(Refusal::kNoSuchAccount, fmt::format("no account {}", account_id));
  }
  return account;
}

absl::StatusOr<const v1::AccountRow*> FindVisibleAccount(const StateReader& state,
                                                         const v1::UserRow& user,
                                                         std::string_view resource,
                                                         std::string_view account) {
  const v1::ResourceRow* of = state.FindResourceByName(user.organization_id(), resource);
  if (of == nullptr) return NoSuchResource(resource);
  const v1::AccountRow* found = state.FindAccountByName(of->id(), account);
  if (found != nullptr && RightOn(state, user, *found) != Right::kNone) return found;
  // The common case is done by now; only who sees the resource hears that its account is missing.
  if (!CanSee(state, user, *of)) return NoSuchResource(resource);
  return Refuse(Refusal::kNoSuchAccount,
                fmt::format("no account '{}' in resource '{}'", Shown(account), Shown(resource)));
}

}  // namespace holdfast::vault
