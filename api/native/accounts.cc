#include <fmt/format.h>

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

namespace json = boost::json;

AnswerOr AccountAdded(const Visit& visit, const desk::Written& written) {
  const auto& ids = written.planned.account_ids;
  const uint64_t id = ids.empty() ? 0 : ids.front();
  AnswerOr answer = vault::Refuse(vault::Refusal::kNoSuchAccount, fmt::format("no account {}", id));
  visit.desk().ReadState([&](const vault::StateReader& state) {
    const v1::AccountRow* account = state.FindAccount(id);
    if (account != nullptr) answer = CreatedAnswer("account", RenderAccount(*account));
  });
  return answer;
}

vault::Listed<v1::AccountRow> FindListed(const vault::StateReader& state, const v1::UserRow& self,
                                         const v1::ResourceRow& resource, const std::string& name,
                                         const vault::Page& page) {
  if (name.empty()) return vault::ListAccounts(state, self, resource, page);
  const v1::AccountRow* named = state.FindAccountByName(resource.id(), name);
  if (named == nullptr || vault::RightOn(state, self, *named) == vault::Right::kNone) return {};
  return PageOf<v1::AccountRow>({named}, page);
}

}  // namespace

AnswerOr ListAccounts(const Visit& visit) {
  HOLDFAST_ASSIGN_OR_RETURN(const uint64_t id, PathId(*visit.request, "id"));
  Parameters parameters(*visit.request);
  const std::string name = parameters.Text("name", limits::kNameCharsMax);
  const vault::Page page = parameters.Page();
  HOLDFAST_RETURN_IF_ERROR(parameters.Done());
  json::array accounts;
  size_t total = 0;
  HOLDFAST_RETURN_IF_ERROR(visit.desk().Read(
      *visit.caller, [&](const vault::StateReader& state, const v1::UserRow& self) -> absl::Status {
        HOLDFAST_ASSIGN_OR_RETURN(const v1::ResourceRow* resource,
                                  vault::FindVisibleResource(state, self, id));
        const auto listed = FindListed(state, self, *resource, name, page);
        for (const v1::AccountRow* row : listed.rows) accounts.push_back(RenderAccount(*row));
        total = listed.total;
        return absl::OkStatus();
      }));
  return ListAnswer("accounts", std::move(accounts), total);
}

AnswerOr GetAccount(const Visit& visit) {
  HOLDFAST_RETURN_IF_ERROR(TakesNothing(*visit.request));
  HOLDFAST_ASSIGN_OR_RETURN(const uint64_t id, PathId(*visit.request, "id"));
  Answer answer;
  HOLDFAST_RETURN_IF_ERROR(visit.desk().Read(
      *visit.caller, [&](const vault::StateReader& state, const v1::UserRow& self) -> absl::Status {
        HOLDFAST_ASSIGN_OR_RETURN(const v1::AccountRow* account,
                                  vault::FindVisibleAccount(state, self, id));
        answer.body["account"] = RenderAccount(*account);
        return absl::OkStatus();
      }));
  return answer;
}

IntentOr AddAccount(const Visit& visit) {
  HOLDFAST_ASSIGN_OR_RETURN(const uint64_t id, PathId(*visit.request, "id"));
  HOLDFAST_ASSIGN_OR_RETURN(Fields fields, Fields::Parse(visit.request->body));
  v1::AccountRow account;
  account.set_name(fields.MandatoryText("name", limits::kNameCharsMax));
  account.set_notes(fields.Text("notes"));
  account.set_password_policy(fields.Text("password_policy"));
  const SecretBytes secret = NewSecretIn(fields);
  HOLDFAST_RETURN_IF_ERROR(fields.Done());
  uint64_t organization_id = 0;
  HOLDFAST_RETURN_IF_ERROR(visit.desk().Read(
      *visit.caller, [&](const vault::StateReader& state, const v1::UserRow& self) -> absl::Status {
        HOLDFAST_ASSIGN_OR_RETURN(const v1::ResourceRow* resource,
                                  vault::FindVisibleResource(state, self, id));
        organization_id = resource->organization_id();
        return CheckPolicy(account.password_policy(), resource->password_policy(), secret);
      }));
  HOLDFAST_ASSIGN_OR_RETURN(*account.mutable_secret(),
                            visit.desk().Seal(organization_id, v1::TABLE_ACCOUNT, secret));
  return Intent{.body = vault::AddAccounts{.resource_id = id, .accounts = {std::move(account)}},
                .answer = AccountAdded};
}

IntentOr DeleteAccount(const Visit& visit) {
  HOLDFAST_RETURN_IF_ERROR(TakesNothing(*visit.request));
  HOLDFAST_ASSIGN_OR_RETURN(const uint64_t id, PathId(*visit.request, "id"));
  return Intent{.body = vault::DeleteAccount{.account_id = id}};
}

}  // namespace holdfast::native
