#ifndef HOLDFAST_SERVER_VAULT_COMMAND_H_
#define HOLDFAST_SERVER_VAULT_COMMAND_H_

// What can be asked of the vault. A command carries everything that planning must not find out by
// itself: the time, random ids, sealed secrets, hashes. Names and ids come from outside and are
// checked by Plan; rows in a command are filled as far as the comment says, the rest is ignored.
#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "holdfast/v1/record.pb.h"
#include "holdfast/v1/rows.pb.h"

namespace holdfast::vault {

inline constexpr uint64_t kClusterOrganization = 0;  // the cluster's own secrets
inline constexpr uint64_t kDefaultOrganization = 1;

struct NewToken {
  std::string hash;        // keyed, 32 bytes
  int64_t expires_ms = 0;  // 0: never
};
struct NewSshKey {  // from crypto::ParseAuthorizedKey
  std::string type;
  std::string public_key;
  std::string fingerprint;
  std::string comment;
};

// The first rows of a cluster, ids included. Only on an empty vault, only by the node itself.
struct Bootstrap {
  std::vector<v1::Row> rows;
};

struct AddUser {
  v1::UserRow user;  // without id and times
  std::optional<NewToken> token;
  std::vector<NewSshKey> keys;
};
struct DeleteUser {  // refused while it owns something
  uint64_t user_id = 0;
};
struct SetUserLocked {
  uint64_t user_id = 0;
  bool locked = false;
};
struct AddSshKey {
  uint64_t user_id = 0;
  NewSshKey key;
};
struct RemoveSshKey {
  uint64_t key_id = 0;
};
struct IssueToken {
  uint64_t user_id = 0;
  NewToken token;
  bool replace = false;  // the user's other tokens end
};
struct RevokeToken {
  uint64_t token_id = 0;
};

struct AddResource {
  v1::ResourceRow resource;              // without id, owner and times: the caller owns it
  std::vector<v1::AccountRow> accounts;  // as in AddAccounts
};
struct DeleteResource {  // with its accounts and shares
  uint64_t resource_id = 0;
};
struct AddAccounts {
  uint64_t resource_id = 0;
  std::vector<v1::AccountRow> accounts;  // name, notes, policy, custom fields, sealed secret
};
struct DeleteAccount {
  uint64_t account_id = 0;
};
struct SetSecret {
  uint64_t account_id = 0;
  v1::SealedSecret secret;  // for table account and the account's organization
};

struct SetShare {  // a share that is there takes the new level
  uint64_t user_id = 0;
  uint64_t resource_id = 0;  // may be 0 when the account is named
  uint64_t account_id = 0;   // 0: the whole resource
  v1::ShareLevel level = v1::SHARE_LEVEL_UNSPECIFIED;
};
struct RevokeShare {
  uint64_t share_id = 0;
};

struct CreateInvite {
  std::string node_id;
  std::string token_hash;  // keyed, 32 bytes
  int64_t expires_ms = 0;
  bool never_primary = false;  // the member that joins with it does not vote
};
struct JoinMember {  // the invite is used up; a member of that name that never came is replaced
  std::string invite_hash;
  v1::MemberRow member;  // without joined_ms; never votes when the invite says so
};
struct ForgetMember {  // with its SSH server's row and its open invites; not the primary itself
  std::string node_id;
};
struct SetSshd {
  v1::SshdRow sshd;
};
struct SetSettings {
  v1::Level level = v1::LEVEL_UNSPECIFIED;
  uint32_t k = 0;  // 0 with local, else from 1
  v1::Policy policy = v1::POLICY_UNSPECIFIED;
  std::optional<uint32_t> wait_ms = std::nullopt;  // 0: the default; absent: as it is
};

using CommandBody = std::variant<Bootstrap, AddUser, DeleteUser, SetUserLocked, AddSshKey,
                                 RemoveSshKey, IssueToken, RevokeToken, AddResource, DeleteResource,
                                 AddAccounts, DeleteAccount, SetSecret, SetShare, RevokeShare,
                                 CreateInvite, JoinMember, ForgetMember, SetSshd, SetSettings>;

// By which a client says that two requests are one: the second is answered, not done again. Of one
// principal; another may use the same key.
struct RequestKey {
  std::string key;     // 1 to 255 visible ASCII
  std::string digest;  // keyed, 32 bytes: over everything that was asked for
  int64_t expires_ms = 0;
};

struct Command {
  v1::Actor actor;     // user_id 0: the node itself, which may do everything
  int64_t now_ms = 0;  // wall time at the desk
  CommandBody body;
  std::optional<RequestKey> request_key = std::nullopt;
  std::string primary = {};  // the node that plans; the ledger fills it in
};

}  // namespace holdfast::vault

#endif  // HOLDFAST_SERVER_VAULT_COMMAND_H_
