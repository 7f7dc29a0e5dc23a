#include <utility>

#include "api/native/fields.h"
#include "api/native/new_secret.h"
#include "api/native/operations.h"
#include "api/native/parameters.h"
#include "api/native/render.h"
#include "server/base/status_macros.h"
#include "server/vault/access.h"

namespace holdfast::native {
namespace {

absl::StatusOr<desk::RetrieveAsk> AskById(const http::Request& request) {
  desk::RetrieveAsk ask;
  HOLDFAST_ASSIGN_OR_RETURN(ask.account_id, PathId(request, "id"));
  Parameters parameters(request);
  ask.reason = parameters.Text("reason");
  ask.ticket = parameters.Text("ticket");
  HOLDFAST_RETURN_IF_ERROR(parameters.Done());
  return ask;
}

absl::StatusOr<desk::RetrieveAsk> AskByName(const http::Request& request) {
  desk::RetrieveAsk ask;
  Parameters parameters(request);
  ask.resource_name = parameters.Text("resource", limits::kNameCharsMax);
  ask.account_name = parameters.Text("account", limits::kNameCharsMax);
  ask.reason = parameters.Text("reason");
  ask.ticket = parameters.Text("ticket");
  HOLDFAST_RETURN_IF_ERROR(parameters.Done());
  if (ask.resource_name.empty() || ask.account_name.empty()) {
    return vault::Refuse(vault::Refusal::kMandatoryMissing,
                         "expected ?resource= and &account=, both names");
  }
  return ask;
}

void Retrieve(const Visit& visit, absl::StatusOr<desk::RetrieveAsk> ask, Finish finish) {
  if (!ask.ok()) {
    finish(ask.status());
    return;
  }
  visit.desk().Retrieve(
      visit.caller, *std::move(ask),
      [finish = std::move(finish)](absl::StatusOr<desk::Retrieved> retrieved) {
        if (!retrieved.ok()) {
          finish(retrieved.status());
          return;
        }
        finish(Answer{
            .body = RenderSecret(retrieved->resource_id, retrieved->account_id, retrieved->secret),
            .secret = true});
      });
}

}  // namespace

void GetSecret(const Visit& visit, Finish finish) {
  Retrieve(visit, AskById(*visit.request), std::move(finish));
}

void GetSecretByName(const Visit& visit, Finish finish) {
  Retrieve(visit, AskByName(*visit.request), std::move(finish));
}

IntentOr SetSecret(const Visit& visit) {
  HOLDFAST_ASSIGN_OR_RETURN(const uint64_t id, PathId(*visit.request, "id"));
  HOLDFAST_ASSIGN_OR_RETURN(Fields fields, Fields::Parse(visit.request->body));
  const SecretBytes secret = NewSecretIn(fields);
  std::string reason = fields.Text("reason");
  std::string ticket = fields.Text("ticket", limits::kNameCharsMax);
  HOLDFAST_RETURN_IF_ERROR(fields.Done());
  uint64_t organization_id = 0;
  HOLDFAST_RETURN_IF_ERROR(visit.desk().Read(
      *visit.caller, [&](const vault::StateReader& state, const v1::UserRow& self) -> absl::Status {
        HOLDFAST_ASSIGN_OR_RETURN(const v1::AccountRow* account,
                                  vault::FindVisibleAccount(state, self, id));
        organization_id = account->organization_id();
        const v1::ResourceRow* resource = state.FindResource(account->resource_id());
        return CheckPolicy(account->password_policy(),
                           resource == nullptr ? "" : resource->password_policy(), secret);
      }));
  vault::SetSecret command{.account_id = id};
  HOLDFAST_ASSIGN_OR_RETURN(command.secret,
                            visit.desk().Seal(organization_id, v1::TABLE_ACCOUNT, secret));
  return Intent{
      .body = std::move(command), .reason = std::move(reason), .ticket = std::move(ticket)};
}

}  // namespace holdfast::native
