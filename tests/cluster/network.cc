#include "tests/cluster/network.h"

#include "tests/cluster/node.h"
#include "tests/cluster/world.h"

namespace holdfast::sim {

Nanos Network::Delay() {
  return random_.Chance(0.05) ? random_.Between(milliseconds(2), milliseconds(200))
                              : random_.Between(microseconds(50), microseconds(2000));
}

Nanos Network::CallDelay() {
  return random_.Chance(weather_.call_late) ? random_.Between(milliseconds(100), seconds(12))
                                            : Delay();
}

bool Network::Blocked(int from, int to) const { return timeline_.now() < blocked_until_[from][to]; }

void Network::WhenItRuns(int node, std::function<void()> what) {
  const MonoTime until = world_.node(node).paused_until();
  if (timeline_.now() >= until) return what();
  timeline_.At(until, [this, node, what = std::move(what)] { WhenItRuns(node, what); });
}

void Network::Deliver(int from, int to, const std::function<void()>& arrive) {
  const int times = random_.Chance(weather_.call_twice) ? 2 : 1;
  for (int i = 0; i < times; ++i) {
    if (random_.Chance(weather_.call_lost)) continue;
    timeline_.After(CallDelay(), [this, from, to, arrive] {
      if (Blocked(from, to)) return;
      WhenItRuns(to, [this, to, arrive] {
        if (world_.node(to).up()) arrive();
      });
    });
  }
}

void Network::Call(int from, int to, Request request, Arrive refused) {
  const uint64_t life = world_.node(from).life();
  if (refused && !world_.node(to).up() && !Blocked(from, to) && random_.Chance(0.8)) {
    timeline_.After(Delay(), [this, from, life, refused = std::move(refused)] {
      Node& caller = world_.node(from);
      if (caller.up() && caller.life() == life) refused(caller);
    });
    return;
  }
  Respond respond = [this, from, to, life](Arrive arrive) {
    Deliver(to, from, [this, from, life, arrive = std::move(arrive)] {
      Node& caller = world_.node(from);
      if (caller.life() == life) arrive(caller);
    });
  };
  Deliver(from, to, [this, to, respond = std::move(respond), request = std::move(request)] {
    request(world_.node(to), respond);
  });
}

void Network::Dial(int from, int to, uint64_t dial) {
  timeline_.After(Delay(), [this, from, to, dial, life = world_.node(from).life()] {
    Node& caller = world_.node(from);
    if (!caller.answers() || caller.life() != life) return;
    if (Blocked(from, to) || Blocked(to, from)) return;
    if (!world_.node(to).up()) {
      if (random_.Chance(0.7)) caller.OnDialed(dial, nullptr);
      return;
    }
    auto link = std::make_shared<Link>();
    link->id = ++links_made_;
    link->follower = from;
    link->primary = to;
    links_[link->id] = link;
    if (!world_.node(to).answers()) return;  // It listens, and says nothing.
    world_.node(to).OnAccepted(link);
    caller.OnDialed(dial, link);
  });
}

void Network::Send(const LinkPtr& link, LinkEnd to, std::function<void()> arrive) {
  if (link->broken) return;
  if (random_.Chance(weather_.frame_breaks)) return Break(link);
  MonoTime& free_at = link->free_at[to];
  free_at = std::max(free_at, timeline_.now() + Delay());
  timeline_.At(free_at, [this, link, to, arrive = std::move(arrive)] {
    WhenItRuns(link->NodeAt(to), [link, to, arrive] {
      if (!link->broken && !link->closed[to]) arrive();
    });
  });
}

void Network::Notice(const LinkPtr& link, LinkEnd end) {
  if (link->closed[end] || random_.Chance(0.15)) return;  // Not told: only silence tells it.
  timeline_.After(random_.Between(microseconds(10), milliseconds(50)), [this, link, end] {
    WhenItRuns(link->NodeAt(end), [this, link, end] {
      Node& node = world_.node(link->NodeAt(end));
      if (!link->closed[end] && node.up()) node.OnLinkBroken(link);
    });
  });
}

void Network::Break(const LinkPtr& link) {
  if (link->broken) return;
  link->broken = true;
  links_.erase(link->id);
  Notice(link, kFollowerEnd);
  Notice(link, kPrimaryEnd);
}

void Network::Close(const LinkPtr& link, LinkEnd end) {
  link->closed[end] = true;
  Break(link);
}

void Network::OnCrash(int node) {
  const auto links = links_;
  for (const auto& [id, link] : links) {
    if (link->follower == node) Close(link, kFollowerEnd);
    if (link->primary == node) Close(link, kPrimaryEnd);
  }
}

void Network::Block(int from, int to, MonoTime until) {
  blocked_until_[from][to] = std::max(blocked_until_[from][to], until);
  const auto links = links_;
  for (const auto& [id, link] : links) {
    const bool between = (link->follower == from && link->primary == to) ||
                         (link->follower == to && link->primary == from);
    if (!between) continue;
    link->broken = true;  // Nobody is told.
    links_.erase(link->id);
  }
}

void Network::Heal() { blocked_until_ = {}; }

void Network::BreakOne() {
  if (links_.empty()) return;
  const auto one = std::next(links_.begin(), random_.Index(static_cast<int>(links_.size())));
  Break(LinkPtr(one->second));
}

}  // namespace holdfast::sim
