#ifndef HOLDFAST_REPLICATION_LEDGER_SNAPSHOT_ROWS_H_
#define HOLDFAST_REPLICATION_LEDGER_SNAPSHOT_ROWS_H_

#include <functional>
#include <memory>

#include "absl/status/status.h"
#include "replication/ledger/state_builder.h"
#include "server/crypto/key_ring.h"
#include "server/storage/store.h"
#include "server/vault/state.h"

namespace holdfast::replication {

// What a snapshot brings, while it comes: the state that is built from its changes beside the one
// that is served, and the rows that are stored beside those in use.
//
// Invariants  Rows of a snapshot are of different moments until its end: a unique value may stand
//             in two of them for a while. The later one waits, and its old row goes, until the
//             other has changed.
// Threading   Thread-compatible. The MAC of a row is taken by whoever calls Apply; a thread stores
//             it, another puts it into the state.
// Ownership   Goes before the store that `staged` is of.
class SnapshotRows {
 public:
  // `staged` may be null: then nothing is stored.
  SnapshotRows(const crypto::KeyRing& keys, std::unique_ptr<storage::StagedRows> staged);
  ~SnapshotRows();
  SnapshotRows(SnapshotRows&&) noexcept;
  SnapshotRows& operator=(SnapshotRows&&) noexcept;

  // Before the first: so many rows may come.
  void MakeRoom(const TableSizes& sizes);
  // Later ones win; deleting what is not there is nothing. As vault::CheckRow, and as the store;
  // the error of an earlier change may come with a later one. Takes the row out of `change`.
  absl::Status Apply(v1::RowChange& change);
  // After the last change, and before what follows is asked. Waits until all is stored and built,
  // and calls `alive` each second meanwhile. DATA_LOSS: a unique value stands in two rows.
  absl::Status Finish(const std::function<void()>& alive);

  const Digest& digest() const;
  const vault::State& state() const;
  storage::StagedRows* staged() const;
  std::unique_ptr<vault::State> Take();

 private:
  class Pipe;
  std::unique_ptr<Pipe> pipe_;
};

}  // namespace holdfast::replication

#endif  // HOLDFAST_REPLICATION_LEDGER_SNAPSHOT_ROWS_H_
