// Users, their SSH keys and their tokens.
#include <algorithm>
#include <utility>

#include "fmt/format.h"
#include "server/base/limits.h"
#include "server/base/status_macros.h"
#include "server/vault/plan_context.h"
#include "server/vault/refusal.h"
#include "server/vault/validate.h"

namespace holdfast::vault {
namespace {

bool CanRecover(const v1::UserRow& user) {
  return user.super_administrator() && user.operate_cluster() && !user.locked();
}

// Nobody gives away what it does not have itself: whoever could make, unlock or log in as a super
// administrator would be one.
absl::Status RequireFlagsOf(const PlanContext& context, const v1::UserRow& user) {
  const v1::UserRow* caller = context.caller;
  if (caller == nullptr) return absl::OkStatus();
  const bool lacks_scope = user.super_administrator() && !caller->super_administrator();
  const bool lacks_privilege = user.operate_cluster() && !caller->operate_cluster();
  if (!lacks_scope && !lacks_privilege) return absl::OkStatus();
  return Refuse(Refusal::kNotPermitted,
                fmt::format("user '{}' may not manage '{}', who is {} and '{}' is not",
                            caller->name(), Shown(user.name()),
                            lacks_scope ? "a super administrator" : "an operator of the cluster",
                            caller->name()));
}

absl::StatusOr<v1::UserRow> FindManaged(const PlanContext& context, uint64_t user_id) {
  HOLDFAST_RETURN_IF_ERROR(context.RequireUserManager());
  HOLDFAST_ASSIGN_OR_RETURN(v1::UserRow user, context.FindUser(user_id));
  HOLDFAST_RETURN_IF_ERROR(RequireFlagsOf(context, user));
  return user;
}

// Of all who may do everything and operate the cluster, one must be left who can log in.
absl::Status RequireAnotherLike(const PlanContext& context, const v1::UserRow& user) {
  if (!CanRecover(user)) return absl::OkStatus();
  const auto& state = context.state();
  const bool none = state.ForEachId(
      List::kUsersOfOrganization, user.organization_id(), /*after=*/0,
      [&](uint64_t id) { return id == user.id() || !CanRecover(*state.FindUser(id)); });
  if (!none) return absl::OkStatus();
  return Refuse(Refusal::kNotPermitted,
                fmt::format("'{}' is the last unlocked super administrator who operates the "
                            "cluster: nobody could administer it any more",
                            user.name()));
}

absl::StatusOr<uint64_t> PutToken(PlanContext& context, uint64_t user_id, const NewToken& token) {
  HOLDFAST_RETURN_IF_ERROR(CheckToken(token, context.now_ms));
  if (context.state().FindTokenByHash(token.hash) != nullptr) {
    return Refuse(Refusal::kAlreadyExists, "this token exists already");
  }
  v1::TokenRow row;
  row.set_id(context.draft.NextId());
  row.set_user_id(user_id);
  row.set_hash(token.hash);
  row.set_created_ms(context.now_ms);
  row.set_expires_ms(token.expires_ms);
  const uint64_t id = row.id();
  HOLDFAST_RETURN_IF_ERROR(context.draft.Put(std::move(row)));
  return id;
}

absl::Status PutKey(PlanContext& context, uint64_t user_id, const NewSshKey& key) {
  HOLDFAST_RETURN_IF_ERROR(CheckSshKey(key));
  if (context.state().FindSshKeyOf(user_id, key.public_key) != nullptr) {
    return Refuse(Refusal::kAlreadyExists,
                  fmt::format("the user has the key {} already", Shown(key.fingerprint)));
  }
  if (context.state().Count(List::kKeysOfUser, user_id) >= limits::kKeysPerUserMax) {
    return Refuse(
        Refusal::kLimitReached,
        fmt::format("a user has at most {} keys: remove one first", limits::kKeysPerUserMax));
  }
  v1::SshKeyRow row;
  row.set_id(context.draft.NextId());
  row.set_user_id(user_id);
  row.set_type(key.type);
  row.set_public_key(key.public_key);
  row.set_fingerprint(key.fingerprint);
  row.set_comment(key.comment);
  row.set_created_ms(context.now_ms);
  context.planned.key_ids.push_back(row.id());
  return context.draft.Put(std::move(row));
}

absl::StatusOr<uint64_t> OrganizationOf(const PlanContext& context, const v1::UserRow& user) {
  uint64_t own =
      context.caller == nullptr ? kDefaultOrganization : context.caller->organization_id();
  const uint64_t asked = user.organization_id() == 0 ? own : user.organization_id();
  const bool seen = context.state().FindOrganization(asked) != nullptr &&
                    (context.caller == nullptr || asked == own);
  if (seen) return asked;
  return Refuse(Refusal::kNoSuchOrganization, fmt::format("no organization {}", asked));
}

absl::Status RequireOwnsNothing(const StateReader& state, const v1::UserRow& user) {
  const auto none = [](uint64_t) { return false; };
  const bool free = state.ForEachId(List::kResourcesOfOwner, user.id(), /*after=*/0, none) &&
                    state.ForEachId(List::kAccountsOfOwner, user.id(), /*after=*/0, none);
  if (free) return absl::OkStatus();
  return Refuse(Refusal::kStillOwns,
                fmt::format("user '{}' still owns {} resources and {} accounts: delete them first",
                            user.name(), state.Count(List::kResourcesOfOwner, user.id()),
                            state.Count(List::kAccountsOfOwner, user.id())));
}

}  // namespace

absl::Status PlanBody(const AddUser& body, PlanContext& context) {
  HOLDFAST_RETURN_IF_ERROR(context.RequireUserManager());
  HOLDFAST_RETURN_IF_ERROR(CheckUser(body.user));
  HOLDFAST_RETURN_IF_ERROR(RequireFlagsOf(context, body.user));
  HOLDFAST_ASSIGN_OR_RETURN(const uint64_t organization, OrganizationOf(context, body.user));
  if (context.state().FindUserByName(organization, body.user.name()) != nullptr) {
    return Refuse(Refusal::kAlreadyExists,
                  fmt::format("user '{}' exists already", Shown(body.user.name())));
  }
  v1::UserRow user = body.user;
  user.set_id(context.draft.NextId());
  user.set_organization_id(organization);
  user.set_created_ms(context.now_ms);
  const uint64_t id = context.planned.id = user.id();
  HOLDFAST_RETURN_IF_ERROR(context.draft.Put(std::move(user)));
  if (body.token.has_value()) {
    HOLDFAST_ASSIGN_OR_RETURN(context.planned.token_id, PutToken(context, id, *body.token));
  }
  for (const NewSshKey& key : body.keys) HOLDFAST_RETURN_IF_ERROR(PutKey(context, id, key));
  return absl::OkStatus();
}

absl::Status PlanBody(const DeleteUser& body, PlanContext& context) {
  HOLDFAST_ASSIGN_OR_RETURN(const v1::UserRow user, FindManaged(context, body.user_id));
  HOLDFAST_RETURN_IF_ERROR(RequireAnotherLike(context, user));
  HOLDFAST_RETURN_IF_ERROR(RequireOwnsNothing(context.state(), user));
  const size_t shares = context.state().Count(List::kSharesOfUser, user.id());
  const size_t shares_max =
      limits::kChangesPerRecordMax - limits::kKeysPerUserMax - limits::kTokensPerUserMax - 1;
  if (shares > shares_max) {
    return Refuse(Refusal::kLimitReached,
                  fmt::format("user '{}' has {} shares, at most {} can go at once: lock the user "
                              "and revoke some shares first",
                              user.name(), shares, shares_max));
  }
  context.planned.id = user.id();
  Draft& draft = context.draft;
  HOLDFAST_RETURN_IF_ERROR(DeleteAll(draft, v1::TABLE_SHARE, List::kSharesOfUser, user.id()));
  HOLDFAST_RETURN_IF_ERROR(DeleteAll(draft, v1::TABLE_TOKEN, List::kTokensOfUser, user.id()));
  HOLDFAST_RETURN_IF_ERROR(DeleteAll(draft, v1::TABLE_SSH_KEY, List::kKeysOfUser, user.id()));
  return draft.Delete(v1::TABLE_USER, user.id());
}

absl::Status PlanBody(const SetUserLocked& body, PlanContext& context) {
  HOLDFAST_ASSIGN_OR_RETURN(v1::UserRow user, FindManaged(context, body.user_id));
  if (body.locked) HOLDFAST_RETURN_IF_ERROR(RequireAnotherLike(context, user));
  context.planned.id = user.id();
  user.set_locked(body.locked);
  return context.draft.Put(std::move(user));
}

absl::Status PlanBody(const AddSshKey& body, PlanContext& context) {
  HOLDFAST_ASSIGN_OR_RETURN(const v1::UserRow user, FindManaged(context, body.user_id));
  context.planned.id = user.id();
  return PutKey(context, user.id(), body.key);
}

absl::Status PlanBody(const RemoveSshKey& body, PlanContext& context) {
  HOLDFAST_RETURN_IF_ERROR(context.RequireUserManager());
  const v1::SshKeyRow* key = context.state().FindSshKey(body.key_id);
  const absl::Status no_such = Refuse(Refusal::kNoSuchKey, fmt::format("no key {}", body.key_id));
  if (key == nullptr || !context.FindUser(key->user_id()).ok()) return no_such;
  HOLDFAST_ASSIGN_OR_RETURN(const v1::UserRow user, FindManaged(context, key->user_id()));
  context.planned.id = user.id();
  context.planned.key_ids.push_back(body.key_id);
  return context.draft.Delete(v1::TABLE_SSH_KEY, body.key_id);
}

absl::Status PlanBody(const IssueToken& body, PlanContext& context) {
  const bool own = context.caller != nullptr && context.caller->id() == body.user_id;
  HOLDFAST_ASSIGN_OR_RETURN(const v1::UserRow user, own ? context.FindUser(body.user_id)
                                                        : FindManaged(context, body.user_id));
  if (body.replace) {
    HOLDFAST_RETURN_IF_ERROR(
        DeleteAll(context.draft, v1::TABLE_TOKEN, List::kTokensOfUser, user.id()));
  }
  if (context.state().Count(List::kTokensOfUser, user.id()) >= limits::kTokensPerUserMax) {
    return Refuse(
        Refusal::kLimitReached,
        fmt::format("a user has at most {} tokens: revoke one first", limits::kTokensPerUserMax));
  }
  context.planned.id = user.id();
  HOLDFAST_ASSIGN_OR_RETURN(context.planned.token_id, PutToken(context, user.id(), body.token));
  return absl::OkStatus();
}

absl::Status PlanBody(const RevokeToken& body, PlanContext& context) {
  const v1::TokenRow* token = context.state().FindToken(body.token_id);
  const bool own =
      token != nullptr && context.caller != nullptr && context.caller->id() == token->user_id();
  // Who manages no users is not told whether there is such a token of somebody else.
  const bool may = own || (token != nullptr && context.RequireUserManager().ok() &&
                           context.FindUser(token->user_id()).ok());
  if (!may) return Refuse(Refusal::kNoSuchToken, fmt::format("no token {}", body.token_id));
  context.planned.id = token->user_id();
  context.planned.token_id = body.token_id;
  if (!own) HOLDFAST_RETURN_IF_ERROR(FindManaged(context, token->user_id()).status());
  return context.draft.Delete(v1::TABLE_TOKEN, body.token_id);
}

}  // namespace holdfast::vault
