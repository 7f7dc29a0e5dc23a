#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "tests/cluster/world.h"

namespace holdfast::sim {

// ---- What clients and administrators write.

Entry World::NewWrite(Node& primary) {
  Entry entry{.meta = {}, .write = ++writes_};
  if (random_.Chance(0.1)) {
    entry.revoked = keys_ > 0 && random_.Chance(0.5);
    entry.key = entry.revoked ? 1 + random_.Below(keys_) : ++keys_;
  }
  if (calm_) return entry;
  if (random_.Chance(0.01)) {
    const auto voters = static_cast<int>(primary.Voters().size());
    if (primary.MembersAtRest() && voters > 0) {
      entry.setting = Setting{static_cast<uint32_t>(random_.Index(voters)), random_.Chance(0.3)};
    }
  } else if (random_.Chance(0.01)) {
    entry.voters = ChangedVoters(primary);
  }
  return entry;
}

// One member more or less, one change at a time, and never fewer than the level needs.
std::optional<std::vector<std::string>> World::ChangedVoters(Node& primary) {
  if (!primary.AtRest()) return std::nullopt;
  auto voters = primary.Voters();
  const int index = random_.Index(plan_.nodes);
  if (&node(index) == &primary) return std::nullopt;
  const auto at = std::find(voters.begin(), voters.end(), NodeName(index));
  if (at == voters.end()) {
    voters.push_back(NodeName(index));
  } else {
    if (voters.size() <= 2 || voters.size() < primary.SettingK() + 2) return std::nullopt;
    voters.erase(at);
  }
  return voters;
}

// ---- What operators do.

// The word is given at random, and taken back where it is not true (Node::WordIsTrue).
void World::PromoteOne(int index) {
  if (!node(index).answers()) return;
  const auto voters = node(index).Voters();
  if (std::find(voters.begin(), voters.end(), NodeName(index)) == voters.end()) return;
  replication::PromotionOrder order{.dry_run = random_.Chance(0.05),
                                    .old_primary_is_down = random_.Chance(0.7),
                                    .accept_loss = {},
                                    .k = std::nullopt};
  if (random_.Chance(0.2)) order.accept_loss.unknown = true;
  if (random_.Chance(0.2)) order.accept_loss.records = random_.Below(5);
  if (random_.Chance(0.3)) {
    order.k = static_cast<uint32_t>(random_.Index(static_cast<int>(voters.size())));
  }
  node(index).Promote(order);
}

void World::OnWordUsed(const std::vector<std::string>& granted, const Epoch& epoch) {
  for (int i = 0; i < plan_.nodes; ++i) {
    if (std::find(granted.begin(), granted.end(), NodeName(i)) != granted.end()) continue;
    must_hear_[static_cast<size_t>(i)] = epoch;
  }
}

void World::OnBoot(int index) {
  Epoch& epoch = must_hear_[static_cast<size_t>(index)];
  if (epoch.number > 0) node(index).Hears(std::exchange(epoch, {}));
}

void World::PromoteTheSlow() {
  const int primary = Primary();
  const int slow = random_.Index(plan_.nodes);
  if (primary < 0 || slow == primary) return;
  Trace(-1, fmt::format("{} cannot follow, and {} will die", NodeName(slow), NodeName(primary)));
  const Nanos blind = random_.Between(milliseconds(200), seconds(2));
  Isolate(slow, blind);
  timeline_.After(blind, [this, primary] {
    if (!calm_) CrashNode(primary, false, random_.Between(seconds(2), seconds(12)));
  });
  timeline_.After(blind + random_.Between(milliseconds(5), milliseconds(800)), [this, slow] {
    if (!calm_) PromoteOne(slow);
  });
}

void World::PowerCut() {
  const int primary = Primary();
  if (primary < 0) return;
  for (int i = 0; i < 20; ++i) node(primary).Write(NewWrite(node(primary)));
  Trace(-1, "a power cut is near");
  timeline_.After(random_.Between(milliseconds(1), milliseconds(15)), [this, primary] {
    if (calm_) return;
    for (int i = 0; i < plan_.nodes; ++i) {
      CrashNode(i, false,
                i == primary ? random_.Between(seconds(3), seconds(9))
                             : random_.Between(milliseconds(20), milliseconds(300)));
    }
    const int next = random_.Index(plan_.nodes);
    timeline_.After(random_.Between(milliseconds(400), seconds(2)), [this, next] {
      if (!calm_) PromoteOne(next);
    });
  });
}

void World::PauseOne() {
  const int primary = Primary();
  const int index = primary >= 0 && random_.Chance(0.5) ? primary : random_.Index(plan_.nodes);
  if (!node(index).answers() || !random_.Chance(crashes_)) return;
  if (index != primary || !random_.Chance(promotions_)) {
    node(index).Pause(timeline_.now() + random_.Between(milliseconds(10), seconds(6)));
    return;
  }
  // Long enough for its followers to miss it, and somebody is promoted before it goes on.
  const Nanos asleep = random_.Between(milliseconds(3600), seconds(6));
  node(index).Pause(timeline_.now() + asleep);
  const int next = random_.Index(plan_.nodes);
  timeline_.After(asleep - random_.Between(milliseconds(1), milliseconds(500)), [this, next] {
    if (!calm_) PromoteOne(next);
  });
}

void World::SwitchOver() {
  const int primary = Primary();
  if (primary < 0) return;
  const int target = random_.Index(plan_.nodes);
  if (target == primary) return;
  node(primary).Switchover(target);
  if (!random_.Chance(moments_)) return;
  // A crash of one of the two, at any of the steps.
  const int who = random_.Chance(0.5) ? primary : target;
  timeline_.After(random_.Between(milliseconds(1), milliseconds(600)), [this, who, primary] {
    if (calm_) return;
    CrashNode(who);
    if (who == primary && random_.Chance(0.5))
      Isolate(who, random_.Between(seconds(4), seconds(9)));
  });
}

void World::StopOne() {
  const int primary = Primary();
  if (primary < 0) return;
  ++count_.stops;
  node(primary).StopInOrder();
}

}  // namespace holdfast::sim
