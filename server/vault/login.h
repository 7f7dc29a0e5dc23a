#ifndef HOLDFAST_SERVER_VAULT_LOGIN_H_
#define HOLDFAST_SERVER_VAULT_LOGIN_H_

#include <cstdint>
#include <string_view>

#include "absl/status/statusor.h"
#include "server/vault/state_reader.h"

// Who is it, and is it still? Pure; asked at login and again before every command. The refusal
// tells the journal what was wrong; a front end tells the stranger only that it was refused.
namespace holdfast::vault {

struct TokenLogin {
  const v1::UserRow* user = nullptr;
  const v1::TokenRow* token = nullptr;
};
// AUTH_FAILED, TOKEN_EXPIRED, USER_LOCKED, REST_NOT_ENABLED, HOST_NOT_ALLOWED.
absl::StatusOr<TokenLogin> LogInByToken(const StateReader& state, std::string_view token_hash,
                                        std::string_view source, int64_t now_ms);

struct KeyLogin {
  const v1::UserRow* user = nullptr;
  const v1::SshKeyRow* key = nullptr;
};
// `login` is the user's name, or ORGANIZATION/name. AUTH_FAILED, USER_LOCKED, SSH_NOT_ENABLED,
// HOST_NOT_ALLOWED.
absl::StatusOr<KeyLogin> LogInByKey(const StateReader& state, std::string_view login,
                                    std::string_view public_key, std::string_view source);

// The same for a caller that logged in before, by what it used then.
absl::StatusOr<const v1::UserRow*> StillValidToken(const StateReader& state, uint64_t token_id,
                                                   std::string_view source, int64_t now_ms);
absl::StatusOr<const v1::UserRow*> StillValidKey(const StateReader& state, uint64_t key_id,
                                                 std::string_view source);

}  // namespace holdfast::vault

#endif  // HOLDFAST_SERVER_VAULT_LOGIN_H_
