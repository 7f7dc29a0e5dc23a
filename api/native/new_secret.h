#ifndef HOLDFAST_API_NATIVE_NEW_SECRET_H_
#define HOLDFAST_API_NATIVE_NEW_SECRET_H_

#include <string_view>

#include "absl/status/status.h"
#include "api/native/fields.h"
#include "server/base/secret_bytes.h"

namespace holdfast::native {

// What a body says about a new secret: SECRET, or `generate`. Wrong, both or none: in
// fields.Done(), and the result is empty.
SecretBytes NewSecretIn(Fields& fields);

// POLICY_VIOLATION when the policy of the account, or without one that of its resource, is the
// built-in one and the secret breaks it. Other policies are names that nothing is known of.
absl::Status CheckPolicy(std::string_view account_policy, std::string_view resource_policy,
                         const SecretBytes& secret);

}  // namespace holdfast::native

#endif  // HOLDFAST_API_NATIVE_NEW_SECRET_H_
