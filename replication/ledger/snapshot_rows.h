#ifndef HOLDFAST_REPLICATION_LEDGER_SNAPSHOT_ROWS_H_
#define HOLDFAST_REPLICATION_LEDGER_SNAPSHOT_ROWS_H_

#include <map>
#include <memory>
#include <string>

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
// Threading   Thread-compatible.
class SnapshotRows {
 public:
  explicit SnapshotRows(const crypto::KeyRing& keys);
  SnapshotRows(SnapshotRows&&) = default;
  SnapshotRows& operator=(SnapshotRows&&) = default;

  // Later ones win; deleting what is not there is nothing. As vault::CheckRow. Takes the row out of
  // `change`.
  absl::Status Apply(v1::RowChange& change);
  // After the last change. DATA_LOSS: a unique value stands in two rows.
  absl::Status Finish();

  const Digest& digest() const { return digest_.value(); }
  const vault::State& state() const { return *state_; }
  std::unique_ptr<vault::State> Take() { return std::move(state_); }

 private:
  absl::Status Put(v1::Row& row, const v1::RowKey& key);
  void Drop(const v1::RowKey& key);

  const crypto::KeyRing* keys_;
  std::unique_ptr<vault::State> state_;
  StateDigest digest_;
  std::map<std::string, v1::Row> waiting_;  // by their serialized keys
};

}  // namespace holdfast::replication

#endif  // HOLDFAST_REPLICATION_LEDGER_SNAPSHOT_ROWS_H_
