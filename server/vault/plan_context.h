#ifndef HOLDFAST_SERVER_VAULT_PLAN_CONTEXT_H_
#define HOLDFAST_SERVER_VAULT_PLAN_CONTEXT_H_

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/vault/access.h"
#include "server/vault/plan.h"
#include "server/vault/plan_draft.h"

namespace holdfast::vault {

// What every plan of a command gets, and the questions about the caller that more than one asks.
// The node itself (caller nullptr) is permitted everything and sees everything.
struct PlanContext {
  Draft& draft;
  const v1::UserRow* caller;  // good for the whole plan; nullptr: the node itself
  int64_t now_ms;
  Planned& planned;  // ids and more; Plan fills in operation and changes
  const std::string& primary;

  const StateReader& state() const { return draft.view(); }

  absl::Status RequireNode() const;
  absl::Status RequireUserManager() const;
  absl::Status RequireOperator() const;

  // Of the caller's organization; else NO_SUCH_USER.
  absl::StatusOr<v1::UserRow> FindUser(uint64_t user_id) const;
  // NO_SUCH_... when the caller does not see it, NOT_PERMITTED when its right is less than `least`.
  absl::StatusOr<v1::ResourceRow> FindResource(uint64_t resource_id, Right least) const;
  absl::StatusOr<v1::AccountRow> FindAccount(uint64_t account_id, Right least) const;
};

// One for each command.
absl::Status PlanBody(const Bootstrap& body, PlanContext& context);
absl::Status PlanBody(const AddUser& body, PlanContext& context);
absl::Status PlanBody(const DeleteUser& body, PlanContext& context);
absl::Status PlanBody(const SetUserLocked& body, PlanContext& context);
absl::Status PlanBody(const AddSshKey& body, PlanContext& context);
absl::Status PlanBody(const RemoveSshKey& body, PlanContext& context);
absl::Status PlanBody(const IssueToken& body, PlanContext& context);
absl::Status PlanBody(const RevokeToken& body, PlanContext& context);
absl::Status PlanBody(const AddResource& body, PlanContext& context);
absl::Status PlanBody(const DeleteResource& body, PlanContext& context);
absl::Status PlanBody(const AddAccounts& body, PlanContext& context);
absl::Status PlanBody(const DeleteAccount& body, PlanContext& context);
absl::Status PlanBody(const SetSecret& body, PlanContext& context);
absl::Status PlanBody(const SetShare& body, PlanContext& context);
absl::Status PlanBody(const RevokeShare& body, PlanContext& context);
absl::Status PlanBody(const CreateInvite& body, PlanContext& context);
absl::Status PlanBody(const JoinMember& body, PlanContext& context);
absl::Status PlanBody(const ForgetMember& body, PlanContext& context);
absl::Status PlanBody(const SetSshd& body, PlanContext& context);
absl::Status PlanBody(const SetSettings& body, PlanContext& context);

// Deletes every row of a list that holds rows of `table`.
absl::Status DeleteAll(Draft& draft, v1::Table table, List list, uint64_t of);

}  // namespace holdfast::vault

#endif  // HOLDFAST_SERVER_VAULT_PLAN_CONTEXT_H_
