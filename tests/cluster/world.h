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
  uint32_t k = 1;
  Planted planted;
};

struct Outcome {
  std::string failure;  // empty: all is well
  std::string story;    // the last events
  uint64_t answered = 0;
  uint64_t committed = 0;
  uint64_t epochs = 0;
  uint64_t snapshots = 0;
  uint64_t cuts = 0;
};

// How long an operator's word is true: whoever is down stays so.
inline constexpr Nanos kWordHolds = seconds(3);

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
  void CountSnapshot() { ++snapshots_; }
  void CountCut() { ++cuts_; }

 private:
  void Install();
  void RunUntil(MonoTime end);
  void Client();
  void Trouble();
  void CrashOne();
  void CrashNode(int index, bool back_at_once = false);
  void BootWhenAllowed(int index, Nanos pause);
  void BlockSome();
  void PromoteOne(int index);
  // The primary is cut off, and somebody else is promoted in its place.
  void CutOffPrimary();
  void Isolate(int index, Nanos pause);
  int MostAhead(int without);
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
  bool quiet_ = false;                    // no more writes
  std::array<MonoTime, 3> held_until_{};  // down by the operator's word
  double crashes_ = 0;
  double blocks_ = 0;
  double promotions_ = 0;
  double moments_ = 0;
  double plots_ = 0;
  MonoTime plot_until_{};  // until then nothing else goes wrong by chance
  Nanos trouble_every_{};
  Nanos write_every_{};
  uint64_t contents_ = 0;
  uint64_t writes_ = 0;
  uint64_t calm_answers_ = 0;
  MonoTime helped_at_{};
  uint64_t snapshots_ = 0;
  uint64_t cuts_ = 0;
};

}  // namespace holdfast::sim

#endif  // HOLDFAST_TESTS_CLUSTER_WORLD_H_
