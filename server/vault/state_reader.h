#ifndef HOLDFAST_SERVER_VAULT_STATE_READER_H_
#define HOLDFAST_SERVER_VAULT_STATE_READER_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/functional/function_ref.h"
#include "google/protobuf/message.h"
#include "holdfast/v1/rows.pb.h"
#include "server/vault/row_key.h"

namespace holdfast::vault {

// Sets of rows that belong to something, kept in ascending order of their ids. `of` is what they
// belong to, 0 where it is the cluster.
enum class List : uint8_t {
  kOrganizations,           // of 0
  kDataKeysOfOrganization,  // organization 0 holds the cluster's own secrets
  kInvites,                 // of 0
  kHostKeys,                // of 0
  kUsersOfOrganization,
  kKeysOfUser,
  kTokensOfUser,
  kSharesOfUser,
  kSharesOfResource,  // of the resource itself and of its accounts
  kSharesOfAccount,
  kResourcesOfOrganization,
  kResourcesOfOwner,
  kAccountsOfResource,
  kAccountsOfOwner,  // only those whose owner is not the owner of the resource
};
inline constexpr int kListCount = static_cast<int>(List::kAccountsOfOwner) + 1;

// What may exist once only; also the ways to find a row by something that is not its key.
enum class Unique : uint8_t {
  kOrganizationName,
  kDataKeyGeneration,  // organization, generation
  kInviteHash,
  kUserName,    // organization, name
  kSshKeyBlob,  // user, blob
  kTokenHash,
  kResourceName,  // organization, name; letter case aside
  kAccountName,   // resource, name; letter case aside
  kShareTarget,   // user, resource, account
};
inline constexpr int kUniqueCount = static_cast<int>(Unique::kShareTarget) + 1;

struct UniqueKey {
  uint64_t of = 0;
  uint64_t second = 0;
  uint64_t third = 0;
  std::string_view text;  // borrowed
  bool operator==(const UniqueKey&) const = default;
};

// Reads the rows of the vault: the committed State, or the pending view that Plan works on.
//
// Room        server/vault: no lock, clock or disk.
// Threading   Thread-compatible. Pointers and references are good until the reader next changes;
//             who shares a reader between threads holds a lock for as long as it uses them.
// Failure     What is not there is nullptr.
class StateReader {
 public:
  virtual ~StateReader() = default;

  // The primitives. `visit` returns false to stop; then so does the call.
  virtual const google::protobuf::Message* FindNumbered(v1::Table table, uint64_t id) const = 0;
  virtual const google::protobuf::Message* FindNamed(v1::Table table,
                                                     std::string_view name) const = 0;
  virtual const google::protobuf::Message* FindUnique(Unique unique,
                                                      const UniqueKey& key) const = 0;
  virtual bool ForEachId(List list, uint64_t of, uint64_t after,
                         absl::FunctionRef<bool(uint64_t id)> visit) const = 0;
  virtual bool ForEachName(v1::Table table,
                           absl::FunctionRef<bool(const std::string& name)> visit) const = 0;
  virtual size_t Count(List list, uint64_t of) const = 0;
  virtual size_t RowCount(v1::Table table) const = 0;
  // True: something that is seen here of this table is not committed.
  virtual bool HasPending(v1::Table table) const = 0;
  // Request keys in the order in which they expire.
  virtual bool ForEachRequestKey(
      absl::FunctionRef<bool(int64_t expires_ms, const std::string& id)> visit) const = 0;
  virtual size_t RequestKeyCount(uint64_t user_id) const = 0;
  virtual size_t RequestKeysAtMost(uint64_t user_id) const = 0;  // not less than the count; cheap

  const google::protobuf::Message* Find(const v1::RowKey& key) const;

  // By key.
  const v1::ClusterRow* Cluster() const;  // nullptr before the first command
  const v1::OrganizationRow* FindOrganization(uint64_t id) const;
  const v1::DataKeyRow* FindDataKey(uint64_t id) const;
  const v1::MemberRow* FindMember(std::string_view node_id) const;
  const v1::InviteRow* FindInvite(uint64_t id) const;
  const v1::UserRow* FindUser(uint64_t id) const;
  const v1::SshKeyRow* FindSshKey(uint64_t id) const;
  const v1::TokenRow* FindToken(uint64_t id) const;
  const v1::ResourceRow* FindResource(uint64_t id) const;
  const v1::AccountRow* FindAccount(uint64_t id) const;
  const v1::ShareRow* FindShare(uint64_t id) const;
  const v1::SshdRow* FindSshd(std::string_view node_id) const;
  const v1::HostKeyRow* FindHostKey(uint64_t id) const;
  const v1::RequestKeyRow* FindRequestKey(std::string_view id) const;
  uint64_t Counter(std::string_view name) const;  // the last number given out, 0: none yet

  // By name or value.
  const v1::OrganizationRow* FindOrganizationByName(std::string_view name) const;
  const v1::DataKeyRow* FindDataKeyOf(uint64_t organization_id, uint32_t generation) const;
  const v1::InviteRow* FindInviteByHash(std::string_view token_hash) const;
  const v1::UserRow* FindUserByName(uint64_t organization_id, std::string_view name) const;
  const v1::SshKeyRow* FindSshKeyOf(uint64_t user_id, std::string_view blob) const;
  const v1::TokenRow* FindTokenByHash(std::string_view hash) const;
  const v1::ResourceRow* FindResourceByName(uint64_t organization_id, std::string_view name) const;
  const v1::AccountRow* FindAccountByName(uint64_t resource_id, std::string_view name) const;
  // account_id 0: the share of the resource itself.
  const v1::ShareRow* FindShareOf(uint64_t user_id, uint64_t resource_id,
                                  uint64_t account_id) const;

  // Lists, ascending by key. For the short ones; walk the long ones with ForEachId.
  std::vector<const v1::SshKeyRow*> KeysOfUser(uint64_t user_id) const;
  std::vector<const v1::TokenRow*> TokensOfUser(uint64_t user_id) const;
  std::vector<const v1::ShareRow*> SharesOfUser(uint64_t user_id) const;
  std::vector<const v1::ShareRow*> SharesOfResource(uint64_t resource_id) const;
  std::vector<const v1::ShareRow*> SharesOfAccount(uint64_t account_id) const;
  std::vector<const v1::AccountRow*> AccountsOfResource(uint64_t resource_id) const;
  std::vector<const v1::UserRow*> UsersOfOrganization(uint64_t organization_id) const;
  std::vector<const v1::DataKeyRow*> DataKeysOf(uint64_t organization_id) const;
  std::vector<const v1::InviteRow*> Invites() const;
  std::vector<const v1::HostKeyRow*> HostKeys() const;
  std::vector<const v1::MemberRow*> Members() const;
  std::vector<const v1::SshdRow*> SshdRows() const;
  // Of the user with that name; empty when there is none.
  std::vector<const v1::SshKeyRow*> KeysByUserName(uint64_t organization_id,
                                                   std::string_view name) const;
};

// Calls `visit` for every list that a row stands in.
void ForEachListOf(v1::Table table, const google::protobuf::Message& inner,
                   absl::FunctionRef<void(List list, uint64_t of)> visit);
// The unique index of a table (none has two), and the key that a row of that table has in it.
std::optional<Unique> UniqueOf(v1::Table table);
UniqueKey UniqueKeyOf(Unique unique, const google::protobuf::Message& inner);
v1::Table TableOf(Unique unique);
v1::Table TableOf(List list);
bool HaveOneUniqueValue(v1::Table table, const google::protobuf::Message& a,
                        const google::protobuf::Message& b);
// kDataLoss when another row holds what must be unique in `row`, or a second cluster row comes.
absl::Status CheckClash(const StateReader& reader, const v1::Row& row);
inline bool IsFolded(Unique unique) {
  return unique == Unique::kResourceName || unique == Unique::kAccountName;
}

}  // namespace holdfast::vault

#endif  // HOLDFAST_SERVER_VAULT_STATE_READER_H_
