#include "server/vault/plan.h"

#include <optional>
#include <utility>

#include "fmt/format.h"
#include "server/base/status_macros.h"
#include "server/vault/plan_context.h"
#include "server/vault/plan_request_key.h"
#include "server/vault/refusal.h"

namespace holdfast::vault {
namespace {

std::string_view NameOf(const Bootstrap&) { return "cluster.bootstrap"; }
std::string_view NameOf(const AddUser&) { return "user.add"; }
std::string_view NameOf(const DeleteUser&) { return "user.delete"; }
std::string_view NameOf(const SetUserLocked& body) {
  return body.locked ? "user.lock" : "user.unlock";
}
std::string_view NameOf(const AddSshKey&) { return "key.add"; }
std::string_view NameOf(const RemoveSshKey&) { return "key.remove"; }
std::string_view NameOf(const IssueToken&) { return "token.issue"; }
std::string_view NameOf(const RevokeToken&) { return "token.revoke"; }
std::string_view NameOf(const AddResource&) { return "resource.add"; }
std::string_view NameOf(const DeleteResource&) { return "resource.delete"; }
std::string_view NameOf(const AddAccounts&) { return "account.add"; }
std::string_view NameOf(const DeleteAccount&) { return "account.delete"; }
std::string_view NameOf(const SetSecret&) { return "account.set_secret"; }
std::string_view NameOf(const SetShare&) { return "share.set"; }
std::string_view NameOf(const RevokeShare&) { return "share.revoke"; }
std::string_view NameOf(const CreateInvite&) { return "invite.create"; }
std::string_view NameOf(const JoinMember&) { return "member.join"; }
std::string_view NameOf(const ForgetMember&) { return "member.forget"; }
std::string_view NameOf(const SetSshd&) { return "sshd.set"; }
std::string_view NameOf(const SetSettings&) { return "settings.set"; }

absl::Status NotPermitted(const v1::UserRow& caller, std::string_view what) {
  return Refuse(Refusal::kNotPermitted, fmt::format("user '{}' may not {}", caller.name(), what));
}

absl::Status LessThan(const v1::UserRow& caller, Right least, const std::string& what) {
  const std::string_view need = least == Right::kFull     ? "ownership or full access"
                                : least == Right::kModify ? "modify access"
                                                          : "view access";
  return NotPermitted(caller, fmt::format("do this to {}: it takes {}", what, need));
}

// nullptr: the node itself.
absl::StatusOr<const v1::UserRow*> CallerOf(const StateReader& state, const v1::Actor& actor) {
  if (actor.user_id() == 0) return nullptr;
  const v1::UserRow* caller = state.FindUser(actor.user_id());
  if (caller == nullptr) {
    return Refuse(Refusal::kAuthFailed, fmt::format("user {} is no longer there", actor.user_id()));
  }
  if (caller->locked()) {
    return Refuse(Refusal::kUserLocked, fmt::format("user '{}' is locked", caller->name()));
  }
  if (state.FindOrganization(caller->organization_id()) == nullptr) {
    return Refuse(Refusal::kNoSuchOrganization,
                  fmt::format("no organization {}", caller->organization_id()));
  }
  return caller;
}

absl::Status PlanOver(const Command& command, const v1::UserRow* caller, Draft& draft,
                      Planned& planned) {
  PlanContext context{.draft = draft,
                      .caller = caller,
                      .now_ms = command.now_ms,
                      .planned = planned,
                      .primary = command.primary};
  return std::visit([&](const auto& body) { return PlanBody(body, context); }, command.body);
}

absl::Status RefusalAnew(const StateReader& state, const Command& command,
                         const v1::UserRow* caller) {
  Draft draft(state);
  Planned planned;
  return PlanOver(command, caller, draft, planned);
}

// What was planned before is told to those only who could ask for it today: a refusal that the node
// itself would not get is one for want of a right. Any other is the request's own doing: it was
// done.
absl::Status MayHearAgain(const StateReader& state, const Command& command,
                          const v1::UserRow* caller) {
  const absl::Status anew = RefusalAnew(state, command, caller);
  if (!absl::IsPermissionDenied(anew) && !absl::IsNotFound(anew)) return absl::OkStatus();
  if (RefusalAnew(state, command, nullptr).code() == anew.code()) return absl::OkStatus();
  return anew;
}

}  // namespace

std::string_view OperationName(const CommandBody& body) {
  return std::visit([](const auto& one) { return NameOf(one); }, body);
}

absl::StatusOr<Planned> Plan(const StateReader& state, const Command& command) {
  HOLDFAST_ASSIGN_OR_RETURN(const v1::UserRow* caller, CallerOf(state, command.actor));
  if (command.request_key.has_value()) {
    HOLDFAST_ASSIGN_OR_RETURN(std::optional<Planned> before, PlannedBefore(state, command));
    if (before.has_value()) {
      HOLDFAST_RETURN_IF_ERROR(MayHearAgain(state, command, caller));
      return *std::move(before);
    }
  }
  Draft draft(state);
  Planned planned;
  HOLDFAST_RETURN_IF_ERROR(PlanOver(command, caller, draft, planned));
  planned.operation = OperationName(command.body);
  if (command.request_key.has_value()) {
    HOLDFAST_RETURN_IF_ERROR(PutRequestKey(command, planned, draft));
  }
  HOLDFAST_ASSIGN_OR_RETURN(planned.changes, std::move(draft).Finish());
  return planned;
}

absl::Status PlanContext::RequireNode() const {
  return caller == nullptr ? absl::OkStatus() : NotPermitted(*caller, "do what a node does");
}

absl::Status PlanContext::RequireUserManager() const {
  return caller == nullptr ? absl::OkStatus() : MayManageUsers(*caller);
}

absl::Status PlanContext::RequireOperator() const {
  return caller == nullptr ? absl::OkStatus() : MayOperateCluster(*caller);
}

absl::StatusOr<v1::UserRow> PlanContext::FindUser(uint64_t user_id) const {
  const v1::UserRow* user = state().FindUser(user_id);
  const bool seen = user != nullptr &&
                    (caller == nullptr || caller->organization_id() == user->organization_id());
  if (!seen) return Refuse(Refusal::kNoSuchUser, fmt::format("no user {}", user_id));
  return *user;
}

absl::StatusOr<v1::ResourceRow> PlanContext::FindResource(uint64_t resource_id, Right least) const {
  if (caller == nullptr) {
    const v1::ResourceRow* resource = state().FindResource(resource_id);
    if (resource != nullptr) return *resource;
    return Refuse(Refusal::kNoSuchResource, fmt::format("no resource {}", resource_id));
  }
  HOLDFAST_ASSIGN_OR_RETURN(const v1::ResourceRow* resource,
                            FindVisibleResource(state(), *caller, resource_id));
  if (RightOn(state(), *caller, *resource) < least) {
    return LessThan(*caller, least, fmt::format("resource {}", resource_id));
  }
  return *resource;
}

absl::StatusOr<v1::AccountRow> PlanContext::FindAccount(uint64_t account_id, Right least) const {
  if (caller == nullptr) {
    const v1::AccountRow* account = state().FindAccount(account_id);
    if (account != nullptr) return *account;
    return Refuse(Refusal::kNoSuchAccount, fmt::format("no account {}", account_id));
  }
  HOLDFAST_ASSIGN_OR_RETURN(const v1::AccountRow* account,
                            FindVisibleAccount(state(), *caller, account_id));
  if (RightOn(state(), *caller, *account) < least) {
    return LessThan(*caller, least, fmt::format("account {}", account_id));
  }
  return *account;
}

absl::Status DeleteAll(Draft& draft, v1::Table table, List list, uint64_t of) {
  std::vector<uint64_t> ids;
  draft.view().ForEachId(list, of, /*after=*/0, [&](uint64_t id) {
    ids.push_back(id);
    return true;
  });
  for (const uint64_t id : ids) HOLDFAST_RETURN_IF_ERROR(draft.Delete(table, id));
  return absl::OkStatus();
}

}  // namespace holdfast::vault
