#include <boost/json/array.hpp>
#include <string>
#include <utility>
#include <vector>

#include "api/pam360/account_input.h"
#include "api/pam360/custom_fields.h"
#include "api/pam360/details.h"
#include "api/pam360/endpoints.h"
#include "api/pam360/search.h"
#include "server/base/status_macros.h"
#include "server/desk/password_policy.h"
#include "server/vault/access.h"
#include "server/vault/listing.h"
#include "server/vault/refusal.h"

namespace holdfast::pam360 {
namespace {

namespace json = boost::json;

// A row of the list, copied so that it can be rendered without the reader lock.
struct Line {
  std::string description;
  std::string type;
  std::string name;
  uint64_t id = 0;
  size_t accounts = 0;
};
struct Lines {
  std::vector<Line> lines;
  size_t total = 0;
};

Line LineOf(const vault::StateReader& state, const v1::UserRow& user,
            const v1::ResourceRow& resource) {
  return {.description = resource.description(),
          .type = resource.type(),
          .name = resource.name(),
          .id = resource.id(),
          .accounts = vault::CountAccounts(state, user, resource)};
}

// What the vault can choose by itself: everything, or by a part of the name.
bool IsPlain(const Search& search) {
  return !search.none && search.type.empty() &&
         (search.value.empty() || search.column == Search::Column::kName);
}

vault::Listed<v1::ResourceRow> Choose(const Search& search, const vault::StateReader& state,
                                      const v1::UserRow& user) {
  if (IsPlain(search)) {
    return vault::ListResources(state, user, {.name = "", .contains = search.value}, search.page);
  }
  vault::Listed<v1::ResourceRow> chosen;
  for (const v1::ResourceRow* resource :
       vault::ListResources(state, user, {}, {.limit = kAllRows}).rows) {
    if (!Matches(search, state, user, *resource)) continue;
    const size_t at = chosen.total++;
    const bool on_page = at >= search.page.offset && chosen.rows.size() < search.page.limit;
    if (on_page) chosen.rows.push_back(resource);
  }
  return chosen;
}

json::array RenderLines(const std::vector<Line>& lines) {
  json::array list(WipedObject().storage());
  list.reserve(lines.size());
  for (const Line& line : lines) {
    list.push_back(Texts({{"RESOURCE DESCRIPTION", line.description},
                          {"RESOURCE TYPE", line.type},
                          {"RESOURCE ID", std::to_string(line.id)},
                          {"RESOURCE NAME", line.name},
                          {"NOOFACCOUNTS", std::to_string(line.accounts)}}));
  }
  return list;
}

// OWNERNAME: the vault makes the caller the owner.
absl::Status CheckOwner(const Call& call) {
  HOLDFAST_ASSIGN_OR_RETURN(const std::string owner, call.parameters().Text("OWNERNAME"));
  const std::string_view name = std::string_view(owner).substr(owner.rfind('\\') + 1);
  if (owner.empty() || http::EqualsIgnoringCase(name, call.caller->user_name)) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError("parameter OWNERNAME: expected the caller, who becomes owner");
}

absl::StatusOr<v1::ResourceRow> ReadResource(const Call& call) {
  const Parameters parameters = call.parameters();
  v1::ResourceRow row;
  const std::pair<std::string_view, std::string*> texts[] = {
      {"RESOURCETYPE", row.mutable_type()},      {"RESOURCEURL", row.mutable_url()},
      {"LOCATION", row.mutable_location()},      {"DNSNAME", row.mutable_dns_name()},
      {"DEPARTMENT", row.mutable_department()},  {"RESOURCEDESCRIPTION", row.mutable_description()},
      {"DOMAINNAME", row.mutable_domain_name()},
  };
  HOLDFAST_ASSIGN_OR_RETURN(*row.mutable_name(), parameters.Needed("RESOURCENAME"));
  for (const auto& [name, text] : texts) {
    HOLDFAST_ASSIGN_OR_RETURN(*text, parameters.Text(name));
  }
  if (row.type().empty()) row.set_type(call.options->default_resource_type);
  HOLDFAST_ASSIGN_OR_RETURN(const std::string policy, parameters.Text("RESOURCEPASSWORDPOLICY"));
  HOLDFAST_ASSIGN_OR_RETURN(*row.mutable_password_policy(), desk::PolicyNamed(policy));
  HOLDFAST_ASSIGN_OR_RETURN(*row.mutable_custom_fields(),
                            CustomFieldsOf(parameters, "RESOURCECUSTOMFIELD"));
  return row;
}

absl::StatusOr<vault::AddResource> ReadNewResource(const Call& call) {
  vault::AddResource add;
  HOLDFAST_RETURN_IF_ERROR(CheckOwner(call));
  HOLDFAST_ASSIGN_OR_RETURN(add.resource, ReadResource(call));
  if (!call.parameters().Has("ACCOUNTNAME")) return add;
  HOLDFAST_ASSIGN_OR_RETURN(v1::AccountRow account,
                            AccountOf(call, call.parameters(), add.resource.password_policy()));
  add.accounts.push_back(std::move(account));
  return add;
}

}  // namespace

absl::StatusOr<Answer> ListResources(const Call& call) {
  HOLDFAST_ASSIGN_OR_RETURN(const Search search, SearchOf(call.parameters()));
  Lines found;
  HOLDFAST_RETURN_IF_ERROR(
      call.desk.Read(*call.caller, [&](const vault::StateReader& state, const v1::UserRow& user) {
        const vault::Listed<v1::ResourceRow> chosen = Choose(search, state, user);
        found.total = chosen.total;
        found.lines.reserve(chosen.rows.size());
        for (const v1::ResourceRow* row : chosen.rows) {
          found.lines.push_back(LineOf(state, user, *row));
        }
        return absl::OkStatus();
      }));
  Answer answer = call.Success("Resources fetched successfully");
  if (!found.lines.empty()) answer.details = RenderLines(found.lines);
  answer.total_rows = found.total;
  return answer;
}

void CreateResource(const CallPtr& call) {
  absl::StatusOr<vault::AddResource> add = ReadNewResource(*call);
  if (!add.ok()) return call->Finish(add.status());
  const std::string name = add->resource.name();
  Submit(call, {.body = *std::move(add),
                .exists = "Resource " + name + " already exists",
                .render = [call, name](const vault::Planned& planned) {
                  return call->Success("Resource " + name + " has been added successfully",
                                       Texts({{"RESOURCEID", std::to_string(planned.id)}}));
                }});
}

}  // namespace holdfast::pam360
