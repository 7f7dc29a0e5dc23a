#include "server/vault/listing.h"

#include <algorithm>
#include <utility>

#include "server/vault/access.h"
#include "server/vault/shorter_list.h"

namespace holdfast::vault {
namespace {

using Ids = std::vector<uint64_t>;

// Takes rows one after the other and keeps those of the page.
template <typename RowType>
class Pager {
 public:
  explicit Pager(const Page& page) : page_(page) {}
  void Take(const RowType* row) {
    const size_t at = listed_.total++;
    if (at >= page_.offset && listed_.rows.size() < page_.limit) listed_.rows.push_back(row);
  }
  bool full() const { return listed_.rows.size() == page_.limit; }
  Listed<RowType> Done() { return std::move(listed_); }

 private:
  const Page page_;
  Listed<RowType> listed_;
};

void Append(const StateReader& state, List list, uint64_t of, Ids& ids) {
  state.ForEachId(list, of, /*after=*/0, [&](uint64_t id) {
    ids.push_back(id);
    return true;
  });
}

void SortUnique(Ids& ids) {
  std::sort(ids.begin(), ids.end());
  ids.erase(std::unique(ids.begin(), ids.end()), ids.end());
}

bool Contains(std::string_view text, std::string_view folded_part) {
  return folded_part.empty() || FoldCase(text).find(folded_part) != std::string::npos;
}

// Everything in a list that holds nothing else than what the user sees.
template <typename RowType, typename FindFn>
Listed<RowType> WholeList(const StateReader& state, List list, uint64_t of, const Page& page,
                          FindFn find) {
  Listed<RowType> listed;
  listed.total = state.Count(list, of);
  if (page.offset >= listed.total || page.limit == 0) return listed;
  size_t at = 0;
  state.ForEachId(list, of, /*after=*/0, [&](uint64_t id) {
    if (at++ >= page.offset) listed.rows.push_back(find(id));
    return listed.rows.size() < page.limit;
  });
  return listed;
}

// Resources that the user owns, or that are shared with it in whole or in part.
Ids VisibleResources(const StateReader& state, const v1::UserRow& user) {
  Ids ids;
  Append(state, List::kResourcesOfOwner, user.id(), ids);
  state.ForEachId(List::kSharesOfUser, user.id(), /*after=*/0, [&](uint64_t id) {
    ids.push_back(state.FindShare(id)->resource_id());
    return true;
  });
  state.ForEachId(List::kAccountsOfOwner, user.id(), /*after=*/0, [&](uint64_t id) {
    ids.push_back(state.FindAccount(id)->resource_id());
    return true;
  });
  SortUnique(ids);
  return ids;
}

// Accounts of the resource that the user sees; of a resource that is not its own or shared whole.
Ids VisibleAccounts(const StateReader& state, const v1::UserRow& user,
                    const v1::ResourceRow& resource) {
  Ids ids;
  const auto take = [&](uint64_t id) {
    const v1::AccountRow* account = state.FindAccount(id);
    if (account->resource_id() == resource.id() && RightOn(state, user, *account) != Right::kNone) {
      ids.push_back(id);
    }
    return true;
  };
  if (!IsShorter(state, List::kSharesOfUser, user.id(), List::kAccountsOfResource, resource.id())) {
    state.ForEachId(List::kAccountsOfResource, resource.id(), /*after=*/0, take);
    return ids;
  }
  state.ForEachId(List::kSharesOfUser, user.id(), /*after=*/0, [&](uint64_t id) {
    const uint64_t account_id = state.FindShare(id)->account_id();
    return account_id == 0 || take(account_id);
  });
  state.ForEachId(List::kAccountsOfOwner, user.id(), /*after=*/0, take);
  SortUnique(ids);
  return ids;
}

// Who has a right on the resource has one on each of its accounts: a share of an account may lower
// it, never take it away.
bool SeesAllAccounts(const StateReader& state, const v1::UserRow& user,
                     const v1::ResourceRow& resource) {
  return RightOn(state, user, resource) != Right::kNone;
}

bool SeesShare(const StateReader& state, const v1::UserRow& user, const v1::ShareRow& share) {
  if (share.user_id() == user.id()) return true;
  if (share.account_id() != 0) {
    const v1::AccountRow* account = state.FindAccount(share.account_id());
    return account != nullptr && RightOn(state, user, *account) == Right::kFull;
  }
  const v1::ResourceRow* resource = state.FindResource(share.resource_id());
  return resource != nullptr && RightOn(state, user, *resource) == Right::kFull;
}

bool Fits(const v1::ShareRow& share, const ShareFilter& filter) {
  return (filter.user_id == 0 || share.user_id() == filter.user_id) &&
         (filter.resource_id == 0 || share.resource_id() == filter.resource_id) &&
         (filter.account_id == 0 || share.account_id() == filter.account_id);
}

// Every share that the user may see, and some that it may not.
Ids ShareCandidates(const StateReader& state, const v1::UserRow& user, const ShareFilter& filter) {
  Ids ids;
  if (filter.account_id != 0) {
    Append(state, List::kSharesOfAccount, filter.account_id, ids);
  } else if (filter.resource_id != 0) {
    Append(state, List::kSharesOfResource, filter.resource_id, ids);
  } else if (filter.user_id != 0) {
    Append(state, List::kSharesOfUser, filter.user_id, ids);
  } else {
    Append(state, List::kSharesOfUser, user.id(), ids);
    Ids resources;
    if (user.super_administrator()) {
      Append(state, List::kResourcesOfOrganization, user.organization_id(), resources);
    } else {
      resources = VisibleResources(state, user);
    }
    for (const uint64_t id : resources) Append(state, List::kSharesOfResource, id, ids);
  }
  SortUnique(ids);
  return ids;
}

}  // namespace

Listed<v1::ResourceRow> ListResources(const StateReader& state, const v1::UserRow& user,
                                      const ResourceFilter& filter, const Page& page) {
  const auto find = [&](uint64_t id) { return state.FindResource(id); };
  const std::string part = FoldCase(filter.contains);
  Pager<v1::ResourceRow> pager(page);
  if (!filter.name.empty()) {
    const v1::ResourceRow* row = state.FindResourceByName(user.organization_id(), filter.name);
    const bool fits = row != nullptr && Contains(row->name(), part) && CanSee(state, user, *row);
    if (fits) pager.Take(row);
    return pager.Done();
  }
  if (user.super_administrator() && part.empty()) {
    return WholeList<v1::ResourceRow>(state, List::kResourcesOfOrganization, user.organization_id(),
                                      page, find);
  }
  const auto take = [&](uint64_t id) {
    const v1::ResourceRow* row = find(id);
    const bool fits = row != nullptr && row->organization_id() == user.organization_id() &&
                      Contains(row->name(), part);
    if (fits) pager.Take(row);
    return true;
  };
  if (user.super_administrator()) {
    state.ForEachId(List::kResourcesOfOrganization, user.organization_id(), /*after=*/0, take);
  } else {
    for (const uint64_t id : VisibleResources(state, user)) take(id);
  }
  return pager.Done();
}

Listed<v1::AccountRow> ListAccounts(const StateReader& state, const v1::UserRow& user,
                                    const v1::ResourceRow& resource, const Page& page) {
  const auto find = [&](uint64_t id) { return state.FindAccount(id); };
  if (SeesAllAccounts(state, user, resource)) {
    return WholeList<v1::AccountRow>(state, List::kAccountsOfResource, resource.id(), page, find);
  }
  Pager<v1::AccountRow> pager(page);
  for (const uint64_t id : VisibleAccounts(state, user, resource)) pager.Take(find(id));
  return pager.Done();
}

size_t CountAccounts(const StateReader& state, const v1::UserRow& user,
                     const v1::ResourceRow& resource) {
  if (SeesAllAccounts(state, user, resource)) {
    return state.Count(List::kAccountsOfResource, resource.id());
  }
  return VisibleAccounts(state, user, resource).size();
}

Listed<v1::UserRow> ListUsers(const StateReader& state, const v1::UserRow& user, const Page& page) {
  const auto find = [&](uint64_t id) { return state.FindUser(id); };
  if (MayManageUsers(user).ok()) {
    return WholeList<v1::UserRow>(state, List::kUsersOfOrganization, user.organization_id(), page,
                                  find);
  }
  Pager<v1::UserRow> pager(page);
  if (const v1::UserRow* itself = find(user.id()); itself != nullptr) pager.Take(itself);
  return pager.Done();
}

Listed<v1::ShareRow> ListShares(const StateReader& state, const v1::UserRow& user,
                                const ShareFilter& filter, const Page& page) {
  Pager<v1::ShareRow> pager(page);
  for (const uint64_t id : ShareCandidates(state, user, filter)) {
    const v1::ShareRow* share = state.FindShare(id);
    if (Fits(*share, filter) && SeesShare(state, user, *share)) pager.Take(share);
  }
  return pager.Done();
}

}  // namespace holdfast::vault
