#ifndef HOLDFAST_SERVER_VAULT_PLAN_REQUEST_KEY_H_
#define HOLDFAST_SERVER_VAULT_PLAN_REQUEST_KEY_H_

#include <optional>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/vault/plan.h"
#include "server/vault/plan_draft.h"

namespace holdfast::vault {

// What became of the same request when it came before; nullopt: it did not, or its key has expired.
// IDEMPOTENCY_KEY_REUSED when the key was used for another request.
absl::StatusOr<std::optional<Planned>> PlannedBefore(const StateReader& state,
                                                     const Command& command);

// Remembers what was planned, and drops a few keys that have expired. LIMIT_REACHED when the user
// has as many as allowed.
absl::Status PutRequestKey(const Command& command, const Planned& planned, Draft& draft);

}  // namespace holdfast::vault

#endif  // HOLDFAST_SERVER_VAULT_PLAN_REQUEST_KEY_H_
