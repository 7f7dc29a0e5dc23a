#ifndef HOLDFAST_TESTS_POWER_LOSS_WORKLOAD_H_
#define HOLDFAST_TESTS_POWER_LOSS_WORKLOAD_H_

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "server/base/position.h"
#include "server/base/secret_bytes.h"
#include "tests/power_loss/recorder.h"

namespace holdfast::power_loss {

// A recorded life of a node, and what its log holds.
struct Life {
  std::string name;  // of the node
  std::shared_ptr<const SecretBytes> root;
  std::vector<DiskOp> ops;
  std::map<Position, Digest> digests;
};

// Notes in it, each when it was so:
//   begun            the node was set up: from here on nothing may be missing
//   shown P          acknowledged, or shown to readers, up to the position P
//   may_show P       from here on the node may show up to P; 0: whatever it has
//   durable S        the log was told to be on disk up to S
//   cut S            the log is about to be cut behind S
//   promise.begun N  the fact "promise" is about to become N
//   promise.sure N   it was told to be durable
//   audit N          the journal told record N to be durable

// A primary: alone (local), then with one secondary (durable:1) whose acknowledgements are played,
// restarts, a trimmed log.
Life LiveAsPrimary(const std::string& folder);
// A secondary: batches ahead of what is committed, a cut, a restart, a snapshot, and on.
Life LiveAsSecondary(const std::string& folder);

}  // namespace holdfast::power_loss

#endif  // HOLDFAST_TESTS_POWER_LOSS_WORKLOAD_H_
