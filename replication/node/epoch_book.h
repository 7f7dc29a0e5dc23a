#ifndef HOLDFAST_REPLICATION_NODE_EPOCH_BOOK_H_
#define HOLDFAST_REPLICATION_NODE_EPOCH_BOOK_H_

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "replication/core/epoch_guard.h"
#include "replication/core/grant.h"
#include "server/base/mutex.h"
#include "server/storage/store.h"

namespace holdfast::replication {

// The promises of this node about epochs: an EpochGuard whose every rise is on disk before anybody
// hears of it (fact "epochs", docs/formats/node.md).
//
// Threading   Thread-safe; a call that has to write blocks the others.
// Ownership   Borrows the store.
// Failure     When a promise to another node cannot be written, it is kept in memory and not told:
//             the status is returned, also by every later call until it could be written. One to
//             this node itself (GrantSelf, Claim) is as if it had not been asked for.
class EpochBook {
 public:
  static absl::StatusOr<std::unique_ptr<EpochBook>> Open(storage::Store& store,
                                                         const std::string& node_id);

  absl::StatusOr<EpochSeen> OnSeen(const Epoch& epoch);
  // ABORTED: something newer was promised. `k`: the epoch would start with it.
  absl::Status GrantSelf(const Epoch& epoch, std::optional<uint32_t> k = std::nullopt);
  absl::Status Claim(const Epoch& epoch, const Epoch& resumed_from);
  // This node gives up its epoch for `winner`, of the same number.
  absl::Status Yield(const Epoch& winner);
  // The newest committed record is of `epoch`: see EpochGuard.
  void OnCommitted(const Epoch& epoch);
  // `hold` gives the log of that moment, and unless it is a dry run ends the link of older epochs;
  // called only when the epoch will be granted, or would be.
  absl::StatusOr<GrantAnswer> Decide(const GrantAsk& ask, VoterFacts facts,
                                     const std::function<void(VoterFacts&)>& hold);
  EpochPromises promises() const;

 private:
  EpochBook(storage::Store& store, EpochGuard guard) : store_(store), guard_(std::move(guard)) {}
  absl::Status Persist(const EpochPromises& promises) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  storage::Store& store_;
  mutable Mutex mu_;
  EpochGuard guard_ ABSL_GUARDED_BY(mu_);
  bool unwritten_ ABSL_GUARDED_BY(mu_) = false;  // a promise that could not be written
};

}  // namespace holdfast::replication

#endif  // HOLDFAST_REPLICATION_NODE_EPOCH_BOOK_H_
