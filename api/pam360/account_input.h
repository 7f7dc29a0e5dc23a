#ifndef HOLDFAST_API_PAM360_ACCOUNT_INPUT_H_
#define HOLDFAST_API_PAM360_ACCOUNT_INPUT_H_

#include <string_view>

#include "absl/status/statusor.h"
#include "api/pam360/call.h"
#include "api/pam360/input_data.h"

namespace holdfast::pam360 {

// A new account with its secret sealed, from the parameters of R2 or an item of A2. Without a
// PASSWORD one is generated; without an ACCOUNTPASSWORDPOLICY that of the resource counts.
absl::StatusOr<v1::AccountRow> AccountOf(const Call& call, const Parameters& parameters,
                                         std::string_view resource_policy);

}  // namespace holdfast::pam360

#endif  // HOLDFAST_API_PAM360_ACCOUNT_INPUT_H_
