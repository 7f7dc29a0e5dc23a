#ifndef HOLDFAST_REPLICATION_LEDGER_ROW_FEED_H_
#define HOLDFAST_REPLICATION_LEDGER_ROW_FEED_H_

#include <optional>
#include <thread>
#include <vector>

#include "server/base/hand_off.h"
#include "server/vault/state.h"

namespace holdfast::replication {

// The rows of a state in the order of a RowWalk, looked up and copied ahead on a thread of its own:
// whoever stores them has the other half of the work.
//
// Threading   Thread-compatible. Nobody changes the state meanwhile.
// Ownership   Borrows the state.
class RowFeed {
 public:
  explicit RowFeed(const vault::State& state);
  ~RowFeed();

  std::optional<v1::Row> Next();  // nullopt: that was the last one

 private:
  using Batch = std::vector<v1::Row>;
  void Walk(const vault::State& state);

  HandOff<Batch> batches_;
  Batch batch_;
  size_t at_ = 0;
  std::thread walker_;
};

}  // namespace holdfast::replication

#endif  // HOLDFAST_REPLICATION_LEDGER_ROW_FEED_H_
