#include "server/vault/state_reader.h"

#include "fmt/format.h"
#include "server/base/check.h"

namespace holdfast::vault {
namespace {

using google::protobuf::Message;

template <typename T>
const T* As(const Message* message) {
  return static_cast<const T*>(message);
}

template <typename T>
std::vector<const T*> Rows(const StateReader& reader, v1::Table table, List list, uint64_t of) {
  std::vector<const T*> rows;
  reader.ForEachId(list, of, /*after=*/0, [&](uint64_t id) {
    rows.push_back(As<T>(reader.FindNumbered(table, id)));
    return true;
  });
  return rows;
}

template <typename T>
std::vector<const T*> NamedRows(const StateReader& reader, v1::Table table) {
  std::vector<const T*> rows;
  reader.ForEachName(table, [&](const std::string& name) {
    rows.push_back(As<T>(reader.FindNamed(table, name)));
    return true;
  });
  return rows;
}

}  // namespace

const Message* StateReader::Find(const v1::RowKey& key) const {
  const TableShape* shape = ShapeOf(key.table());
  if (shape == nullptr) return nullptr;
  return shape->named ? FindNamed(key.table(), key.name()) : FindNumbered(key.table(), key.id());
}

const v1::ClusterRow* StateReader::Cluster() const {
  const auto rows = NamedRows<v1::ClusterRow>(*this, v1::TABLE_CLUSTER);
  return rows.empty() ? nullptr : rows.front();
}
const v1::OrganizationRow* StateReader::FindOrganization(uint64_t id) const {
  return As<v1::OrganizationRow>(FindNumbered(v1::TABLE_ORGANIZATION, id));
}
const v1::DataKeyRow* StateReader::FindDataKey(uint64_t id) const {
  return As<v1::DataKeyRow>(FindNumbered(v1::TABLE_DATA_KEY, id));
}
const v1::MemberRow* StateReader::FindMember(std::string_view node_id) const {
  return As<v1::MemberRow>(FindNamed(v1::TABLE_MEMBER, node_id));
}
const v1::InviteRow* StateReader::FindInvite(uint64_t id) const {
  return As<v1::InviteRow>(FindNumbered(v1::TABLE_INVITE, id));
}
const v1::UserRow* StateReader::FindUser(uint64_t id) const {
  return As<v1::UserRow>(FindNumbered(v1::TABLE_USER, id));
}
const v1::SshKeyRow* StateReader::FindSshKey(uint64_t id) const {
  return As<v1::SshKeyRow>(FindNumbered(v1::TABLE_SSH_KEY, id));
}
const v1::TokenRow* StateReader::FindToken(uint64_t id) const {
  return As<v1::TokenRow>(FindNumbered(v1::TABLE_TOKEN, id));
}
const v1::ResourceRow* StateReader::FindResource(uint64_t id) const {
  return As<v1::ResourceRow>(FindNumbered(v1::TABLE_RESOURCE, id));
}
const v1::AccountRow* StateReader::FindAccount(uint64_t id) const {
  return As<v1::AccountRow>(FindNumbered(v1::TABLE_ACCOUNT, id));
}
const v1::ShareRow* StateReader::FindShare(uint64_t id) const {
  return As<v1::ShareRow>(FindNumbered(v1::TABLE_SHARE, id));
}
const v1::SshdRow* StateReader::FindSshd(std::string_view node_id) const {
  return As<v1::SshdRow>(FindNamed(v1::TABLE_SSHD, node_id));
}
const v1::HostKeyRow* StateReader::FindHostKey(uint64_t id) const {
  return As<v1::HostKeyRow>(FindNumbered(v1::TABLE_HOST_KEY, id));
}
const v1::RequestKeyRow* StateReader::FindRequestKey(std::string_view id) const {
  return As<v1::RequestKeyRow>(FindNamed(v1::TABLE_REQUEST_KEY, id));
}
uint64_t StateReader::Counter(std::string_view name) const {
  const auto* row = As<v1::CounterRow>(FindNamed(v1::TABLE_COUNTER, name));
  return row == nullptr ? 0 : row->value();
}

const v1::OrganizationRow* StateReader::FindOrganizationByName(std::string_view name) const {
  return As<v1::OrganizationRow>(FindUnique(Unique::kOrganizationName, {.text = name}));
}
const v1::DataKeyRow* StateReader::FindDataKeyOf(uint64_t organization_id,
                                                 uint32_t generation) const {
  return As<v1::DataKeyRow>(FindUnique(Unique::kDataKeyGeneration,
                                       {.of = organization_id, .second = generation, .text = {}}));
}
const v1::InviteRow* StateReader::FindInviteByHash(std::string_view token_hash) const {
  return As<v1::InviteRow>(FindUnique(Unique::kInviteHash, {.text = token_hash}));
}
const v1::UserRow* StateReader::FindUserByName(uint64_t organization_id,
                                               std::string_view name) const {
  return As<v1::UserRow>(FindUnique(Unique::kUserName, {.of = organization_id, .text = name}));
}
const v1::SshKeyRow* StateReader::FindSshKeyOf(uint64_t user_id, std::string_view blob) const {
  return As<v1::SshKeyRow>(FindUnique(Unique::kSshKeyBlob, {.of = user_id, .text = blob}));
}
const v1::TokenRow* StateReader::FindTokenByHash(std::string_view hash) const {
  return As<v1::TokenRow>(FindUnique(Unique::kTokenHash, {.text = hash}));
}
const v1::ResourceRow* StateReader::FindResourceByName(uint64_t organization_id,
                                                       std::string_view name) const {
  return As<v1::ResourceRow>(
      FindUnique(Unique::kResourceName, {.of = organization_id, .text = name}));
}
const v1::AccountRow* StateReader::FindAccountByName(uint64_t resource_id,
                                                     std::string_view name) const {
  return As<v1::AccountRow>(FindUnique(Unique::kAccountName, {.of = resource_id, .text = name}));
}
const v1::ShareRow* StateReader::FindShareOf(uint64_t user_id, uint64_t resource_id,
                                             uint64_t account_id) const {
  return As<v1::ShareRow>(
      FindUnique(Unique::kShareTarget,
                 {.of = user_id, .second = resource_id, .third = account_id, .text = {}}));
}

std::vector<const v1::SshKeyRow*> StateReader::KeysOfUser(uint64_t user_id) const {
  return Rows<v1::SshKeyRow>(*this, v1::TABLE_SSH_KEY, List::kKeysOfUser, user_id);
}
std::vector<const v1::TokenRow*> StateReader::TokensOfUser(uint64_t user_id) const {
  return Rows<v1::TokenRow>(*this, v1::TABLE_TOKEN, List::kTokensOfUser, user_id);
}
std::vector<const v1::ShareRow*> StateReader::SharesOfUser(uint64_t user_id) const {
  return Rows<v1::ShareRow>(*this, v1::TABLE_SHARE, List::kSharesOfUser, user_id);
}
std::vector<const v1::ShareRow*> StateReader::SharesOfResource(uint64_t resource_id) const {
  return Rows<v1::ShareRow>(*this, v1::TABLE_SHARE, List::kSharesOfResource, resource_id);
}
std::vector<const v1::ShareRow*> StateReader::SharesOfAccount(uint64_t account_id) const {
  return Rows<v1::ShareRow>(*this, v1::TABLE_SHARE, List::kSharesOfAccount, account_id);
}
std::vector<const v1::AccountRow*> StateReader::AccountsOfResource(uint64_t resource_id) const {
  return Rows<v1::AccountRow>(*this, v1::TABLE_ACCOUNT, List::kAccountsOfResource, resource_id);
}
std::vector<const v1::UserRow*> StateReader::UsersOfOrganization(uint64_t organization_id) const {
  return Rows<v1::UserRow>(*this, v1::TABLE_USER, List::kUsersOfOrganization, organization_id);
}
std::vector<const v1::DataKeyRow*> StateReader::DataKeysOf(uint64_t organization_id) const {
  return Rows<v1::DataKeyRow>(*this, v1::TABLE_DATA_KEY, List::kDataKeysOfOrganization,
                              organization_id);
}
std::vector<const v1::InviteRow*> StateReader::Invites() const {
  return Rows<v1::InviteRow>(*this, v1::TABLE_INVITE, List::kInvites, 0);
}
std::vector<const v1::HostKeyRow*> StateReader::HostKeys() const {
  return Rows<v1::HostKeyRow>(*this, v1::TABLE_HOST_KEY, List::kHostKeys, 0);
}
std::vector<const v1::MemberRow*> StateReader::Members() const {
  return NamedRows<v1::MemberRow>(*this, v1::TABLE_MEMBER);
}
std::vector<const v1::SshdRow*> StateReader::SshdRows() const {
  return NamedRows<v1::SshdRow>(*this, v1::TABLE_SSHD);
}
std::vector<const v1::SshKeyRow*> StateReader::KeysByUserName(uint64_t organization_id,
                                                              std::string_view name) const {
  const v1::UserRow* user = FindUserByName(organization_id, name);
  if (user == nullptr) return {};
  return KeysOfUser(user->id());
}

void ForEachListOf(v1::Table table, const Message& inner,
                   absl::FunctionRef<void(List list, uint64_t of)> visit) {
  switch (table) {
    case v1::TABLE_ORGANIZATION:
      return visit(List::kOrganizations, 0);
    case v1::TABLE_DATA_KEY:
      return visit(List::kDataKeysOfOrganization, As<v1::DataKeyRow>(&inner)->organization_id());
    case v1::TABLE_INVITE:
      return visit(List::kInvites, 0);
    case v1::TABLE_HOST_KEY:
      return visit(List::kHostKeys, 0);
    case v1::TABLE_USER:
      return visit(List::kUsersOfOrganization, As<v1::UserRow>(&inner)->organization_id());
    case v1::TABLE_SSH_KEY:
      return visit(List::kKeysOfUser, As<v1::SshKeyRow>(&inner)->user_id());
    case v1::TABLE_TOKEN:
      return visit(List::kTokensOfUser, As<v1::TokenRow>(&inner)->user_id());
    case v1::TABLE_RESOURCE: {
      const auto* row = As<v1::ResourceRow>(&inner);
      visit(List::kResourcesOfOrganization, row->organization_id());
      return visit(List::kResourcesOfOwner, row->owner_id());
    }
    case v1::TABLE_ACCOUNT: {
      const auto* row = As<v1::AccountRow>(&inner);
      visit(List::kAccountsOfResource, row->resource_id());
      if (row->owner_id() != 0) visit(List::kAccountsOfOwner, row->owner_id());
      return;
    }
    case v1::TABLE_SHARE: {
      const auto* row = As<v1::ShareRow>(&inner);
      visit(List::kSharesOfUser, row->user_id());
      visit(List::kSharesOfResource, row->resource_id());
      if (row->account_id() != 0) visit(List::kSharesOfAccount, row->account_id());
      return;
    }
    default:
      return;
  }
}

UniqueKey UniqueKeyOf(Unique unique, const Message& inner) {
  switch (unique) {
    case Unique::kOrganizationName:
      return {.text = As<v1::OrganizationRow>(&inner)->name()};
    case Unique::kDataKeyGeneration: {
      const auto* row = As<v1::DataKeyRow>(&inner);
      return {.of = row->organization_id(), .second = row->generation(), .text = {}};
    }
    case Unique::kInviteHash:
      return {.text = As<v1::InviteRow>(&inner)->token_hash()};
    case Unique::kUserName: {
      const auto* row = As<v1::UserRow>(&inner);
      return {.of = row->organization_id(), .text = row->name()};
    }
    case Unique::kSshKeyBlob: {
      const auto* row = As<v1::SshKeyRow>(&inner);
      return {.of = row->user_id(), .text = row->public_key()};
    }
    case Unique::kTokenHash:
      return {.text = As<v1::TokenRow>(&inner)->hash()};
    case Unique::kResourceName: {
      const auto* row = As<v1::ResourceRow>(&inner);
      return {.of = row->organization_id(), .text = row->name()};
    }
    case Unique::kAccountName: {
      const auto* row = As<v1::AccountRow>(&inner);
      return {.of = row->resource_id(), .text = row->name()};
    }
    case Unique::kShareTarget: {
      const auto* row = As<v1::ShareRow>(&inner);
      return {.of = row->user_id(),
              .second = row->resource_id(),
              .third = row->account_id(),
              .text = {}};
    }
  }
  CheckFailed("every unique index has a key", __FILE__, __LINE__);
}

std::optional<Unique> UniqueOf(v1::Table table) {
  for (int i = 0; i < kUniqueCount; ++i) {
    const auto unique = static_cast<Unique>(i);
    if (TableOf(unique) == table) return unique;
  }
  return std::nullopt;
}

v1::Table TableOf(Unique unique) {
  switch (unique) {
    case Unique::kOrganizationName:
      return v1::TABLE_ORGANIZATION;
    case Unique::kDataKeyGeneration:
      return v1::TABLE_DATA_KEY;
    case Unique::kInviteHash:
      return v1::TABLE_INVITE;
    case Unique::kUserName:
      return v1::TABLE_USER;
    case Unique::kSshKeyBlob:
      return v1::TABLE_SSH_KEY;
    case Unique::kTokenHash:
      return v1::TABLE_TOKEN;
    case Unique::kResourceName:
      return v1::TABLE_RESOURCE;
    case Unique::kAccountName:
      return v1::TABLE_ACCOUNT;
    case Unique::kShareTarget:
      return v1::TABLE_SHARE;
  }
  CheckFailed("every unique index has a table", __FILE__, __LINE__);
}

v1::Table TableOf(List list) {
  switch (list) {
    case List::kOrganizations:
      return v1::TABLE_ORGANIZATION;
    case List::kDataKeysOfOrganization:
      return v1::TABLE_DATA_KEY;
    case List::kInvites:
      return v1::TABLE_INVITE;
    case List::kHostKeys:
      return v1::TABLE_HOST_KEY;
    case List::kUsersOfOrganization:
      return v1::TABLE_USER;
    case List::kKeysOfUser:
      return v1::TABLE_SSH_KEY;
    case List::kTokensOfUser:
      return v1::TABLE_TOKEN;
    case List::kSharesOfUser:
    case List::kSharesOfResource:
    case List::kSharesOfAccount:
      return v1::TABLE_SHARE;
    case List::kResourcesOfOrganization:
    case List::kResourcesOfOwner:
      return v1::TABLE_RESOURCE;
    case List::kAccountsOfResource:
    case List::kAccountsOfOwner:
      return v1::TABLE_ACCOUNT;
  }
  CheckFailed("every list has a table", __FILE__, __LINE__);
}

bool HaveOneUniqueValue(v1::Table table, const Message& a, const Message& b) {
  const std::optional<Unique> unique = UniqueOf(table);
  return !unique || UniqueKeyOf(*unique, a) == UniqueKeyOf(*unique, b);
}

absl::Status CheckClash(const StateReader& reader, const v1::Row& row) {
  const v1::RowKey key = KeyOf(row);
  if (key.table() == v1::TABLE_CLUSTER) {
    const v1::ClusterRow* cluster = reader.Cluster();
    if (cluster == nullptr || cluster->cluster_id() == key.name()) return absl::OkStatus();
    return absl::DataLossError("a second cluster row: the log is not one that was planned");
  }
  const std::optional<Unique> unique = UniqueOf(key.table());
  if (!unique.has_value()) return absl::OkStatus();
  const Message* other = reader.FindUnique(*unique, UniqueKeyOf(*unique, InnerOf(row)));
  if (other == nullptr) return absl::OkStatus();
  const v1::RowKey other_key = KeyOf(*ShapeOf(key.table()), *other);
  if (other_key.id() == key.id()) return absl::OkStatus();
  return absl::DataLossError(fmt::format("{} clashes with {}: what is unique exists already",
                                         KeyText(key), KeyText(other_key)));
}

}  // namespace holdfast::vault
