#ifndef HOLDFAST_TESTS_CLUSTER_WORLD_H_
#define HOLDFAST_TESTS_CLUSTER_WORLD_H_

#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "tests/cluster/checker.h"
#include "tests/cluster/network.h"
#include "tests/cluster/node.h"
#include "tests/cluster/planted.h"

namespace holdfast::sim {

struct Plan {
  uint64_t seed = 0;
  int nodes = 3;
  int voters = 3;  // the first ones
  Setting setting{.k = 1, .degrade = false};
  Planted planted;
};

struct Outcome {
  std::string failure;  // empty: all is well
  std::string story;    // the last events
  uint64_t answered = 0;
  uint64_t committed = 0;
  uint64_t epochs = 0;
  uint64_t snapshots = 0;
  uint64_t early_snapshots = 0;  // of a start record that is not committed
  uint64_t cuts = 0;
  uint64_t orders = 0;      // that led to a new epoch
  uint64_t fetches = 0;     // of somebody's tail
  uint64_t hand_overs = 0;  // records
  uint64_t take_overs = 0;  // that led to a new epoch
  uint64_t retries = 0;     // of a take-over that was accepted and stopped
  uint64_t yields = 0;
  uint64_t lost = 0;  // records that an operator gave up
  uint64_t stops = 0;
};

// The whole of it: nodes, network, a client that writes, an operator that promotes, and what goes
// wrong. One seed is one run.
class World {
 public:
  explicit World(const Plan& plan);
  ~World();

  Outcome Run();

  Node& node(int index) { return *nodes_[static_cast<size_t>(index)]; }
  int nodes() const { return plan_.nodes; }
  Timeline& timeline() { return timeline_; }
  Random& random() { return random_; }
  Network& network() { return network_; }
  Checker& checker() { return checker_; }
  const Planted& planted() const { return plan_.planted; }
  void Trace(int node, const std::string& what);
  uint64_t NextContent() { return ++contents_; }
  // Something is half done on this node: a good moment for trouble.
  void Moment(int index);
  // The worst one: the candidate has its grant, and the voter goes back to the others.
  void MomentOfGrant(int voter, const std::string& candidate);
  // The operator's word was used: whoever did not grant is started where it reaches `epoch`.
  void OnWordUsed(const std::vector<std::string>& granted, const Epoch& epoch);
  void OnBoot(int index);
  void CrashNode(int index, bool back_at_once = false, Nanos down = {});
  uint64_t keys() const { return keys_; }  // 1 to keys() were made
  bool AnyLoss() const { return checker_.lost() > 0; }
  void CountSnapshot(bool early) {
    ++count_.snapshots;
    if (early) ++count_.early_snapshots;
  }
  void CountRetry() { ++count_.retries; }
  void CountCut() { ++count_.cuts; }
  void CountOrder() { ++count_.orders; }
  void CountFetch() { ++count_.fetches; }
  void CountHandOver() { ++count_.hand_overs; }
  void CountTakeOver() { ++count_.take_overs; }
  void CountYield() { ++count_.yields; }

 private:
  void Install();
  void RunUntil(MonoTime end);
  void Client();
  void Trouble();
  void CrashOne();
  void BootAfter(int index, Nanos pause);
  void BlockSome();
  // world_operator.cc
  void PromoteOne(int index);
  // The primary dies for a while, and one that could not follow it is promoted.
  void PromoteTheSlow();
  // All fall at once under load; the primary stays down, and another one is promoted.
  void PowerCut();
  void PauseOne();
  void SwitchOver();
  void StopOne();
  Entry NewWrite(Node& primary);
  std::optional<std::vector<std::string>> ChangedVoters(Node& primary);
  // The primary is cut off, and somebody else is promoted in its place.
  void CutOffPrimary();
  void Isolate(int index, Nanos pause);
  int MostAhead(int without);
  void MaySpoil(int index);
  void BeCalm();
  void Help();  // the operator, once all is calm
  bool Converged();
  int Primary();
  void Status();

  Plan plan_;
  Timeline timeline_;
  Random random_;
  Network network_;
  Checker checker_;
  std::vector<std::unique_ptr<Node>> nodes_;
  std::deque<std::string> story_;
  bool calm_ = false;
  bool quiet_ = false;                        // no more writes
  std::array<Epoch, kNodesMax> must_hear_{};  // of nodes that were down by the operator's word
  double crashes_ = 0;
  double blocks_ = 0;
  double promotions_ = 0;
  double moments_ = 0;
  double plots_ = 0;
  double spoils_ = 0;
  MonoTime plot_until_{};  // until then nothing else goes wrong by chance
  Nanos trouble_every_{};
  Nanos write_every_{};
  uint64_t contents_ = 0;
  uint64_t writes_ = 0;
  uint64_t calm_answers_ = 0;
  MonoTime helped_at_{};
  uint64_t keys_ = 0;
  int helps_ = 0;
  Outcome count_;
};

}  // namespace holdfast::sim

#endif  // HOLDFAST_TESTS_CLUSTER_WORLD_H_
