#ifndef HOLDFAST_SERVER_VAULT_SHORTER_LIST_H_
#define HOLDFAST_SERVER_VAULT_SHORTER_LIST_H_

#include <cstdint>

#include "server/vault/state_reader.h"

namespace holdfast::vault {

// Whether list `a` ends before list `b`; equal: true. Walks both by turns, so that it costs what
// the shorter one holds, however long the other is. For questions that either list can answer.
bool IsShorter(const StateReader& state, List a, uint64_t of_a, List b, uint64_t of_b);

}  // namespace holdfast::vault

#endif  // HOLDFAST_SERVER_VAULT_SHORTER_LIST_H_
