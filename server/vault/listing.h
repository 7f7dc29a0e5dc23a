#ifndef HOLDFAST_SERVER_VAULT_LISTING_H_
#define HOLDFAST_SERVER_VAULT_LISTING_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "server/vault/state_reader.h"

// What a user sees, in ascending order of ids. Costs what the user sees, not what there is (but for
// a super administrator, who sees everything).
namespace holdfast::vault {

struct Page {
  size_t offset = 0;
  size_t limit = 100;
};
template <typename RowType>
struct Listed {
  std::vector<const RowType*> rows;  // borrowed from the state
  size_t total = 0;
};

struct ResourceFilter {
  std::string name;      // exact, letter case aside; empty: any
  std::string contains;  // in the name, letter case aside; empty: any
};
Listed<v1::ResourceRow> ListResources(const StateReader& state, const v1::UserRow& user,
                                      const ResourceFilter& filter, const Page& page);
// Those of its accounts that the user sees.
Listed<v1::AccountRow> ListAccounts(const StateReader& state, const v1::UserRow& user,
                                    const v1::ResourceRow& resource, const Page& page);
size_t CountAccounts(const StateReader& state, const v1::UserRow& user,
                     const v1::ResourceRow& resource);
// An administrator sees the users of the organization, everybody sees itself.
Listed<v1::UserRow> ListUsers(const StateReader& state, const v1::UserRow& user, const Page& page);

struct ShareFilter {  // 0: any
  uint64_t user_id = 0;
  uint64_t resource_id = 0;
  uint64_t account_id = 0;
};
// Of resources and accounts that the user may share, and those given to it.
Listed<v1::ShareRow> ListShares(const StateReader& state, const v1::UserRow& user,
                                const ShareFilter& filter, const Page& page);

}  // namespace holdfast::vault

#endif  // HOLDFAST_SERVER_VAULT_LISTING_H_
