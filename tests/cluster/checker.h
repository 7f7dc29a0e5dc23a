#ifndef HOLDFAST_TESTS_CLUSTER_CHECKER_H_
#define HOLDFAST_TESTS_CLUSTER_CHECKER_H_

#include <array>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "tests/cluster/disk.h"
#include "tests/cluster/state.h"

namespace holdfast::sim {

// What must be true whatever happens. Sees what the nodes tell clients and readers, and what their
// commit rules say; the first thing wrong is kept.
//
// Invariants  1. One committer an epoch number.
//             2. What is committed anywhere is one log: each node's committed part is a prefix of
//                it.
//             3. What is acknowledged is committed, and in the log of whoever opens the gate later;
//                but for what an operator gave up knowingly (--accept-loss).
//             4. What a node shows is committed, and never goes back, not over a restart either;
//                but for what was given up.
//             5. Two nodes that show the same place have the same state digest.
//             6. A key is refused by a node that has shown its revocation.
//             7. After a clean stop or a hand-over nothing follows in the same epoch.
class Checker {
 public:
  // The primary's rule moved to the end of `log[..committed - 1]`.
  void OnRuleCommitted(int node, const Epoch& epoch, uint64_t committed,
                       const std::vector<Entry>& log);
  void OnAppended(int node, const Entry& before, const Entry& entry);
  void OnShown(int node, uint64_t seq, const std::vector<Entry>& log, const State& state);
  void OnKeyTried(int node, uint64_t seq, uint64_t key, bool accepted);
  void OnAnswered(int node, const Entry& entry);
  void OnGateOpened(int node, const std::vector<Entry>& log);
  // An operator accepted that what is committed beyond this log is gone.
  void OnLossAccepted(const std::vector<Entry>& log);
  // A snapshot took this node to `seq`, and what it had shown ended at `was`: back rightly only if
  // that was given up.
  void OnTakenBack(int node, uint64_t seq, const replication::EntryMeta& was);
  void Fail(std::string what);

  const std::optional<std::string>& failure() const { return failure_; }
  uint64_t committed() const { return committed_.size(); }
  uint64_t answered() const { return answered_count_; }
  uint64_t epochs() const { return committers_.size(); }
  uint64_t lost() const { return lost_count_; }
  bool IsLost(const replication::EntryMeta& meta) const { return lost_.contains(meta.digest); }

 private:
  bool IsCommitted(const replication::EntryMeta& meta) const;
  void Commit(const Entry& entry);

  std::vector<replication::EntryMeta> committed_;
  std::map<uint64_t, std::string> committers_;  // by epoch number
  std::map<uint64_t, uint64_t> digests_;        // of the state, by seq
  std::map<uint64_t, uint64_t> revoked_at_;     // by key
  std::set<Digest> lost_;
  std::array<uint64_t, kNodesMax> shown_{};
  uint64_t answered_seq_ = 0;
  uint64_t answered_count_ = 0;
  uint64_t lost_count_ = 0;
  std::optional<std::string> failure_;
};

}  // namespace holdfast::sim

#endif  // HOLDFAST_TESTS_CLUSTER_CHECKER_H_
