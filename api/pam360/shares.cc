#include <string>
#include <utility>

#include "api/pam360/endpoints.h"
#include "api/pam360/lookup.h"
#include "api/pam360/texts.h"
#include "server/base/status_macros.h"
#include "server/vault/access.h"
#include "server/vault/refusal.h"

namespace holdfast::pam360 {
namespace {

struct ShareInput {
  uint64_t user_id = 0;
  uint64_t resource_id = 0;
  uint64_t account_id = 0;                             // 0: the resource itself
  v1::ShareLevel level = v1::SHARE_LEVEL_UNSPECIFIED;  // unspecified: revoke
};

absl::StatusOr<ShareInput> ReadShare(const Call& call) {
  const Parameters parameters = call.parameters();
  ShareInput input;
  HOLDFAST_ASSIGN_OR_RETURN(input.resource_id, call.ResourceId());
  HOLDFAST_ASSIGN_OR_RETURN(const std::string access, parameters.Needed("ACCESSTYPE"));
  const std::optional<v1::ShareLevel> level = ParseAccessType(access);
  if (!level.has_value()) {
    return absl::InvalidArgumentError(
        "parameter ACCESSTYPE: expected view, modify, fullaccess or revoke");
  }
  input.level = *level;
  HOLDFAST_ASSIGN_OR_RETURN(const std::optional<uint64_t> user_id, parameters.Number("USERID"));
  if (!user_id.has_value()) {
    if (parameters.Has("USERGROUPID")) {
      return absl::InvalidArgumentError("No such user group found.");
    }
    return MandatoryMissing("USERID");
  }
  input.user_id = *user_id;
  return input;
}

// The share that is to end. Whether there is one is told only to those who may end it.
absl::StatusOr<uint64_t> FindShare(const vault::StateReader& state, const v1::UserRow& user,
                                   const ShareInput& input) {
  vault::Right right = vault::Right::kNone;
  if (input.account_id != 0) {
    HOLDFAST_ASSIGN_OR_RETURN(const v1::AccountRow* account,
                              FindAccountIn(state, user, input.resource_id, input.account_id));
    right = vault::RightOn(state, user, *account);
  } else {
    HOLDFAST_ASSIGN_OR_RETURN(const v1::ResourceRow* resource,
                              vault::FindVisibleResource(state, user, input.resource_id));
    right = vault::RightOn(state, user, *resource);
  }
  if (right != vault::Right::kFull) {
    return vault::Refuse(vault::Refusal::kNotPermitted, "no right to share it");
  }
  const v1::ShareRow* share = state.FindShareOf(input.user_id, input.resource_id, input.account_id);
  if (share == nullptr) return vault::Refuse(vault::Refusal::kNoSuchShare, "not shared with it");
  return share->id();
}

// The account of the path is one of the resource of the path, which the vault does not ask.
absl::Status CheckAccount(const Call& call, const ShareInput& input) {
  if (input.account_id == 0) return absl::OkStatus();
  return call.desk.Read(
      *call.caller, [&](const vault::StateReader& state, const v1::UserRow& user) {
        return FindAccountIn(state, user, input.resource_id, input.account_id).status();
      });
}

absl::StatusOr<vault::CommandBody> CommandOf(const Call& call, const ShareInput& input) {
  if (input.level != v1::SHARE_LEVEL_UNSPECIFIED) {
    HOLDFAST_RETURN_IF_ERROR(CheckAccount(call, input));
    return vault::SetShare{.user_id = input.user_id,
                           .resource_id = input.resource_id,
                           .account_id = input.account_id,
                           .level = input.level};
  }
  vault::RevokeShare revoke;
  HOLDFAST_RETURN_IF_ERROR(call.desk.Read(
      *call.caller, [&](const vault::StateReader& state, const v1::UserRow& user) -> absl::Status {
        HOLDFAST_ASSIGN_OR_RETURN(revoke.share_id, FindShare(state, user, input));
        return absl::OkStatus();
      }));
  return revoke;
}

void Share(const CallPtr& call, const absl::StatusOr<ShareInput>& input,
           std::string_view shared_text) {
  if (!input.ok()) return call->Finish(input.status());
  absl::StatusOr<vault::CommandBody> command = CommandOf(*call, *input);
  if (!command.ok()) return call->Finish(command.status());
  const bool revoke = input->level == v1::SHARE_LEVEL_UNSPECIFIED;
  const std::string_view text = revoke ? "Share revoked successfully" : shared_text;
  Submit(call, {.body = *std::move(command),
                .render = [call, text](const vault::Planned&) { return call->Success(text); }});
}

}  // namespace

void ShareResource(const CallPtr& call) {
  Share(call, ReadShare(*call), "Resource shared successfully");
}

void ShareAccount(const CallPtr& call) {
  absl::StatusOr<ShareInput> input = ReadShare(*call);
  if (input.ok()) {
    const absl::StatusOr<uint64_t> account_id = call->AccountId();
    if (!account_id.ok()) return call->Finish(account_id.status());
    input->account_id = *account_id;
  }
  Share(call, input, "Account shared successfully");
}

}  // namespace holdfast::pam360
