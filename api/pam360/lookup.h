#ifndef HOLDFAST_API_PAM360_LOOKUP_H_
#define HOLDFAST_API_PAM360_LOOKUP_H_

#include <cstdint>

#include "absl/status/statusor.h"
#include "server/vault/state_reader.h"

namespace holdfast::pam360 {

// The account of a path resources/<rid>/accounts/<aid>: seen by the user, and of that resource;
// NO_SUCH_ACCOUNT otherwise.
absl::StatusOr<const v1::AccountRow*> FindAccountIn(const vault::StateReader& state,
                                                    const v1::UserRow& user, uint64_t resource_id,
                                                    uint64_t account_id);

}  // namespace holdfast::pam360

#endif  // HOLDFAST_API_PAM360_LOOKUP_H_
