#include "server/vault/login.h"

#include "fmt/format.h"
#include "server/base/status_macros.h"
#include "server/vault/command.h"
#include "server/vault/refusal.h"
#include "server/vault/source_address.h"
#include "server/vault/validate.h"

namespace holdfast::vault {
namespace {

absl::Status AuthFailed(const std::string& why) { return Refuse(Refusal::kAuthFailed, why); }

absl::Status CheckHost(const v1::UserRow& user, std::string_view source) {
  if (!user.host_check() || SourceMatches(user.host_name(), source)) return absl::OkStatus();
  return Refuse(Refusal::kHostNotAllowed,
                fmt::format("user '{}' may come from '{}' only, not from '{}'", user.name(),
                            user.host_name(), Shown(source)));
}

absl::Status CheckUnlocked(const v1::UserRow& user) {
  if (!user.locked()) return absl::OkStatus();
  return Refuse(Refusal::kUserLocked, fmt::format("user '{}' is locked", user.name()));
}

absl::StatusOr<TokenLogin> LogIn(const StateReader& state, const v1::TokenRow* token,
                                 std::string_view source, int64_t now_ms) {
  const v1::UserRow* user = token == nullptr ? nullptr : state.FindUser(token->user_id());
  if (user == nullptr) return AuthFailed("no user has that token");
  if (token->expires_ms() != 0 && token->expires_ms() <= now_ms) {
    return Refuse(Refusal::kTokenExpired,
                  fmt::format("token {} of user '{}' has expired", token->id(), user->name()));
  }
  HOLDFAST_RETURN_IF_ERROR(CheckUnlocked(*user));
  if (!user->rest_enabled()) {
    return Refuse(Refusal::kRestNotEnabled,
                  fmt::format("REST is not enabled for user '{}'", user->name()));
  }
  HOLDFAST_RETURN_IF_ERROR(CheckHost(*user, source));
  return TokenLogin{.user = user, .token = token};
}

absl::StatusOr<KeyLogin> LogIn(const v1::UserRow& user, const v1::SshKeyRow& key,
                               std::string_view source) {
  HOLDFAST_RETURN_IF_ERROR(CheckUnlocked(user));
  if (!user.ssh_enabled()) {
    return Refuse(Refusal::kSshNotEnabled,
                  fmt::format("SSH is not enabled for user '{}'", user.name()));
  }
  HOLDFAST_RETURN_IF_ERROR(CheckHost(user, source));
  return KeyLogin{.user = &user, .key = &key};
}

const v1::UserRow* FindLogin(const StateReader& state, std::string_view login) {
  const size_t slash = login.find('/');  // No user's name has one.
  if (slash == std::string_view::npos) return state.FindUserByName(kDefaultOrganization, login);
  const v1::OrganizationRow* organization = state.FindOrganizationByName(login.substr(0, slash));
  if (organization == nullptr) return nullptr;
  return state.FindUserByName(organization->id(), login.substr(slash + 1));
}

}  // namespace

absl::StatusOr<TokenLogin> LogInByToken(const StateReader& state, std::string_view token_hash,
                                        std::string_view source, int64_t now_ms) {
  return LogIn(state, state.FindTokenByHash(token_hash), source, now_ms);
}

absl::StatusOr<KeyLogin> LogInByKey(const StateReader& state, std::string_view login,
                                    std::string_view public_key, std::string_view source) {
  const v1::UserRow* user = FindLogin(state, login);
  if (user == nullptr) return AuthFailed(fmt::format("no user '{}'", Shown(login)));
  const v1::SshKeyRow* key = state.FindSshKeyOf(user->id(), public_key);
  if (key == nullptr) return AuthFailed(fmt::format("user '{}' has no such key", user->name()));
  return LogIn(*user, *key, source);
}

absl::StatusOr<const v1::UserRow*> StillValidToken(const StateReader& state, uint64_t token_id,
                                                   std::string_view source, int64_t now_ms) {
  HOLDFAST_ASSIGN_OR_RETURN(const TokenLogin login,
                            LogIn(state, state.FindToken(token_id), source, now_ms));
  return login.user;
}

absl::StatusOr<const v1::UserRow*> StillValidKey(const StateReader& state, uint64_t key_id,
                                                 std::string_view source) {
  const v1::SshKeyRow* key = state.FindSshKey(key_id);
  const v1::UserRow* user = key == nullptr ? nullptr : state.FindUser(key->user_id());
  if (user == nullptr) return AuthFailed("the key has gone");
  HOLDFAST_ASSIGN_OR_RETURN(const KeyLogin login, LogIn(*user, *key, source));
  return login.user;
}

}  // namespace holdfast::vault
