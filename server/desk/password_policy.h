#ifndef HOLDFAST_SERVER_DESK_PASSWORD_POLICY_H_
#define HOLDFAST_SERVER_DESK_PASSWORD_POLICY_H_

#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/base/secret_bytes.h"

// Password policies by name. Secrets are sealed before the vault plans with them, so whether they
// comply is asked here. Thread-safe.
namespace holdfast::desk {

// The name as it is kept, letter case aside; empty stays empty: no policy. INVALID_INPUT when there
// is no policy of that name.
absl::StatusOr<std::string> PolicyNamed(std::string_view name);

// POLICY_VIOLATION, without the secret. Everything complies with no policy and with unknown ones.
absl::Status CheckPassword(std::string_view policy, const SecretBytes& secret);

// A random one that complies with every policy there is.
SecretBytes NewPassword();

}  // namespace holdfast::desk

#endif  // HOLDFAST_SERVER_DESK_PASSWORD_POLICY_H_
