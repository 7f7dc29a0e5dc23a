#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <utility>

#include "tests/cluster/node.h"
#include "tests/cluster/world.h"
#include "tests/unit/replication/core/core_testing.h"

namespace holdfast::sim {

using replication::CommitRule;
using replication::Level;
using replication::Role;
using replication::SwitchoverEffects;
using replication::ToText;

namespace {

std::vector<std::string> Without(std::vector<std::string> all, const std::string& id) {
  std::erase(all, id);
  return all;
}

}  // namespace

// ---- Writing.

void Node::Lead(const Epoch& epoch) {
  Live& l = *live_;
  if (epoch.number <= l.track.head().epoch.number) {
    return world_.checker().Fail(
        fmt::format("{} begins {}, its log has {}", id_, ToText(epoch), ToText(l.track.head())));
  }
  l.track.Lead(epoch);
  l.start_seq = l.track.head_seq() + 1;
  const bool planted = world_.planted().commit_without_followers;
  const Setting setting = CommittedSetting();
  const auto pending = planted ? std::vector<replication::KSetting>{} : PendingSettings();
  replication::CommitStart start{.epoch = epoch,
                                 .start_seq = l.start_seq,
                                 .committed_seq = l.track.committed_seq(),
                                 .k = planted ? 0 : setting.k,
                                 .degrade = setting.degrade,
                                 .wait = kDegradeWait,
                                 .pending = pending,
                                 .voters = Without(Voters(), id_),
                                 .pending_voters = {}};
  for (auto& voters : PendingVoters()) start.pending_voters.push_back(Without(voters, id_));
  l.rule = std::make_unique<CommitRule>(std::move(start));
  Entry entry;
  if (l.start_k.has_value()) {
    const bool degrade = pending.empty() ? setting.degrade : pending.back().degrade;
    entry.setting = Setting{*std::exchange(l.start_k, std::nullopt), degrade};
    if (!planted) {
      l.rule->OnSettingAppended({l.start_seq, entry.setting->k, degrade, kDegradeWait});
    }
  }
  Append(std::move(entry));
  world_.Moment(index_);
  ApplyRole(l.role.OnEpochStartAppended());
}

void Node::Append(Entry entry) {
  Live& l = *live_;
  entry.meta = replication::Next(l.track.head(), l.role.epoch(), world_.NextContent());
  const auto start = l.track.AppendOwn(entry.meta);
  if (start.has_value()) Trace(fmt::format("begins {}", ToText(entry.meta)));
  if (!l.log.empty()) world_.checker().OnAppended(index_, l.log.back(), entry);
  l.log.push_back(std::move(entry));
  Flush();
  std::vector<uint64_t> ids;
  for (const auto& [id, stream] : l.streams) ids.push_back(id);
  for (const uint64_t id : ids) {
    const auto it = l.streams.find(id);
    if (it != l.streams.end())
      ApplyStream(id, it->second.machine.OnLogGrew(l.track.head_seq(), Now()));
  }
}

bool Node::Write(Entry entry) {
  Live& l = *live_;
  if (!gate_open() || l.stopping_since.has_value() || !l.rule->ConnectedEnough()) return false;
  const uint64_t seq = l.track.head_seq() + 1;
  if (entry.setting.has_value()) {
    Trace(fmt::format("sets k to {}{} at {}", entry.setting->k,
                      entry.setting->degrade ? ", degrade" : "", seq));
    if (!world_.planted().commit_without_followers) {
      l.rule->OnSettingAppended({seq, entry.setting->k, entry.setting->degrade, kDegradeWait});
    }
  }
  if (entry.voters.has_value()) {
    Trace(fmt::format("sets the voters to {} at {}", fmt::join(*entry.voters, " "), seq));
    VotersAppended(seq, *entry.voters);
  }
  Append(std::move(entry));
  constexpr Level kLevels[] = {Level::kLocal, Level::kReceived, Level::kDurable, Level::kApplied};
  const Level level = kLevels[world_.random().Below(4)];
  l.waiting.push_back(
      {l.log.back(), level, static_cast<uint32_t>(world_.random().Below(l.rule->k() + 1))});
  return true;
}

// One batch at a time; what comes meanwhile is the next one.
void Node::Flush() {
  Live& l = *live_;
  const uint64_t from = l.track.durable_seq() + 1;
  if (l.flushing || from > l.track.head_seq()) return;
  l.flushing = true;
  const uint64_t to = l.track.head_seq();
  std::vector<Entry> entries(l.log.begin() + static_cast<std::ptrdiff_t>(from - 1), l.log.end());
  disk_.Submit(
      Disk::kStore,
      [entries = std::move(entries), history = l.track.history()](DiskImage& image) {
        image.log.insert(image.log.end(), entries.begin(), entries.end());
        image.history = history;
      },
      [this, to] {
        Live& now = *live_;
        now.flushing = false;
        now.track.OnDurable(to);
        if (now.rule == nullptr) return;  // Stepped down meanwhile.
        now.rule->OnOwnDurable(to);
        Flush();
        RuleMoved();
        SendSnapshots();
        StepSwitchover();
      });
}

void Node::RuleMoved() {
  Live& l = *live_;
  if (l.rule == nullptr) return;
  const uint64_t committed = l.rule->committed_seq();
  if (committed > l.track.committed_seq()) {
    world_.checker().OnRuleCommitted(index_, l.role.epoch(), committed, l.log);
    l.track.OnCommitted(committed);
    if (committed >= l.start_seq) ApplyRole(l.role.OnEpochStartCommitted());
    CommittedMoved();
    std::vector<uint64_t> ids;
    for (const auto& [id, stream] : l.streams) ids.push_back(id);
    for (const uint64_t id : ids) {
      const auto it = l.streams.find(id);
      if (it != l.streams.end())
        ApplyStream(id, it->second.machine.OnCommitMoved(committed, Now()));
    }
    SendSnapshots();
  }
  Answer();
}

// Members that changed count for what follows.
void Node::VotersAppended(uint64_t seq, const std::vector<std::string>& voters) {
  for (int i = 0; i < world_.nodes(); ++i) {
    const std::string id = NodeName(i);
    const bool votes = std::find(voters.begin(), voters.end(), id) != voters.end();
    if (i != index_) live_->rule->OnVoterAppended(seq, id, votes);
  }
}

void Node::Answer() {
  Live& l = *live_;
  if (l.rule == nullptr) return;
  const bool early = world_.planted().answer_before_commit;
  std::erase_if(l.waiting, [&](const Waiting& waiting) {
    const uint64_t seq = waiting.entry.meta.seq;
    const bool may =
        early ? seq <= l.track.durable_seq()
              : seq <= l.shown && l.rule->Answerable(waiting.level, waiting.level_k, seq);
    if (may) world_.checker().OnAnswered(index_, waiting.entry);
    return may;
  });
}

// ---- Handing over, and stopping in order.

void Node::Switchover(int target) {
  Live& l = *live_;
  if (!gate_open() || l.switchover != nullptr || l.stopping_since.has_value()) return;
  Trace(fmt::format("is to hand over to {}", NodeName(target)));
  l.switchover = std::make_unique<replication::SwitchoverMachine>(NodeName(target), Now());
  ApplySwitchover(l.switchover->Begin(Progress()));
}

replication::SwitchoverProgress Node::Progress() const {
  const Live& l = *live_;
  const std::string& target = l.switchover->target();
  const auto voters = Voters();
  replication::SwitchoverProgress out{
      .head = l.track.head_seq(),
      .committed = l.track.committed_seq(),
      .target_votes = std::find(voters.begin(), voters.end(), target) != voters.end()};
  for (const auto& [id, stream] : l.streams) {
    if (stream.node_id != target || !stream.machine.live()) continue;
    out.target_streams = true;
    out.target_durable = std::max(out.target_durable, stream.machine.acks().durable_seq);
  }
  return out;
}

void Node::StepSwitchover() {
  if (live_->switchover == nullptr || live_->rule == nullptr) return;
  ApplySwitchover(live_->switchover->OnProgress(Progress(), Now()));
}

void Node::ApplySwitchover(const SwitchoverEffects& effects) {
  Live& l = *live_;
  if (effects.hold_writes) ApplyRole(l.role.OnSwitchover());
  if (effects.append_hand_over) ApplyRole(l.role.OnAppendHandOver());
  if (effects.abandon) {
    Trace(fmt::format("does not hand over: {}", l.switchover->reason()));
    l.switchover = nullptr;
    ApplyRole(l.role.OnSwitchoverAbandoned());
  }
  if (effects.step_down) {
    l.switchover = nullptr;
    ApplyRole(l.role.OnHandedOver());
  }
}

void Node::AppendHandOver() {
  Live& l = *live_;
  Entry entry;
  entry.tail = {replication::LogTail::Kind::kHandOver, l.switchover->target()};
  l.switchover->OnHandOverAppended(l.track.head_seq() + 1);
  world_.CountHandOver();
  Append(std::move(entry));
  world_.Moment(index_);
}

void Node::StopInOrder() {
  Trace("is told to stop");
  live_->stopping_since = Now();
  StepStop();
}

void Node::StepStop() {
  Live& l = *live_;
  if (!l.stopping_since.has_value()) return;
  const bool late = Now() - *l.stopping_since > seconds(1);
  if (l.role.role() != Role::kPrimary) {
    if (l.role.role() != Role::kStarting || late) world_.CrashNode(index_);
    return;
  }
  if (l.stop_seq == 0) {
    if (l.track.committed_seq() < l.track.head_seq() && !late) return;
    l.stopping_since = Now();
    l.stop_seq = l.track.head_seq() + 1;
    Entry entry;
    entry.tail = {replication::LogTail::Kind::kCleanStop, {}};
    return Append(std::move(entry));
  }
  if (l.track.durable_seq() < l.stop_seq && !disk_.store_failed()) return;
  bool all = true;
  for (const auto& [id, stream] : l.streams) {
    all = all && stream.machine.acks().durable_seq >= l.stop_seq;
  }
  if (all || late) world_.CrashNode(index_);
}

void Node::StopPublishing() {
  std::vector<uint64_t> ids;
  for (auto& [id, stream] : live_->streams) {
    stream.machine.OnSteppedDown();
    ids.push_back(id);
  }
  for (const uint64_t id : ids) EndStream(id);
  live_->track.StopLeading();
  live_->rule = nullptr;
  live_->waiting.clear();
  live_->switchover = nullptr;
  Drain();
}

// What was appended is written, though nobody waits for it any more: the log has no holes.
void Node::Drain() {
  if (disk_.store_failed()) return ApplyRole(live_->role.OnDrained());
  disk_.Barrier(Disk::kStore, [this] {
    if (live_->track.durable_seq() == live_->track.head_seq()) {
      return ApplyRole(live_->role.OnDrained());
    }
    Flush();
    Drain();
  });
}

}  // namespace holdfast::sim
