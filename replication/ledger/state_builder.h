#ifndef HOLDFAST_REPLICATION_LEDGER_STATE_BUILDER_H_
#define HOLDFAST_REPLICATION_LEDGER_STATE_BUILDER_H_

#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "replication/ledger/state_digest.h"
#include "server/crypto/key_ring.h"
#include "server/storage/store.h"
#include "server/vault/state.h"

namespace holdfast::replication {

using TableSizes = std::vector<std::pair<v1::Table, uint64_t>>;  // in rows

// A state from the changes of a snapshot, and its digest.
//
// Threading   Thread-compatible.
class StateBuilder {
 public:
  explicit StateBuilder(const crypto::KeyRing& keys);

  // Before the first: so many rows may come.
  void MakeRoom(const TableSizes& sizes);
  // Takes the row, whose MAC is `mac`, out of `change`.
  absl::Status Apply(storage::StagedChange& change, const Digest& mac);
  absl::Status Finish();  // DATA_LOSS: a unique value stands in two rows

  const Digest& digest() const { return digest_.value(); }
  const vault::State& state() const { return *state_; }
  std::unique_ptr<vault::State> Take() { return std::move(state_); }

 private:
  struct Waiting {
    storage::StagedChange change;
    Digest mac;
  };
  void Drop(const v1::RowKey& key);
  absl::Status Put(storage::StagedChange& change, const Digest& mac);

  const crypto::KeyRing& keys_;
  std::unique_ptr<vault::State> state_;
  StateDigest digest_;
  std::map<std::string, Waiting> waiting_;  // by their serialized keys
};

}  // namespace holdfast::replication

#endif  // HOLDFAST_REPLICATION_LEDGER_STATE_BUILDER_H_
