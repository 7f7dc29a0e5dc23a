#include "tests/cluster/world.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "tests/unit/replication/core/core_testing.h"

namespace holdfast::sim {

using replication::Role;
using replication::ToText;

namespace {
constexpr size_t kStoryMax = 120;
constexpr Nanos kTroubleFor = seconds(60);
constexpr Nanos kCalmWithin = seconds(90);
constexpr Nanos kOperatorWaits = seconds(12);
}  // namespace

World::World(const Plan& plan)
    : plan_(plan), random_(plan.seed), network_(*this, timeline_, random_) {
  for (int i = 0; i < plan_.nodes; ++i) nodes_.push_back(std::make_unique<Node>(*this, i));
}

World::~World() = default;

void World::Trace(int node, const std::string& what) {
  const double at = std::chrono::duration<double>(timeline_.now().time_since_epoch()).count();
  story_.push_back(fmt::format("{:10.4f} {} {}", at, node < 0 ? "--" : NodeName(node), what));
  if (story_.size() > kStoryMax) story_.pop_front();
}

// As after `init`: one node was primary in epoch 1, its first record carries the setting.
void World::Install() {
  const Epoch first{1, NodeName(0)};
  DiskImage& image = node(0).disk().image();
  Entry entry{.meta = replication::Next({}, first, NextContent()), .setting = plan_.setting};
  entry.voters.emplace();
  for (int i = 0; i < plan_.voters; ++i) entry.voters->push_back(NodeName(i));
  image.log.push_back(std::move(entry));
  image.history = {{first, 1, {}}};
  image.promises = {.granted = first, .own = first, .resumed_from = {}, .granted_ks = {}};
  checker_.OnRuleCommitted(0, first, 1, image.log);
  image.rows_seq = image.position = 1;

  // How a run is bad is drawn too: some see many crashes, others slow links.
  Weather weather;
  weather.call_lost = random_.Unit() * 0.2;
  weather.call_twice = random_.Unit() * 0.2;
  weather.call_late = random_.Unit() * 0.1;
  weather.frame_breaks = random_.Chance(0.5) ? random_.Unit() * 0.01 : 0;
  network_.set_weather(weather);
  crashes_ = random_.Unit();
  blocks_ = random_.Unit();
  promotions_ = random_.Unit();
  moments_ = random_.Chance(0.6) ? random_.Unit() * 0.4 : 0;
  plots_ = random_.Chance(0.6) ? random_.Unit() : 0;
  spoils_ = random_.Chance(0.3) ? random_.Unit() * 0.3 : 0;
  trouble_every_ = random_.Between(milliseconds(60), milliseconds(900));
  write_every_ = random_.Between(milliseconds(5), milliseconds(300));
  for (auto& node : nodes_) node->Boot();
}

Outcome World::Run() {
  Install();
  timeline_.After(milliseconds(1), [this] { Client(); });
  timeline_.After(trouble_every_, [this] { Trouble(); });
  RunUntil(timeline_.now() + kTroubleFor);
  BeCalm();
  const MonoTime end = timeline_.now() + kCalmWithin;
  while (!checker_.failure().has_value() && timeline_.now() < end && !Converged()) {
    RunUntil(timeline_.now() + milliseconds(500));
    Help();
    if (checker_.answered() > calm_answers_) quiet_ = true;
  }
  if (!Converged()) checker_.Fail("does not converge though all is calm");
  Outcome out = count_;
  out.failure = checker_.failure().value_or("");
  out.answered = checker_.answered();
  out.committed = checker_.committed();
  out.epochs = checker_.epochs();
  out.lost = checker_.lost();
  Status();
  for (const std::string& line : story_) out.story += line + "\n";
  return out;
}

void World::RunUntil(MonoTime end) {
  while (!checker_.failure().has_value() && timeline_.Step(end)) {
  }
}

// ---- The client.

int World::Primary() {
  std::vector<int> open;
  for (int i = 0; i < plan_.nodes; ++i) {
    if (node(i).gate_open()) open.push_back(i);
  }
  return open.empty() ? -1
                      : open[static_cast<size_t>(random_.Index(static_cast<int>(open.size())))];
}

void World::Client() {
  timeline_.After(random_.Between(Nanos(0), write_every_ * 2), [this] { Client(); });
  const int to = Primary();
  if (to < 0 || quiet_) return;
  const int burst = random_.Chance(0.02) ? 150 : 1;
  for (int i = 0; i < burst && node(to).gate_open(); ++i) node(to).Write(NewWrite(node(to)));
}

// ---- What goes wrong.

void World::Trouble() {
  if (calm_) return;
  timeline_.After(random_.Between(Nanos(0), trouble_every_ * 2), [this] { Trouble(); });
  if (timeline_.now() < plot_until_) return;
  switch (random_.Below(15)) {
    case 0:
    case 1:
      if (random_.Chance(crashes_)) CrashOne();
      return;
    case 2:
      if (random_.Chance(blocks_)) BlockSome();
      return;
    case 3:
      return network_.BreakOne();
    case 4: {
      const Nanos slow = random_.Between(milliseconds(500), seconds(8));
      return node(random_.Index(plan_.nodes)).disk().SlowUntil(timeline_.now() + slow);
    }
    case 5: {
      const int failing = random_.Index(plan_.nodes);
      if (!random_.Chance(crashes_ * 0.3) || !node(failing).answers()) return;
      if (random_.Chance(0.6)) {
        node(failing).FailLog();
      } else {
        node(failing).disk().Fail(random_.Chance(0.5) ? Disk::kFacts : Disk::kPosition);
      }
      return timeline_.After(random_.Between(milliseconds(100), seconds(8)), [this, failing] {
        if (!calm_) CrashNode(failing);
      });
    }
    case 6: {
      Node& one = node(random_.Index(plan_.nodes));
      if (one.answers()) one.Trim();
      return;
    }
    case 7:
      if (random_.Chance(promotions_)) CutOffPrimary();
      return;
    case 8:
      return SwitchOver();
    case 9:
      if (random_.Chance(crashes_)) StopOne();
      return;
    case 10:
      return PauseOne();
    case 11:
      return node(random_.Index(plan_.nodes))
          .JumpClock(random_.Between(milliseconds(1), seconds(20)));
    case 12:
      if (random_.Chance(promotions_)) PromoteTheSlow();
      return;
    case 13:
      if (random_.Chance(crashes_)) PowerCut();
      return;
    default:
      if (random_.Chance(promotions_)) PromoteOne(random_.Index(plan_.nodes));
  }
}

void World::CrashOne() {
  if (random_.Chance(0.1)) {
    for (int i = 0; i < plan_.nodes; ++i) CrashNode(i);
    return;
  }
  const int primary = Primary();
  CrashNode(primary >= 0 && random_.Chance(0.5) ? primary : random_.Index(plan_.nodes));
}

void World::CrashNode(int index, bool back_at_once, Nanos down) {
  if (!node(index).up()) return;
  node(index).Crash();
  const Nanos pause = down > Nanos(0) ? down
                      : back_at_once || random_.Chance(0.5)
                          ? random_.Between(milliseconds(10), milliseconds(500))
                          : random_.Between(milliseconds(500), seconds(10));
  BootAfter(index, pause);
}

void World::Moment(int index) {
  if (calm_ || !random_.Chance(moments_)) return;
  if (random_.Chance(0.3)) BlockSome();
  if (random_.Chance(0.3)) {
    node(index).disk().SlowUntil(timeline_.now() + random_.Between(milliseconds(10), seconds(2)));
  }
  timeline_.After(random_.Between(microseconds(10), milliseconds(20)), [this, index] {
    if (!calm_) CrashNode(index);
  });
}

void World::MomentOfGrant(int voter, const std::string& candidate) {
  if (calm_ || !random_.Chance(plots_)) return Moment(voter);
  timeline_.After(random_.Between(microseconds(100), milliseconds(10)), [this, voter, candidate] {
    if (calm_) return;
    Trace(-1, fmt::format("{} is alone from here on", candidate));
    network_.Heal();
    for (int i = 0; i < plan_.nodes; ++i) {
      if (NodeName(i) == candidate) Isolate(i, random_.Between(seconds(1), seconds(10)));
    }
    CrashNode(voter, /*back_at_once=*/true);
  });
}

void World::BootAfter(int index, Nanos pause) {
  timeline_.After(pause, [this, index] {
    if (node(index).up()) return;
    MaySpoil(index);
    node(index).Boot();
  });
}

// Somebody changed its rows while it was down: of one node at a time, and another one that votes by
// both logs has as much, or nobody has them any more.
void World::MaySpoil(int index) {
  if (calm_ || !random_.Chance(spoils_)) return;
  const auto votes = [](const DiskImage& image, int who) {
    std::vector<std::string> voters;
    for (const Entry& entry : image.log) voters = entry.voters.value_or(voters);
    return std::find(voters.begin(), voters.end(), NodeName(who)) != voters.end();
  };
  const DiskImage& image = node(index).disk().image();
  bool another = false;
  for (int i = 0; i < plan_.nodes; ++i) {
    const DiskImage& other = node(i).disk().image();
    if (other.distrusted) return;
    const bool has_rows = std::max(other.rows_seq, other.position) > 0;
    another = another || (i != index && has_rows && other.log.size() >= image.log.size() &&
                          votes(image, i) && votes(other, i));
  }
  if (!another) return;
  Trace(-1, fmt::format("the rows of {} are spoiled", NodeName(index)));
  node(index).disk().image().distrusted = true;
}

void World::BlockSome() {
  const Nanos pause = random_.Between(milliseconds(100), seconds(15));
  const int a = random_.Index(plan_.nodes);
  const bool alone = random_.Chance(0.5);
  const bool both_ways = random_.Chance(0.7);
  for (int b = 0; b < plan_.nodes; ++b) {
    if (b == a || (!alone && random_.Chance(0.5))) continue;
    Trace(-1, fmt::format("block {} {} {}", NodeName(a), both_ways ? "<->" : "->", NodeName(b)));
    network_.Block(a, b, timeline_.now() + pause);
    if (both_ways) network_.Block(b, a, timeline_.now() + pause);
  }
}

void World::Isolate(int index, Nanos pause) {
  for (int other = 0; other < plan_.nodes; ++other) {
    if (other == index) continue;
    network_.Block(index, other, timeline_.now() + pause);
    network_.Block(other, index, timeline_.now() + pause);
  }
}

void World::CutOffPrimary() {
  const int primary = Primary();
  if (primary < 0) return;
  Trace(-1, fmt::format("{} is cut off", NodeName(primary)));
  Isolate(primary, random_.Between(seconds(4), seconds(15)));
  const Nanos pause = random_.Between(seconds(3), seconds(6));
  if (random_.Chance(plots_)) plot_until_ = timeline_.now() + pause + seconds(8);
  timeline_.After(pause, [this, primary] {
    const int best = random_.Chance(0.6) ? MostAhead(primary) : random_.Index(plan_.nodes);
    if (!calm_ && best >= 0) PromoteOne(best);
  });
}

// Of those who are up and vote, also by what is pending in their log, but `without`.
int World::MostAhead(int without) {
  int best = -1;
  for (int i = 0; i < plan_.nodes; ++i) {
    if (i == without || !node(i).answers() || !node(i).Trusted()) continue;
    std::vector<std::vector<std::string>> sets = node(i).PendingVoters();
    sets.push_back(node(i).Voters());
    const bool votes = std::all_of(sets.begin(), sets.end(), [i](const auto& voters) {
      return std::find(voters.begin(), voters.end(), NodeName(i)) != voters.end();
    });
    if (!votes) continue;
    const auto rank = [this](int at) {
      return std::pair(node(at).last().epoch, node(at).last().seq);
    };
    if (best < 0 || rank(i) > rank(best)) best = i;
  }
  return best;
}

// ---- The end: all is well again, and must become one.

void World::BeCalm() {
  calm_ = true;
  Trace(-1, "calm from here on");
  network_.set_weather({});
  network_.Heal();
  for (int i = 0; i < plan_.nodes; ++i) {
    node(i).disk().SlowUntil({});
    if (node(i).disk().failed() || (node(i).up() && !node(i).answers())) node(i).Crash();
    if (!node(i).up()) node(i).Boot();
  }
  calm_answers_ = checker_.answered();
  helped_at_ = timeline_.now();
}

// Where the rules say "promote a node", somebody does: the one that is most ahead; and where that
// is refused with all members up, what cannot be had is given up.
void World::Help() {
  if (Primary() >= 0 || timeline_.now() - helped_at_ < kOperatorWaits) return;
  helped_at_ = timeline_.now();
  const int best = MostAhead(-1);
  if (best >= 0)
    node(best).Promote({.accept_loss = {.records = 0, .unknown = ++helps_ > 2}, .k = {}});
}

bool World::Converged() {
  const int primary = Primary();
  if (primary < 0 || checker_.answered() <= calm_answers_) return false;
  for (int i = 0; i < plan_.nodes; ++i) {
    if (!node(i).up() || node(i).shown() != node(primary).head()) return false;
    if (i != primary && node(i).role() != Role::kSecondary) return false;
  }
  return true;
}

void World::Status() {
  for (auto& node : nodes_) Trace(-1, node->Describe());
}

}  // namespace holdfast::sim
