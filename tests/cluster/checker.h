#ifndef HOLDFAST_TESTS_CLUSTER_CHECKER_H_
#define HOLDFAST_TESTS_CLUSTER_CHECKER_H_

#include <array>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "tests/cluster/disk.h"

namespace holdfast::sim {

// What must be true whatever happens. Sees what the nodes tell clients and readers, and what their
// commit rules say; the first thing wrong is kept.
//
// Invariants  1. One committer an epoch number.
//             2. What is committed anywhere is one log: each node's committed part is a prefix of
//                it.
//             3. What is acknowledged is committed, and in the log of whoever opens the gate later.
//             4. What a node shows is committed, and never goes back, not over a restart either.
class Checker {
 public:
  // The primary's rule moved to the end of `log[..committed - 1]`.
  void OnRuleCommitted(int node, const Epoch& epoch, uint64_t committed,
                       const std::vector<Entry>& log);
  void OnShown(int node, uint64_t seq, const std::vector<Entry>& log);
  void OnAnswered(int node, const Entry& entry);
  void OnGateOpened(int node, const std::vector<Entry>& log);
  void Fail(std::string what);

  const std::optional<std::string>& failure() const { return failure_; }
  uint64_t committed() const { return committed_.size(); }
  uint64_t answered() const { return answered_count_; }
  uint64_t epochs() const { return committers_.size(); }

 private:
  bool IsCommitted(const replication::EntryMeta& meta) const;

  std::vector<replication::EntryMeta> committed_;
  std::map<uint64_t, std::string> committers_;  // by epoch number
  std::array<uint64_t, 3> shown_{};
  uint64_t answered_seq_ = 0;
  uint64_t answered_count_ = 0;
  std::optional<std::string> failure_;
};

}  // namespace holdfast::sim

#endif  // HOLDFAST_TESTS_CLUSTER_CHECKER_H_
