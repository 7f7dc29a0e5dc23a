#include <boost/json/array.hpp>
#include <utility>

#include "api/pam360/details.h"
#include "api/pam360/endpoints.h"
#include "api/pam360/envelope.h"
#include "api/pam360/lookup.h"
#include "api/pam360/search.h"
#include "server/base/status_macros.h"
#include "server/vault/access.h"
#include "server/vault/listing.h"
#include "server/vault/refusal.h"

namespace holdfast::pam360 {
namespace {

namespace json = boost::json;

// The columns of an account are its name and its notes; other columns are its resource's, which
// was named already.
bool Fits(const Search& search, const v1::AccountRow& account) {
  if (search.none) return false;
  if (search.value.empty()) return true;
  return Contains(account.name(), search.value) ||
         (search.column == Search::Column::kAll && Contains(account.notes(), search.value));
}

json::array ListOf(const vault::StateReader& state, const v1::UserRow& user,
                   const v1::ResourceRow& resource, const Search& search) {
  json::array list(WipedObject().storage());
  size_t at = 0;
  for (const v1::AccountRow* account :
       vault::ListAccounts(state, user, resource, {.limit = kAllRows}).rows) {
    if (!Fits(search, *account)) continue;
    const bool on_page = at++ >= search.page.offset && list.size() < search.page.limit;
    if (on_page) list.push_back(AccountItem(*account));
  }
  return list;
}

}  // namespace

absl::StatusOr<const v1::AccountRow*> FindAccountIn(const vault::StateReader& state,
                                                    const v1::UserRow& user, uint64_t resource_id,
                                                    uint64_t account_id) {
  HOLDFAST_ASSIGN_OR_RETURN(const v1::AccountRow* account,
                            vault::FindVisibleAccount(state, user, account_id));
  if (account->resource_id() != resource_id) {
    return vault::Refuse(vault::Refusal::kNoSuchAccount, "the account is not of that resource");
  }
  return account;
}

absl::StatusOr<Answer> ListAccounts(const Call& call) {
  HOLDFAST_ASSIGN_OR_RETURN(const uint64_t resource_id, call.ResourceId());
  HOLDFAST_ASSIGN_OR_RETURN(const Search search, SearchOf(call.parameters()));
  json::object details = WipedObject();
  HOLDFAST_RETURN_IF_ERROR(call.desk.Read(
      *call.caller, [&](const vault::StateReader& state, const v1::UserRow& user) -> absl::Status {
        HOLDFAST_ASSIGN_OR_RETURN(const v1::ResourceRow* resource,
                                  vault::FindVisibleResource(state, user, resource_id));
        details = ResourceDetails(state, *resource);
        details["ACCOUNT LIST"] = ListOf(state, user, *resource, search);
        return absl::OkStatus();
      }));
  return call.Success("Resource details with account list fetched successfully",
                      std::move(details));
}

absl::StatusOr<Answer> ShowAccount(const Call& call) {
  HOLDFAST_ASSIGN_OR_RETURN(const uint64_t resource_id, call.ResourceId());
  HOLDFAST_ASSIGN_OR_RETURN(const uint64_t account_id, call.AccountId());
  json::object details = WipedObject();
  HOLDFAST_RETURN_IF_ERROR(call.desk.Read(
      *call.caller, [&](const vault::StateReader& state, const v1::UserRow& user) -> absl::Status {
        HOLDFAST_ASSIGN_OR_RETURN(const v1::AccountRow* account,
                                  FindAccountIn(state, user, resource_id, account_id));
        details = AccountDetails(*account, call.options->utc_offset);
        return absl::OkStatus();
      }));
  return call.Success("Account details fetched successfully", std::move(details));
}

}  // namespace holdfast::pam360
