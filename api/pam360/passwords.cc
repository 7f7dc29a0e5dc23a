#include <boost/json/object.hpp>
#include <functional>
#include <string>
#include <utility>

#include "api/http/json.h"
#include "api/pam360/details.h"
#include "api/pam360/endpoints.h"
#include "api/pam360/envelope.h"
#include "api/pam360/lookup.h"
#include "api/pam360/texts.h"
#include "server/base/status_macros.h"
#include "server/desk/password_policy.h"
#include "server/vault/access.h"
#include "server/vault/refusal.h"

namespace holdfast::pam360 {
namespace {

namespace json = boost::json;

constexpr std::string_view kNotText = "The password is not text and cannot be given in this form.";

absl::StatusOr<desk::RetrieveAsk> AskOf(const Call& call, absl::StatusOr<uint64_t> resource_id,
                                        absl::StatusOr<uint64_t> account_id) {
  desk::RetrieveAsk ask;
  HOLDFAST_ASSIGN_OR_RETURN(ask.resource_id, std::move(resource_id));
  HOLDFAST_ASSIGN_OR_RETURN(ask.account_id, std::move(account_id));
  HOLDFAST_ASSIGN_OR_RETURN(ask.reason, call.parameters().Text("REASON"));
  HOLDFAST_ASSIGN_OR_RETURN(ask.ticket, call.parameters().Text("TICKETID"));
  return ask;
}

void Retrieve(const CallPtr& call, absl::StatusOr<desk::RetrieveAsk> ask,
              std::function<absl::StatusOr<Answer>(absl::StatusOr<desk::Retrieved>)> render) {
  if (!ask.ok()) return call->Finish(ask.status());
  call->desk.Retrieve(
      call->caller, *std::move(ask),
      [call, render = std::move(render)](absl::StatusOr<desk::Retrieved> retrieved) {
        call->Finish(render(std::move(retrieved)));
      });
}

Answer RenderPassword(const Call& call, const desk::Retrieved& retrieved) {
  json::object details = WipedObject();
  if (!PutSecret(details, "PASSWORD", retrieved.secret)) {
    return Failed(call.endpoint.name, kNotText);
  }
  Answer answer = call.Success("Password fetched successfully", std::move(details));
  answer.secret = true;
  return answer;
}

// What of an account a change of its password needs to know.
struct Target {
  uint64_t account_id = 0;
  uint64_t organization_id = 0;
  std::string policy;
};

absl::StatusOr<Target> FindTarget(const Call& call) {
  Target target;
  HOLDFAST_ASSIGN_OR_RETURN(const uint64_t resource_id, call.ResourceId());
  HOLDFAST_ASSIGN_OR_RETURN(target.account_id, call.AccountId());
  HOLDFAST_RETURN_IF_ERROR(call.desk.Read(
      *call.caller, [&](const vault::StateReader& state, const v1::UserRow& user) -> absl::Status {
        HOLDFAST_ASSIGN_OR_RETURN(const v1::AccountRow* account,
                                  FindAccountIn(state, user, resource_id, target.account_id));
        target.organization_id = account->organization_id();
        target.policy = account->password_policy();
        if (target.policy.empty()) {
          target.policy = state.FindResource(account->resource_id())->password_policy();
        }
        return absl::OkStatus();
      }));
  return target;
}

absl::Status CheckResetType(const Parameters& parameters) {
  HOLDFAST_ASSIGN_OR_RETURN(const std::string type, parameters.Text("RESETTYPE"));
  if (type.empty() || http::EqualsIgnoringCase(type, "LOCAL")) return absl::OkStatus();
  if (http::EqualsIgnoringCase(type, "REMOTE")) {
    return vault::Refuse(vault::Refusal::kRemoteResetNotConfigured, "no remote reset here");
  }
  return absl::InvalidArgumentError("parameter RESETTYPE: expected LOCAL or REMOTE");
}

absl::StatusOr<vault::SetSecret> ReadChange(const Call& call) {
  const Parameters parameters = call.parameters();
  HOLDFAST_ASSIGN_OR_RETURN(const Target target, FindTarget(call));
  HOLDFAST_RETURN_IF_ERROR(CheckResetType(parameters));
  HOLDFAST_ASSIGN_OR_RETURN(SecretBytes secret, parameters.Secret("NEWPASSWORD"));
  if (secret.empty()) secret = desk::NewPassword();
  HOLDFAST_RETURN_IF_ERROR(desk::CheckPassword(target.policy, secret));
  vault::SetSecret change{.account_id = target.account_id, .secret = {}};
  HOLDFAST_ASSIGN_OR_RETURN(change.secret,
                            call.desk.Seal(target.organization_id, v1::TABLE_ACCOUNT, secret));
  return change;
}

absl::StatusOr<uint64_t> QueryId(const Call& call, std::string_view name, vault::Refusal refusal) {
  HOLDFAST_ASSIGN_OR_RETURN(const std::string text, call.NeededQuery(name));
  const std::optional<uint64_t> id = ParseId(text);
  if (!id.has_value() || *id == 0) return vault::Refuse(refusal, "not an id");
  return *id;
}

// JSON inside a text: the one place where a password is written twice.
void PutText(json::object& details, std::string_view key, json::object object) {
  std::string text = http::JsonText(json::value(std::move(object)));
  const TextWiper wiper(text);
  details.emplace(json::string_view(key.data(), key.size()), json::string(text, details.storage()));
}

// `retrieved` was asked for by these ids: the account is shown also when its password may not be.
absl::StatusOr<Answer> RenderBoth(const Call& call, const desk::RetrieveAsk& ask,
                                  const absl::StatusOr<desk::Retrieved>& retrieved) {
  if (!retrieved.ok() && vault::RefusalOf(retrieved.status()) != vault::Refusal::kNotPermitted) {
    return retrieved.status();
  }
  json::object resource = WipedObject();
  json::object account = WipedObject();
  HOLDFAST_RETURN_IF_ERROR(call.desk.Read(
      *call.caller, [&](const vault::StateReader& state, const v1::UserRow& user) -> absl::Status {
        HOLDFAST_ASSIGN_OR_RETURN(const v1::AccountRow* row,
                                  FindAccountIn(state, user, ask.resource_id, ask.account_id));
        resource = ResourceDetails(state, *state.FindResource(row->resource_id()));
        account = AccountDetails(*row, call.options->utc_offset);
        account["ACCOUNT ID"] = std::to_string(row->id());
        account["ACCOUNT NAME"] = row->name();
        return absl::OkStatus();
      }));
  if (!retrieved.ok()) {
    account["PASSWORD_REASON"] = "You do not have permission to view the password.";
  } else if (!PutSecret(account, "PASSWORD", retrieved->secret)) {
    account["PASSWORD_REASON"] = json::string_view(kNotText.data(), kNotText.size());
  }
  json::object details = WipedObject();
  PutText(details, "RESOURCEDETAILS", std::move(resource));
  PutText(details, "ACCOUNTDETAILS", std::move(account));
  Answer answer =
      call.Success("Resource and account details fetched successfully", std::move(details));
  answer.secret = true;
  return answer;
}

}  // namespace

void GetPassword(const CallPtr& call) {
  Retrieve(call, AskOf(*call, call->ResourceId(), call->AccountId()),
           [call](absl::StatusOr<desk::Retrieved> retrieved) -> absl::StatusOr<Answer> {
             if (!retrieved.ok()) return retrieved.status();
             return RenderPassword(*call, *retrieved);
           });
}

void ChangePassword(const CallPtr& call) {
  absl::StatusOr<vault::SetSecret> change = ReadChange(*call);
  if (!change.ok()) return call->Finish(change.status());
  absl::StatusOr<std::string> reason = call->parameters().Text("REASON");
  if (!reason.ok()) return call->Finish(reason.status());
  absl::StatusOr<std::string> ticket = call->parameters().Text("TICKETID");
  if (!ticket.ok()) return call->Finish(ticket.status());
  Submit(call, {.body = *std::move(change),
                .render =
                    [call](const vault::Planned&) {
                      return call->Success("Password changed successfully");
                    },
                .reason = *std::move(reason),
                .ticket = *std::move(ticket)});
}

void GetResourceAccountDetails(const CallPtr& call) {
  absl::StatusOr<desk::RetrieveAsk> ask =
      AskOf(*call, QueryId(*call, "RESOURCEID", vault::Refusal::kNoSuchResource),
            QueryId(*call, "ACCOUNTID", vault::Refusal::kNoSuchAccount));
  const desk::RetrieveAsk ids =
      ask.ok() ? desk::RetrieveAsk{.account_id = ask->account_id, .resource_id = ask->resource_id}
               : desk::RetrieveAsk();
  Retrieve(call, std::move(ask), [call, ids](absl::StatusOr<desk::Retrieved> retrieved) {
    return RenderBoth(*call, ids, retrieved);
  });
}

}  // namespace holdfast::pam360
