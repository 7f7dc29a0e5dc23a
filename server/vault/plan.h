#ifndef HOLDFAST_SERVER_VAULT_PLAN_H_
#define HOLDFAST_SERVER_VAULT_PLAN_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "server/vault/command.h"
#include "server/vault/state_reader.h"

namespace holdfast::vault {

struct Planned {
  std::string operation;               // "account.set_secret": the record's and the audit's name
  std::vector<v1::RowChange> changes;  // each applies to the state after the one before it
  // What was made or touched: the user (also of a key or token), the resource (also of accounts),
  // share or invite; and, for accounts and keys, each in order.
  uint64_t id = 0;
  std::vector<uint64_t> account_ids;
  std::vector<uint64_t> key_ids;
  uint64_t token_id = 0;
  // The request key was used for this very request before: ids of then, no changes. A token is not
  // among what can be shown again.
  bool repeated = false;
  // ForgetMember: accounts whose secrets that node had.
  uint64_t secrets_held = 0;
};

// The operation's name, known before planning: for the audit record of a refusal.
std::string_view OperationName(const CommandBody& body);

// Turns a command into row changes, or refuses it by the refusal table. Pure: the same state and
// command give the same changes on every node and in every run; no randomness, clock or encryption.
// A plan that was accepted cannot fail when it is applied to that state.
absl::StatusOr<Planned> Plan(const StateReader& state, const Command& command);

}  // namespace holdfast::vault

#endif  // HOLDFAST_SERVER_VAULT_PLAN_H_
