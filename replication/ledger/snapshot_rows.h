#ifndef HOLDFAST_REPLICATION_LEDGER_SNAPSHOT_ROWS_H_
#define HOLDFAST_REPLICATION_LEDGER_SNAPSHOT_ROWS_H_

#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "replication/ledger/state_digest.h"
#include "server/crypto/key_ring.h"
#include "server/vault/state.h"

namespace holdfast::replication {

// The state that a snapshot brings, built from its changes beside the one that is served.
//
// Invariants  Rows of a snapshot are of different moments until its end: a unique value may stand
//             in two of them for a while. The later one waits, and its old row goes, until the
//             other has changed.
// Threading   Thread-compatible. The MAC of a row is taken by whoever calls Apply, and the row put
//             into the state by a thread of its own: each is half of the work.
class SnapshotRows {
 public:
  explicit SnapshotRows(const crypto::KeyRing& keys);
  ~SnapshotRows();
  SnapshotRows(SnapshotRows&&) noexcept;
  SnapshotRows& operator=(SnapshotRows&&) noexcept;

  // Later ones win; deleting what is not there is nothing. As vault::CheckRow; the error of an
  // earlier change may come with a later one. Takes the row out of `change`.
  absl::Status Apply(v1::RowChange& change);
  // After the last change, and before what follows is asked. DATA_LOSS: a unique value stands in
  // two rows.
  absl::Status Finish();

  const Digest& digest() const;
  const vault::State& state() const;
  std::unique_ptr<vault::State> Take();

 private:
  class Builder;
  std::unique_ptr<Builder> builder_;
};

}  // namespace holdfast::replication

#endif  // HOLDFAST_REPLICATION_LEDGER_SNAPSHOT_ROWS_H_
