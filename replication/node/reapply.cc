#include "replication/node/reapply.h"

#include <fmt/format.h>

#include <functional>
#include <map>
#include <string_view>
#include <utility>

#include "replication/node/lost_names.h"
#include "server/base/encoding.h"
#include "server/base/status_macros.h"
#include "server/crypto/hash.h"

namespace holdfast::replication {
namespace {

using BodyOr = absl::StatusOr<vault::CommandBody>;

constexpr int64_t kKeyLifeMs = int64_t{30} * 24 * 3600 * 1000;

// A lost write beside the state of the primary.
class Lost {
 public:
  Lost(const v1::LostWrite& write, const v1::Record& record, const vault::StateReader& state)
      : write_(write), record_(record), state_(state) {}

  const v1::Record& record() const { return record_; }

  // The first row of a kind that it puts.
  const v1::Row* Put(v1::Row::RowCase kind) const {
    for (const v1::RowChange& change : record_.changes()) {
      if (change.has_put() && change.put().row_case() == kind) return &change.put();
    }
    return nullptr;
  }
  std::vector<const v1::Row*> Puts(v1::Row::RowCase kind) const {
    std::vector<const v1::Row*> rows;
    for (const v1::RowChange& change : record_.changes()) {
      if (change.has_put() && change.put().row_case() == kind) rows.push_back(&change.put());
    }
    return rows;
  }
  uint64_t Deleted(v1::Table table) const {
    for (const v1::RowChange& change : record_.changes()) {
      if (change.has_delete_() && change.delete_().table() == table) return change.delete_().id();
    }
    return 0;
  }
  // What an id of the lost log is here.
  absl::StatusOr<uint64_t> IdOf(v1::Table table, uint64_t lost_id) const {
    const v1::LostName* name = NameOf(table, lost_id);
    if (name == nullptr) return Gone("a row whose name is not known");
    const uint64_t id = Find(*name);
    if (id == 0) return Gone(ToText(*name));
    return id;
  }

 private:
  static absl::Status Gone(const std::string& what) {
    return absl::FailedPreconditionError(fmt::format("{} is not there (any more)", what));
  }
  const v1::LostName* NameOf(v1::Table table, uint64_t lost_id) const {
    for (const v1::LostName& name : write_.names()) {
      if (name.table() == table && name.id() == lost_id) return &name;
    }
    return nullptr;
  }
  uint64_t User(const v1::LostName& name) const {
    const v1::UserRow* user = state_.FindUserByName(name.organization_id(), name.user());
    return user == nullptr ? 0 : user->id();
  }
  uint64_t Resource(const v1::LostName& name) const {
    const auto* resource = state_.FindResourceByName(name.organization_id(), name.resource());
    return resource == nullptr ? 0 : resource->id();
  }
  uint64_t Account(const v1::LostName& name) const {
    const uint64_t resource = Resource(name);
    if (resource == 0 || name.account().empty()) return 0;
    const v1::AccountRow* account = state_.FindAccountByName(resource, name.account());
    return account == nullptr ? 0 : account->id();
  }
  uint64_t Key(const v1::LostName& name) const {
    uint64_t found = 0;
    state_.ForEachId(vault::List::kKeysOfUser, User(name), 0, [&](uint64_t id) {
      if (state_.FindSshKey(id)->fingerprint() == name.detail()) found = id;
      return found == 0;
    });
    return found;
  }
  uint64_t Token(const v1::LostName& name) const {
    const std::optional<std::string> hash = HexDecode(name.detail());
    const v1::TokenRow* token = hash ? state_.FindTokenByHash(*hash) : nullptr;
    return token == nullptr ? 0 : token->id();
  }
  uint64_t Share(const v1::LostName& name) const {
    const v1::ShareRow* share = state_.FindShareOf(User(name), Resource(name), Account(name));
    return share == nullptr ? 0 : share->id();
  }
  uint64_t Find(const v1::LostName& name) const {
    switch (name.table()) {
      case v1::TABLE_USER:
        return User(name);
      case v1::TABLE_RESOURCE:
        return Resource(name);
      case v1::TABLE_ACCOUNT:
        return Account(name);
      case v1::TABLE_SSH_KEY:
        return Key(name);
      case v1::TABLE_TOKEN:
        return Token(name);
      case v1::TABLE_SHARE:
        return Share(name);
      default:
        return 0;
    }
  }

  const v1::LostWrite& write_;
  const v1::Record& record_;
  const vault::StateReader& state_;
};

absl::Status Unlike(std::string_view operation) {
  return absl::FailedPreconditionError(
      fmt::format("the record does not hold what {} writes", operation));
}

vault::NewSshKey KeyFrom(const v1::SshKeyRow& row) {
  return {.type = row.type(),
          .public_key = row.public_key(),
          .fingerprint = row.fingerprint(),
          .comment = row.comment()};
}

BodyOr AddUser(const Lost& lost) {
  const v1::Row* user = lost.Put(v1::Row::kUser);
  if (user == nullptr) return Unlike("user.add");
  vault::AddUser body{.user = user->user()};
  body.user.clear_id();
  body.user.clear_created_ms();
  if (const v1::Row* token = lost.Put(v1::Row::kToken)) {
    body.token =
        vault::NewToken{.hash = token->token().hash(), .expires_ms = token->token().expires_ms()};
  }
  for (const v1::Row* key : lost.Puts(v1::Row::kSshKey))
    body.keys.push_back(KeyFrom(key->ssh_key()));
  return body;
}

BodyOr AddKey(const Lost& lost) {
  const v1::Row* key = lost.Put(v1::Row::kSshKey);
  if (key == nullptr) return Unlike("key.add");
  HOLDFAST_ASSIGN_OR_RETURN(const uint64_t user,
                            lost.IdOf(v1::TABLE_USER, key->ssh_key().user_id()));
  return vault::AddSshKey{.user_id = user, .key = KeyFrom(key->ssh_key())};
}

BodyOr IssueToken(const Lost& lost) {
  const v1::Row* token = lost.Put(v1::Row::kToken);
  if (token == nullptr) return Unlike("token.issue");
  HOLDFAST_ASSIGN_OR_RETURN(const uint64_t user,
                            lost.IdOf(v1::TABLE_USER, token->token().user_id()));
  return vault::IssueToken{
      .user_id = user,
      .token = {.hash = token->token().hash(), .expires_ms = token->token().expires_ms()},
      .replace = lost.Deleted(v1::TABLE_TOKEN) != 0};
}

std::vector<v1::AccountRow> AccountsIn(const Lost& lost) {
  std::vector<v1::AccountRow> accounts;
  for (const v1::Row* row : lost.Puts(v1::Row::kAccount)) {
    v1::AccountRow account = row->account();
    account.clear_id();
    account.clear_resource_id();
    account.clear_owner_id();
    accounts.push_back(std::move(account));
  }
  return accounts;
}

BodyOr AddResource(const Lost& lost) {
  const v1::Row* resource = lost.Put(v1::Row::kResource);
  if (resource == nullptr) return Unlike("resource.add");
  vault::AddResource body{.resource = resource->resource(), .accounts = AccountsIn(lost)};
  body.resource.clear_id();
  body.resource.clear_owner_id();
  return body;
}

BodyOr AddAccounts(const Lost& lost) {
  const v1::Row* account = lost.Put(v1::Row::kAccount);
  if (account == nullptr) return Unlike("account.add");
  HOLDFAST_ASSIGN_OR_RETURN(const uint64_t resource,
                            lost.IdOf(v1::TABLE_RESOURCE, account->account().resource_id()));
  return vault::AddAccounts{.resource_id = resource, .accounts = AccountsIn(lost)};
}

BodyOr SetSecret(const Lost& lost) {
  const v1::Row* account = lost.Put(v1::Row::kAccount);
  if (account == nullptr) return Unlike("account.set_secret");
  HOLDFAST_ASSIGN_OR_RETURN(const uint64_t id,
                            lost.IdOf(v1::TABLE_ACCOUNT, account->account().id()));
  return vault::SetSecret{.account_id = id, .secret = account->account().secret()};
}

BodyOr SetShare(const Lost& lost) {
  const v1::Row* row = lost.Put(v1::Row::kShare);
  if (row == nullptr) return Unlike("share.set");
  const v1::ShareRow& share = row->share();
  vault::SetShare body{.level = share.level()};
  HOLDFAST_ASSIGN_OR_RETURN(body.user_id, lost.IdOf(v1::TABLE_USER, share.user_id()));
  HOLDFAST_ASSIGN_OR_RETURN(body.resource_id, lost.IdOf(v1::TABLE_RESOURCE, share.resource_id()));
  if (share.account_id() != 0) {
    HOLDFAST_ASSIGN_OR_RETURN(body.account_id, lost.IdOf(v1::TABLE_ACCOUNT, share.account_id()));
  }
  return body;
}

BodyOr LockUser(const Lost& lost) {
  const v1::Row* user = lost.Put(v1::Row::kUser);
  if (user == nullptr) return Unlike("user.lock");
  HOLDFAST_ASSIGN_OR_RETURN(const uint64_t id, lost.IdOf(v1::TABLE_USER, user->user().id()));
  return vault::SetUserLocked{.user_id = id, .locked = user->user().locked()};
}

// Deletions: `make` of the id that what was deleted has here.
template <v1::Table table, typename Body>
BodyOr Delete(const Lost& lost) {
  const uint64_t lost_id = lost.Deleted(table);
  if (lost_id == 0) return Unlike("a deletion");
  HOLDFAST_ASSIGN_OR_RETURN(const uint64_t id, lost.IdOf(table, lost_id));
  return vault::CommandBody(Body{id});
}

const std::map<std::string_view, BodyOr (*)(const Lost&)>& Kinds() {
  static const auto* const kinds = new std::map<std::string_view, BodyOr (*)(const Lost&)>{
      {"user.add", AddUser},
      {"user.lock", LockUser},
      {"user.unlock", LockUser},
      {"user.delete", Delete<v1::TABLE_USER, vault::DeleteUser>},
      {"key.add", AddKey},
      {"key.remove", Delete<v1::TABLE_SSH_KEY, vault::RemoveSshKey>},
      {"token.issue", IssueToken},
      {"token.revoke", Delete<v1::TABLE_TOKEN, vault::RevokeToken>},
      {"resource.add", AddResource},
      {"resource.delete", Delete<v1::TABLE_RESOURCE, vault::DeleteResource>},
      {"account.add", AddAccounts},
      {"account.delete", Delete<v1::TABLE_ACCOUNT, vault::DeleteAccount>},
      {"account.set_secret", SetSecret},
      {"share.set", SetShare},
      {"share.revoke", Delete<v1::TABLE_SHARE, vault::RevokeShare>},
  };
  return *kinds;
}

// The key that the client gave, so that a client who asked the new primary again, and we, are one;
// else one of our own.
vault::RequestKey RequestKeyOf(const v1::LostWrite& write, const Lost& lost, int64_t now_ms) {
  vault::RequestKey key{.key = "lost/" + write.id(),
                        .digest = std::string(AsText(crypto::Sha256({write.record()}))),
                        .expires_ms = now_ms + kKeyLifeMs};
  if (const v1::Row* row = lost.Put(v1::Row::kRequestKey)) {
    const v1::RequestKeyRow& given = row->request_key();
    key.key = given.id().substr(given.id().find('/') + 1);
    key.digest = given.request_digest();
    if (given.expires_ms() > now_ms) key.expires_ms = given.expires_ms();
  }
  return key;
}

absl::StatusOr<v1::Record> RecordOf(const v1::LostWrite& write) {
  v1::Record record;
  if (write.record().empty() || !record.ParseFromString(write.record())) {
    return absl::FailedPreconditionError(
        "the log did not hold it any more: only its number is known");
  }
  return record;
}

}  // namespace

absl::StatusOr<vault::Command> CommandFor(const v1::LostWrite& write,
                                          const vault::StateReader& state, int64_t now_ms) {
  HOLDFAST_ASSIGN_OR_RETURN(const v1::Record record, RecordOf(write));
  const Lost lost(write, record, state);
  const auto kind = Kinds().find(record.operation());
  if (kind == Kinds().end()) {
    return absl::UnimplementedError(
        fmt::format("{} is not done again by itself: give the order anew", record.operation()));
  }
  vault::Command command{.actor = record.actor(), .now_ms = now_ms};
  if (record.actor().user_id() != 0) {
    HOLDFAST_ASSIGN_OR_RETURN(const uint64_t user,
                              lost.IdOf(v1::TABLE_USER, record.actor().user_id()));
    command.actor.set_user_id(user);
  }
  HOLDFAST_ASSIGN_OR_RETURN(command.body, kind->second(lost));
  command.request_key = RequestKeyOf(write, lost, now_ms);
  return command;
}

std::vector<v1::RowKey> TouchedBy(const v1::LostWrite& write, const vault::StateReader& state) {
  std::vector<v1::RowKey> keys;
  const absl::StatusOr<v1::Record> record = RecordOf(write);
  if (!record.ok()) return keys;
  const Lost lost(write, *record, state);
  for (const v1::RowChange& change : record->changes()) {
    const v1::RowKey lost_key = change.has_put() ? vault::KeyOf(change.put()) : change.delete_();
    const absl::StatusOr<uint64_t> id = lost.IdOf(lost_key.table(), lost_key.id());
    if (!id.ok()) continue;
    v1::RowKey key;
    key.set_table(lost_key.table());
    key.set_id(*id);
    keys.push_back(std::move(key));
  }
  return keys;
}

}  // namespace holdfast::replication
