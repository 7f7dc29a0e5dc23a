#include <boost/json/array.hpp>
#include <string>
#include <vector>

#include "api/pam360/details.h"
#include "api/pam360/endpoints.h"
#include "api/pam360/envelope.h"
#include "api/pam360/search.h"
#include "server/base/status_macros.h"
#include "server/vault/access.h"
#include "server/vault/refusal.h"

namespace holdfast::pam360 {
namespace {

namespace json = boost::json;

struct ResourceType {
  std::string_view id;
  std::string_view name;
};
constexpr ResourceType kTypes[] = {{"1", "Linux"},
                                   {"2", "Windows"},
                                   {"3", "WindowsDomain"},
                                   {"4", "Fortigate Firewall"},
                                   {"5", "Database Computer"},
                                   {"6", "File Store"}};

absl::StatusOr<Answer> FindIds(const Call& call, std::string_view resource,
                               std::string_view account) {
  std::string resource_id;
  std::string account_id;
  HOLDFAST_RETURN_IF_ERROR(call.desk.Read(
      *call.caller, [&](const vault::StateReader& state, const v1::UserRow& user) -> absl::Status {
        HOLDFAST_ASSIGN_OR_RETURN(const v1::AccountRow* row,
                                  vault::FindVisibleAccount(state, user, resource, account));
        resource_id = std::to_string(row->resource_id());
        account_id = std::to_string(row->id());
        return absl::OkStatus();
      }));
  return call.Success(
      "Resource ID and account ID fetched successfully for the given resource name and account "
      "name.",
      Texts({{"ACCOUNTID", account_id}, {"RESOURCEID", resource_id}}));
}

// Any of the wanted texts is in the name; without any, every name fits.
absl::StatusOr<std::vector<std::string>> WantedTypes(const Parameters& parameters) {
  constexpr std::string_view kName = "RESOURCETYPE_CONTAINING";
  HOLDFAST_ASSIGN_OR_RETURN(const json::array* list, parameters.Array(kName));
  std::vector<std::string> wanted;
  if (list == nullptr) return wanted;
  for (const json::value& item : *list) {
    if (!item.is_string()) {
      return absl::InvalidArgumentError("parameter RESOURCETYPE_CONTAINING: expected texts");
    }
    wanted.emplace_back(item.as_string());
  }
  return wanted;
}

bool IsWanted(std::string_view type, const std::vector<std::string>& wanted) {
  if (wanted.empty()) return true;
  for (const std::string& part : wanted) {
    if (Contains(type, part)) return true;
  }
  return false;
}

// Who may share something has to find whom to share it with; everybody finds itself.
absl::StatusOr<uint64_t> FindUser(const vault::StateReader& state, const v1::UserRow& caller,
                                  std::string_view name) {
  const v1::UserRow* found = state.FindUserByName(caller.organization_id(), name);
  if (found == nullptr) {  // DOMAIN\name: users have no domain here
    const std::string_view bare = name.substr(name.rfind('\\') + 1);
    found = state.FindUserByName(caller.organization_id(), bare);
  }
  const bool may_find = vault::MayManageUsers(caller).ok() || vault::MayAddResources(caller).ok();
  if (found == nullptr || (found->id() != caller.id() && !may_find)) {
    return vault::Refuse(vault::Refusal::kNoSuchUser, "no user of that name");
  }
  return found->id();
}

}  // namespace

absl::StatusOr<Answer> FindResourceId(const Call& call) {
  std::string id;
  HOLDFAST_RETURN_IF_ERROR(call.desk.Read(
      *call.caller, [&](const vault::StateReader& state, const v1::UserRow& user) -> absl::Status {
        HOLDFAST_ASSIGN_OR_RETURN(
            const v1::ResourceRow* row,
            vault::FindVisibleResource(state, user, call.request->Capture("name")));
        id = std::to_string(row->id());
        return absl::OkStatus();
      }));
  return call.Success("Resource ID fetched successfully", Texts({{"RESOURCEID", id}}));
}

absl::StatusOr<Answer> FindAccountIds(const Call& call) {
  HOLDFAST_ASSIGN_OR_RETURN(const std::string resource, call.NeededQuery("RESOURCENAME"));
  HOLDFAST_ASSIGN_OR_RETURN(const std::string account, call.NeededQuery("ACCOUNTNAME"));
  return FindIds(call, resource, account);
}

absl::StatusOr<Answer> FindAccountIdsPath(const Call& call) {
  return FindIds(call, call.request->Capture("name"), call.request->Capture("account"));
}

absl::StatusOr<Answer> ListResourceTypes(const Call& call) {
  HOLDFAST_RETURN_IF_ERROR(call.desk.StillValid(*call.caller));
  HOLDFAST_ASSIGN_OR_RETURN(const std::vector<std::string> wanted, WantedTypes(call.parameters()));
  json::array types(WipedObject().storage());
  for (const ResourceType& type : kTypes) {
    if (!IsWanted(type.name, wanted)) continue;
    types.push_back(Texts({{"RESOURCETYPEID", type.id}, {"RESOURCETYPENAME", type.name}}));
  }
  Answer answer = call.Success("Resource types fetched successfully");
  answer.total_rows = types.size();
  if (!types.empty()) answer.details = std::move(types);
  return answer;
}

absl::StatusOr<Answer> FindUserId(const Call& call) {
  HOLDFAST_ASSIGN_OR_RETURN(const std::string name, call.NeededQuery("USERNAME"));
  std::string id;
  HOLDFAST_RETURN_IF_ERROR(call.desk.Read(
      *call.caller, [&](const vault::StateReader& state, const v1::UserRow& user) -> absl::Status {
        HOLDFAST_ASSIGN_OR_RETURN(const uint64_t found, FindUser(state, user, name));
        id = std::to_string(found);
        return absl::OkStatus();
      }));
  return call.Success("User ID fetched successfully", Texts({{"USERID", id}}));
}

}  // namespace holdfast::pam360
