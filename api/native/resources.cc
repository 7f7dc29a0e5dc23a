#include <fmt/format.h>

#include <utility>

#include "api/native/fields.h"
#include "api/native/operations.h"
#include "api/native/parameters.h"
#include "api/native/render.h"
#include "server/base/status_macros.h"
#include "server/vault/access.h"

namespace holdfast::native {
namespace {

namespace json = boost::json;

AnswerOr ResourceAdded(const Visit& visit, const desk::Written& written) {
  const uint64_t id = written.planned.id;
  AnswerOr answer =
      vault::Refuse(vault::Refusal::kNoSuchResource, fmt::format("no resource {}", id));
  visit.desk().ReadState([&](const vault::StateReader& state) {
    const v1::ResourceRow* resource = state.FindResource(id);
    if (resource == nullptr) return;
    const size_t accounts = state.Count(vault::List::kAccountsOfResource, id);
    answer = CreatedAnswer("resource", RenderResource(*resource, accounts));
  });
  return answer;
}

}  // namespace

AnswerOr ListResources(const Visit& visit) {
  Parameters parameters(*visit.request);
  const vault::ResourceFilter filter{.name = parameters.Text("name", limits::kNameCharsMax),
                                     .contains = parameters.Text("search", limits::kNameCharsMax)};
  const vault::Page page = parameters.Page();
  HOLDFAST_RETURN_IF_ERROR(parameters.Done());
  json::array resources;
  size_t total = 0;
  HOLDFAST_RETURN_IF_ERROR(visit.desk().Read(
      *visit.caller, [&](const vault::StateReader& state, const v1::UserRow& self) {
        const auto listed = vault::ListResources(state, self, filter, page);
        for (const v1::ResourceRow* row : listed.rows) {
          resources.push_back(RenderResource(*row, vault::CountAccounts(state, self, *row)));
        }
        total = listed.total;
        return absl::OkStatus();
      }));
  return ListAnswer("resources", std::move(resources), total);
}

AnswerOr GetResource(const Visit& visit) {
  HOLDFAST_RETURN_IF_ERROR(TakesNothing(*visit.request));
  HOLDFAST_ASSIGN_OR_RETURN(const uint64_t id, PathId(*visit.request, "id"));
  Answer answer;
  HOLDFAST_RETURN_IF_ERROR(visit.desk().Read(
      *visit.caller, [&](const vault::StateReader& state, const v1::UserRow& self) -> absl::Status {
        HOLDFAST_ASSIGN_OR_RETURN(const v1::ResourceRow* row,
                                  vault::FindVisibleResource(state, self, id));
        answer.body["resource"] = RenderResource(*row, vault::CountAccounts(state, self, *row));
        return absl::OkStatus();
      }));
  return answer;
}

IntentOr AddResource(const Visit& visit) {
  HOLDFAST_ASSIGN_OR_RETURN(Fields fields, Fields::Parse(visit.request->body));
  vault::AddResource command;
  v1::ResourceRow& resource = command.resource;
  resource.set_name(fields.MandatoryText("name", limits::kNameCharsMax));
  resource.set_type(fields.Text("type"));
  resource.set_description(fields.Text("description"));
  resource.set_url(fields.Text("url"));
  resource.set_dns_name(fields.Text("dns_name"));
  resource.set_domain_name(fields.Text("domain_name"));
  resource.set_department(fields.Text("department"));
  resource.set_location(fields.Text("location"));
  resource.set_password_policy(fields.Text("password_policy"));
  HOLDFAST_RETURN_IF_ERROR(fields.Done());
  return Intent{.body = std::move(command), .answer = ResourceAdded};
}

IntentOr DeleteResource(const Visit& visit) {
  HOLDFAST_RETURN_IF_ERROR(TakesNothing(*visit.request));
  HOLDFAST_ASSIGN_OR_RETURN(const uint64_t id, PathId(*visit.request, "id"));
  return Intent{.body = vault::DeleteResource{.resource_id = id}};
}

}  // namespace holdfast::native
