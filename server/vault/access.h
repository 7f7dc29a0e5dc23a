#ifndef HOLDFAST_SERVER_VAULT_ACCESS_H_
#define HOLDFAST_SERVER_VAULT_ACCESS_H_

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/vault/state_reader.h"

// Who may do what: pam360-api.md sections 8.2 and 8.3. The owner and whoever sees everything (super
// administrator) have full access; else the share of the account, and without one the share of the
// resource. Pure.
namespace holdfast::vault {

enum class Right { kNone, kView, kModify, kFull };  // each includes those before it

Right RightOn(const StateReader& state, const v1::UserRow& user, const v1::AccountRow& account);
Right RightOn(const StateReader& state, const v1::UserRow& user, const v1::ResourceRow& resource);
// Also when only some account of it is shared with the user.
bool CanSee(const StateReader& state, const v1::UserRow& user, const v1::ResourceRow& resource);

// OK or NOT_PERMITTED.
absl::Status MayManageUsers(const v1::UserRow& user);
absl::Status MayAddResources(const v1::UserRow& user);
absl::Status MayOperateCluster(const v1::UserRow& user);
absl::Status MayReadAudit(const v1::UserRow& user);

// What the caller sees; NO_SUCH_... for what is not there and for what it may not see.
absl::StatusOr<const v1::ResourceRow*> FindVisibleResource(const StateReader& state,
                                                           const v1::UserRow& user,
                                                           uint64_t resource_id);
absl::StatusOr<const v1::ResourceRow*> FindVisibleResource(const StateReader& state,
                                                           const v1::UserRow& user,
                                                           std::string_view name);
absl::StatusOr<const v1::AccountRow*> FindVisibleAccount(const StateReader& state,
                                                         const v1::UserRow& user,
                                                         uint64_t account_id);
absl::StatusOr<const v1::AccountRow*> FindVisibleAccount(const StateReader& state,
                                                         const v1::UserRow& user,
                                                         std::string_view resource,
                                                         std::string_view account);

}  // namespace holdfast::vault

#endif  // HOLDFAST_SERVER_VAULT_ACCESS_H_
