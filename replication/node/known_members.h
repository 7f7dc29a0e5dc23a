#ifndef HOLDFAST_REPLICATION_NODE_KNOWN_MEMBERS_H_
#define HOLDFAST_REPLICATION_NODE_KNOWN_MEMBERS_H_

#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "holdfast/v1/rows.pb.h"
#include "server/storage/store.h"

namespace holdfast::replication {

// The members that a node was told of when it joined: it has no rows yet that name whom to dial.
absl::Status PutKnownMembers(storage::Store& store, const std::vector<v1::MemberRow>& members);
absl::StatusOr<std::vector<v1::MemberRow>> GetKnownMembers(storage::Store& store);

}  // namespace holdfast::replication

#endif  // HOLDFAST_REPLICATION_NODE_KNOWN_MEMBERS_H_
