#include "tests/cluster/node.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "replication/core/history.h"
#include "tests/cluster/world.h"

namespace holdfast::sim {

using replication::EntryMeta;
using replication::KSetting;
using replication::LogStart;
using replication::Role;
using replication::ToText;

std::string NodeName(int index) { return fmt::format("n{}", index); }

Node::Live::Live(const std::string& self, const DiskImage& image, LogStart start)
    : guard(self, image.promises),
      persisted_granted(image.promises.granted),
      track(std::move(start)),
      log(image.log),
      oldest_retained(image.oldest_retained),
      shown(track.committed_seq()),
      unconfirmed(image.unconfirmed),
      distrusted(image.distrusted),
      position_submitted(shown) {}

Node::Node(World& world, int index)
    : world_(world), index_(index), id_(NodeName(index)), disk_(world.timeline(), world.random()) {}

MonoTime Node::Now() const { return world_.timeline().now() + clock_ahead_; }

void Node::Trace(const std::string& what) const { world_.Trace(index_, what); }

std::function<void()> Node::Alive(std::function<void()> what) {
  return [this, life = life_, what = std::move(what)] {
    if (!up() || life != life_) return;
    if (answers()) return what();
    world_.timeline().At(paused_until_, Alive(what));
  };
}

bool Node::answers() const { return up() && world_.timeline().now() >= paused_until_; }

void Node::Pause(MonoTime until) {
  Trace("is paused");
  paused_until_ = until;
  disk_.set_paused_until(until);
}

// ---- Start and end.

LogStart Node::ReadLog() const {
  const DiskImage& image = disk_.image();
  uint64_t shown = std::max(image.rows_seq, image.position);
  if (shown > image.log.size()) {
    world_.checker().Fail(
        fmt::format("{} has lost what it showed: {} of {}", id_, image.log.size(), shown));
    shown = image.log.size();
  }
  LogStart start;
  if (shown > 0) start.committed = image.log[shown - 1].meta;
  for (uint64_t i = shown; i < image.log.size(); ++i) start.pending.push_back(image.log[i].meta);
  start.history = image.history;
  if (const char* fault = replication::LogStartFault(start)) {
    world_.checker().Fail(fmt::format("{} finds a broken log: {}", id_, fault));
    return {};
  }
  return start;
}

void Node::Boot() {
  ++life_;
  live_ = std::make_unique<Live>(id_, disk_.image(), ReadLog());
  Trace(fmt::format("starts: ends at {}, shown {}, granted {}, own {}", ToText(last()),
                    live_->shown, ToText(live_->guard.granted()), ToText(live_->guard.own())));
  ShowState(live_->shown);
  world_.OnBoot(index_);
  const replication::CandidateFacts facts{.self = id_,
                                          .members = {},
                                          .promises = {},
                                          .log = CandidateLogNow(),
                                          .following = {},
                                          .order = {}};
  const bool handed_over = replication::HandedOverTo(id_, facts.log.shape).has_value() &&
                           !world_.planted().resume_handed;
  ApplyRole(
      live_->role.OnStart(replication::WasPrimary(facts) && Trusted(), handed_over && Trusted()));
  world_.timeline().After(world_.random().Between(milliseconds(1), milliseconds(100)),
                          Alive([this] { Tick(); }));
}

void Node::Crash() {
  Trace("crashes");
  disk_.Crash();
  paused_until_ = {};
  world_.network().OnCrash(index_);
  live_.reset();
}

void Node::Tick() {
  world_.timeline().After(world_.random().Between(milliseconds(80), milliseconds(140)),
                          Alive([this] { Tick(); }));
  if (live_->follower != nullptr) ApplyFollower(live_->follower->OnTick(Now()));
  std::vector<uint64_t> ids;
  for (const auto& [id, stream] : live_->streams) ids.push_back(id);
  for (const uint64_t id : ids) {
    const auto it = live_->streams.find(id);
    if (it != live_->streams.end()) ApplyStream(id, it->second.machine.OnTick(Now()));
  }
  if (live_->candidate != nullptr) ApplyCandidate(live_->candidate->OnTick(Now()));
  if (live_->hand_over != nullptr) ApplyHandOver(live_->hand_over->OnTick(Now()));
  if (live_->rule != nullptr) {
    live_->rule->OnTick(Now());
    RuleMoved();
  }
  StepSwitchover();
  GoOnToTakeOver();
  StepStop();
  if (!up()) return;
  TryAKey();
  if (Now() - live_->exchanged_at >= seconds(1)) Exchange();
  UpdatePrimary();
}

std::string Node::Describe() const {
  if (!up()) return fmt::format("{} is down", id_);
  const auto& l = *live_;
  return fmt::format("{} {} ends {} durable {} committed {} shown {} granted {} follows {} ({}) {}",
                     id_, ToText(l.role.role()), ToText(l.track.head()), l.track.durable_seq(),
                     l.track.committed_seq(), l.shown, ToText(l.guard.granted()),
                     l.follower != nullptr ? l.follower->primary().value_or("nobody") : "off",
                     l.follower != nullptr ? replication::ToText(l.follower->state(Now())) : "-",
                     l.candidate != nullptr   ? l.candidate->Waiting()
                     : l.hand_over != nullptr ? l.hand_over->Waiting()
                                              : "");
}

// ---- Roles.

void Node::ApplyRole(const replication::RoleEffects& effects) {
  if (effects.close_gate) {
    Trace(fmt::format("closes the gate, {} answers unknown", live_->waiting.size()));
    live_->waiting.clear();
  }
  if (effects.stop_publishing) StopPublishing();
  if (effects.stop_following) StopFollowing();
  if (effects.append_hand_over) AppendHandOver();
  if (effects.begin_restart) BeginCandidate();
  if (effects.begin_hand_over) {
    const replication::LogShape shape = CandidateLogNow().shape;
    live_->hand_over = std::make_unique<replication::HandOverMachine>(
        shape.tail.target, replication::TakeOverAsk{shape.last.epoch, shape.last});
    Trace(fmt::format("has handed over to {}", shape.tail.target));
    world_.Moment(index_);
  }
  if (effects.persist_epoch) Claim(*effects.persist_epoch);
  if (effects.append_epoch_start) Lead(*effects.append_epoch_start);
  if (effects.open_gate) {
    Trace(fmt::format("opens the gate in {}", ToText(live_->role.epoch())));
    world_.checker().OnGateOpened(index_, live_->log);
    world_.Moment(index_);
  }
  if (effects.start_following) StartFollowing();
}

void Node::Claim(const Epoch& epoch) {
  const auto promises = live_->guard.Claim(epoch, live_->track.head().epoch);
  if (!promises.has_value()) {
    Trace(
        fmt::format("cannot claim {}, granted {}", ToText(epoch), ToText(live_->guard.granted())));
    return ApplyRole(live_->role.OnHigherEpoch(live_->guard.granted()));
  }
  Trace(fmt::format("claims {}", ToText(epoch)));
  // The log must be at rest too: what was received and is not durable yet ends here.
  const auto both = std::make_shared<int>(0);
  const auto one_done = [this, epoch, both] {
    if (++*both == 2 && live_->role.epoch() == epoch) ApplyRole(live_->role.OnEpochPersisted());
  };
  PersistPromises(one_done, world_.planted().epoch_not_written);
  disk_.Barrier(Disk::kStore, one_done);
}

void Node::PersistPromises(std::function<void()> done, bool planted_skip) {
  disk_.Submit(
      Disk::kFacts,
      [promises = live_->guard.promises(), planted_skip](DiskImage& image) {
        if (!planted_skip) image.promises = promises;
      },
      [this, granted = live_->guard.granted(), done = std::move(done)] {
        live_->persisted_granted = granted;
        done();
      });
}

void Node::SeeEpoch(const Epoch& epoch) {
  if (epoch.number == 0) return;
  const replication::EpochOutcome out = live_->guard.OnSeen(epoch);
  if (out.persist.has_value()) {
    PersistPromises([] {});
    EpochRose(epoch);
  }
  // Somebody promised the same number to another node, so not everybody can follow here: higher.
  if (out.seen == replication::EpochSeen::kConflict) ApplyRole(live_->role.OnHigherEpoch(epoch));
}

// The step that learns of it is the step that ends what is older.
void Node::EpochRose(const Epoch& epoch) {
  if (live_->follower != nullptr && !world_.planted().keep_link_after_grant) {
    ApplyFollower(live_->follower->OnGranted(epoch));
  }
  if (live_->candidate != nullptr && epoch.node_id != id_) {
    ApplyCandidate(live_->candidate->OnSelfGrantRefused(live_->guard.promises()));
  }
  ApplyRole(live_->role.OnHigherEpoch(epoch));
}

void Node::StopFollowing() {
  if (live_->link != nullptr) world_.network().Close(live_->link, kFollowerEnd);
  live_->link = nullptr;
  live_->inbox.clear();
  live_->busy = false;
  ++live_->dial;
  live_->track.Unfollow();
  live_->follower = nullptr;
}

void Node::StartFollowing() {
  live_->follower = std::make_unique<replication::FollowerMachine>(live_->persisted_granted);
  if (live_->guard.granted() != live_->persisted_granted) {
    ApplyFollower(live_->follower->OnGranted(live_->guard.granted()));
  }
  UpdatePrimary();
}

// ---- What is committed and shown.

void Node::CommittedMoved() {
  const uint64_t committed = live_->track.committed_seq();
  if (committed <= live_->position_submitted) return;
  live_->position_submitted = committed;
  if (world_.planted().show_before_position) Show(committed);
  disk_.Submit(
      Disk::kPosition,
      [committed, skip = world_.planted().position_not_written](DiskImage& image) {
        if (!skip) image.position = std::max(image.position, committed);
      },
      [this, committed] { Show(committed); });
}

void Node::Show(uint64_t seq) {
  if (seq <= live_->shown) return;
  live_->shown = seq;
  live_->track.OnApplied(seq);
  live_->guard.OnCommitted(live_->log[seq - 1].meta.epoch);
  Confirm(seq);
  ShowState(seq);
  if (live_->follower != nullptr) ApplyFollower(live_->follower->OnLogMoved(seq));
  Answer();
}

// Of the snapshot that this node holds: now it is shown.
void Node::Confirm(uint64_t committed) {
  Live& l = *live_;
  if (l.unconfirmed == 0 || committed < l.unconfirmed || !l.track.Heeds(committed)) return;
  Trace(fmt::format("knows that its snapshot at {} is committed", l.unconfirmed));
  l.unconfirmed = 0;
  disk_.Submit(
      Disk::kStore, [](DiskImage& image) { image.unconfirmed = 0; }, [] {});
  ShowState(l.shown);
}

void Node::ShowState(uint64_t seq) {
  Live& l = *live_;
  if (!Serves()) return;
  if (seq < l.state_seq) {  // A snapshot took it back.
    l.state = {};
    l.state_seq = 0;
  }
  const bool keep = world_.planted().miss_revocation && l.rule == nullptr;
  while (l.state_seq < seq) l.state.Apply(l.log[l.state_seq++], keep);
  world_.checker().OnShown(index_, seq, l.log, l.state);
}

// Somebody logs in with any of the keys there are.
void Node::TryAKey() {
  if (world_.keys() == 0) return;
  const uint64_t key = 1 + world_.random().Below(world_.keys());
  const Live& l = *live_;
  if (l.shown == 0 || !Serves() || world_.checker().IsLost(l.log[l.shown - 1].meta)) return;
  world_.checker().OnKeyTried(index_, l.shown, key, l.state.Accepts(key));
}

// ---- What the log says of settings and members.

Setting Node::CommittedSetting() const {
  for (uint64_t seq = live_->track.committed_seq(); seq > 0; --seq) {
    if (live_->log[seq - 1].setting.has_value()) return *live_->log[seq - 1].setting;
  }
  return {};
}

uint32_t Node::SettingK() const { return CommittedSetting().k; }

std::vector<KSetting> Node::PendingSettings() const {
  std::vector<KSetting> out;
  for (uint64_t seq = live_->track.committed_seq() + 1; seq <= live_->track.head_seq(); ++seq) {
    if (const auto& setting = live_->log[seq - 1].setting) {
      out.push_back({seq, setting->k, setting->degrade, kDegradeWait});
    }
  }
  return out;
}

bool Node::MayDegrade() const {
  const auto pending = PendingSettings();
  return CommittedSetting().degrade ||
         std::any_of(pending.begin(), pending.end(), [](const auto& s) { return s.degrade; });
}

std::vector<std::string> Node::Voters() const {
  for (uint64_t seq = live_->track.committed_seq(); seq > 0; --seq) {
    if (live_->log[seq - 1].voters.has_value()) return *live_->log[seq - 1].voters;
  }
  return {};
}

std::vector<std::vector<std::string>> Node::PendingVoters() const {
  std::vector<std::vector<std::string>> out;
  for (uint64_t seq = live_->track.committed_seq() + 1; seq <= live_->track.head_seq(); ++seq) {
    if (const auto& voters = live_->log[seq - 1].voters) out.push_back(*voters);
  }
  return out;
}

bool Node::MembersAtRest() const { return PendingVoters().empty(); }

replication::CandidateLog Node::CandidateLogNow() const {
  replication::CandidateLog out{.shape = live_->track.Shape(),
                                .committed_seq = live_->track.committed_seq(),
                                .setting_k = SettingK(),
                                .pending_k = {},
                                .degrade = MayDegrade(),
                                .voters = Voters(),
                                .pending_voters = PendingVoters()};
  for (const KSetting& setting : PendingSettings()) out.pending_k.push_back(setting.k);
  if (!live_->log.empty() && !world_.planted().resume_handed)
    out.shape.tail = live_->log.back().tail;
  return out;
}

// An fsync of the log failed: not primary, not following, still reading, until the next start.
void Node::FailLog() {
  Trace("the log fails");
  disk_.Fail(Disk::kStore);
  ++live_->attempt;
  live_->candidate = nullptr;
  live_->hand_over = nullptr;
  ApplyRole(live_->role.OnLogFailed());
}

void Node::Trim() {
  const uint64_t to = 1 + world_.random().Below(live_->shown + 1);
  if (to <= live_->oldest_retained) return;
  live_->oldest_retained = to;
  Trace(fmt::format("trims the log before {}", to));
  disk_.Submit(
      Disk::kStore, [to](DiskImage& image) { image.oldest_retained = to; }, [] {});
}

}  // namespace holdfast::sim
