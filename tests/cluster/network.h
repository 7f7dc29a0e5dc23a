#ifndef HOLDFAST_TESTS_CLUSTER_NETWORK_H_
#define HOLDFAST_TESTS_CLUSTER_NETWORK_H_

#include <array>
#include <functional>
#include <map>
#include <memory>
#include <utility>

#include "tests/cluster/disk.h"
#include "tests/cluster/timeline.h"

namespace holdfast::sim {

class Node;
class World;

// How bad the network is; all zero: calm.
struct Weather {
  double call_lost = 0;
  double call_twice = 0;
  double call_late = 0;  // seconds instead of milliseconds
  double frame_breaks = 0;
};

// One stream between a follower and whom it dialed: frames of a direction arrive in order, or the
// link is broken. Each end learns of the end of the other by itself, or never.
struct Link {
  uint64_t id = 0;
  int follower = 0;
  int primary = 0;
  bool broken = false;
  std::array<bool, 2> closed{};  // by its own end: [0] the follower's, [1] the primary's
  std::array<MonoTime, 2> free_at{};
  int NodeAt(int end) const { return end == 0 ? follower : primary; }
};
using LinkPtr = std::shared_ptr<Link>;
enum LinkEnd { kFollowerEnd = 0, kPrimaryEnd = 1 };

// Loses, delays and doubles calls; delays frames and breaks links. What is between two nodes is not
// in step with what is between two others.
class Network {
 public:
  using Arrive = std::function<void(Node&)>;
  using Respond = std::function<void(Arrive)>;
  using Request = std::function<void(Node&, const Respond&)>;

  Network(World& world, Timeline& timeline, Random& random)
      : world_(world), timeline_(timeline), random_(random) {}

  // `refused`: nobody listens there, and the caller is told so (not always).
  void Call(int from, int to, Request request, Arrive refused = nullptr);
  // The follower's Node::OnDialed comes, or nothing at all.
  void Dial(int from, int to, uint64_t dial);
  void Send(const LinkPtr& link, LinkEnd to, std::function<void()> arrive);
  void Close(const LinkPtr& link, LinkEnd end);
  void Break(const LinkPtr& link);
  void OnCrash(int node);

  void set_weather(const Weather& weather) { weather_ = weather; }
  // Nothing from `from` to `to` gets through until then.
  void Block(int from, int to, MonoTime until);
  void Heal();
  void BreakOne();  // any

 private:
  void Notice(const LinkPtr& link, LinkEnd end);
  bool Blocked(int from, int to) const;
  Nanos Delay();
  Nanos CallDelay();
  void Deliver(int from, int to, const std::function<void()>& arrive);
  // Now, or when the process runs again.
  void WhenItRuns(int node, std::function<void()> what);

  World& world_;
  Timeline& timeline_;
  Random& random_;
  Weather weather_;
  uint64_t links_made_ = 0;
  std::map<uint64_t, LinkPtr> links_;  // by id: the same order in each run
  std::array<std::array<MonoTime, kNodesMax>, kNodesMax> blocked_until_{};
};

}  // namespace holdfast::sim

#endif  // HOLDFAST_TESTS_CLUSTER_NETWORK_H_
