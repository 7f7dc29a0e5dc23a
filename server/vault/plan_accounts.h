#ifndef HOLDFAST_SERVER_VAULT_PLAN_ACCOUNTS_H_
#define HOLDFAST_SERVER_VAULT_PLAN_ACCOUNTS_H_

#include <vector>

#include "absl/status/status.h"
#include "server/vault/plan_context.h"

namespace holdfast::vault {

// Checks and puts the accounts of a command into `resource`, which is in the draft or the state.
absl::Status PutAccounts(const std::vector<v1::AccountRow>& accounts,
                         const v1::ResourceRow& resource, PlanContext& context);

}  // namespace holdfast::vault

#endif  // HOLDFAST_SERVER_VAULT_PLAN_ACCOUNTS_H_
