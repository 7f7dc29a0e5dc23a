#ifndef HOLDFAST_REPLICATION_NODE_REAPPLY_H_
#define HOLDFAST_REPLICATION_NODE_REAPPLY_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "holdfast/v1/quarantine.pb.h"
#include "server/vault/command.h"
#include "server/vault/state_reader.h"

namespace holdfast::replication {

// The command that does a lost write again on a primary whose state is `state`: its ids are found
// anew by the names that they had, and it is done by the user who did it, so the vault's rules
// decide. Sealed secrets are taken over as they are.
// FAILED_PRECONDITION: it does not fit any more, and why; UNIMPLEMENTED: not of a kind that is done
// again.
absl::StatusOr<vault::Command> CommandFor(const v1::LostWrite& write,
                                          const vault::StateReader& state, int64_t now_ms);

// The row of the primary that the write is about, when it changes or deletes one that is there:
// whether that was changed since the fork is the question. Empty: it adds something.
std::vector<v1::RowKey> TouchedBy(const v1::LostWrite& write, const vault::StateReader& state);

}  // namespace holdfast::replication

#endif  // HOLDFAST_REPLICATION_NODE_REAPPLY_H_
