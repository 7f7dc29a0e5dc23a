#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "replication/core/history.h"
#include "tests/cluster/node.h"
#include "tests/cluster/world.h"

namespace holdfast::sim {

using replication::BatchInfo;
using replication::FollowerEffects;
using replication::HelloInfo;
using replication::ToText;

// ---- The link.

void Node::ApplyFollower(const FollowerEffects& effects) {
  if (effects.drop.has_value()) return DropLink(effects);
  Live& l = *live_;
  if (effects.dial.has_value()) {
    for (int i = 0; i < world_.nodes(); ++i) {
      if (NodeName(i) == *effects.dial) world_.network().Dial(index_, i, ++l.dial);
    }
  }
  if (effects.send_hello) SayHello();
  if (effects.persist_epoch.has_value()) PersistThenGoOn(*effects.persist_epoch);
  if (effects.cut_after.has_value()) CutThenGoOn(*effects.cut_after);
  if (effects.begin_snapshot) Trace("waits for a snapshot");
  if (effects.follow) {
    Trace(fmt::format("follows {} from {}", ToText(effects.follow_epoch), ToText(last())));
    l.track.Follow(effects.follow_epoch, effects.follow_first_seq);
    world_.Moment(index_);
    AbandonCandidate();  // Its facts are of a log that changes from now on.
    l.hand_over = nullptr;
  }
  if (effects.send_ack) SendAck();
}

void Node::DropLink(const FollowerEffects& effects) {
  Trace(fmt::format("drops the stream: {} {}", replication::ToText(*effects.drop),
                    effects.drop_detail));
  if (*effects.drop == replication::FollowerDrop::kDiverged && !world_.AnyLoss()) {
    world_.checker().Fail(fmt::format("{} diverged: {}", id_, effects.drop_detail));
  }
  Live& l = *live_;
  if (l.link != nullptr) world_.network().Close(l.link, kFollowerEnd);
  l.link = nullptr;
  l.inbox.clear();
  l.busy = false;
  ++l.dial;
  l.track.Unfollow();
  ApplyFollower(l.follower->OnDisconnected(Now(), world_.random().Unit()));
}

void Node::OnDialed(uint64_t dial, const LinkPtr& link) {
  Live& l = *live_;
  if (l.follower == nullptr || dial != l.dial) {
    if (link != nullptr) world_.network().Close(link, kFollowerEnd);
    return;
  }
  if (link == nullptr) {
    return ApplyFollower(l.follower->OnDisconnected(Now(), world_.random().Unit()));
  }
  l.link = link;
  ApplyFollower(l.follower->OnConnected(Now()));
}

void Node::OnLinkBroken(const LinkPtr& link) {
  Live& l = *live_;
  EndStream(link->id);
  if (l.link != link || l.follower == nullptr) return;
  l.link = nullptr;
  l.inbox.clear();
  l.busy = false;
  l.track.Unfollow();
  ApplyFollower(l.follower->OnDisconnected(Now(), world_.random().Unit()));
}

void Node::SayHello() {
  Live& l = *live_;
  l.hello_waits = l.installing;
  if (l.hello_waits) return;
  HelloInfo hello{
      .cluster_id = "sim",
      .node_id = id_,
      .feature_level = 1,
      .granted = l.persisted_granted,
      .last = l.track.head(),
      .committed_seq = l.track.committed_seq(),
      .history = replication::NewestOf(l.track.history(), replication::kHelloHistoryMax),
      .needs_snapshot = l.distrusted};
  Node& primary = world_.node(l.link->primary);
  world_.network().Send(l.link, kPrimaryEnd,
                        [&primary, id = l.link->id, hello] { primary.OnHello(id, hello); });
}

// A frame is carried out before the next one is read.
void Node::Arrived(const LinkPtr& link, std::function<void()> frame) {
  Live& l = *live_;
  if (l.link != link) return;
  if (l.busy) l.follower->OnProgress(Now());
  l.inbox.push_back(std::move(frame));
  NextFrame();
}

void Node::NextFrame() {
  while (!live_->busy && !live_->inbox.empty()) {
    const auto frame = std::move(live_->inbox.front());
    live_->inbox.pop_front();
    frame();
  }
}

// ---- Frames.

void Node::FollowerAnswer(const replication::HelloAnswerInfo& answer) {
  ApplyFollower(live_->follower->OnHelloAnswer(answer, Now()));
}

void Node::PersistThenGoOn(const Epoch& epoch) {
  Live& l = *live_;
  const replication::EpochOutcome out = l.guard.OnSeen(epoch);
  if (out.seen == replication::EpochSeen::kOlder || out.seen == replication::EpochSeen::kConflict) {
    world_.checker().Fail(fmt::format("{} would follow {} against its promise {}", id_,
                                      ToText(epoch), ToText(l.guard.granted())));
  }
  l.busy = true;
  PersistPromises([this, epoch, link = l.link] {
    if (live_->link != link || link == nullptr) return;
    live_->busy = false;
    ApplyFollower(live_->follower->OnEpochPersisted(epoch));
    NextFrame();
  });
}

void Node::CutThenGoOn(uint64_t seq) {
  live_->busy = true;
  // At rest first: what was received before is durable, then it is cut.
  disk_.Barrier(Disk::kStore, [this, seq, link = live_->link] {
    Live& l = *live_;
    if (l.link != link || link == nullptr) return;
    const replication::CutOutcome cut = l.track.CutAfter(seq);
    Trace(fmt::format("cuts [{}, {}] {}", cut.first_dropped_seq, cut.last_dropped_seq, cut.detail));
    world_.CountCut();
    world_.Moment(index_);
    if (!cut.refused) l.log.resize(l.track.head_seq());
    const auto done = [this, link, refused = cut.refused] {
      if (live_->link != link) return;
      live_->busy = false;
      ApplyFollower(live_->follower->OnCutDone(!refused));
      NextFrame();
    };
    if (cut.refused || world_.planted().forget_cut) return done();
    disk_.Submit(
        Disk::kStore,
        [to = l.track.head_seq(), history = l.track.history()](DiskImage& image) {
          image.log.resize(to);
          image.history = history;
        },
        done);
  });
}

void Node::FollowerBatch(const BatchInfo& batch, const std::vector<Entry>& entries) {
  Live& l = *live_;
  const uint64_t last_seq = batch.first_seq + batch.entries.size() - 1;
  const FollowerEffects effects = l.follower->OnBatch(batch.epoch, last_seq, Now());
  if (effects.drop.has_value()) return ApplyFollower(effects);
  const replication::BatchOutcome out = l.track.OnBatch(batch);
  if (out.refusal.has_value()) {
    const bool diverged = *out.refusal == replication::BatchRefusal::kDigestMismatch;
    return ApplyFollower(l.follower->OnBatchRefused(diverged, out.detail));
  }
  const std::vector<Entry> fresh(entries.begin() + static_cast<std::ptrdiff_t>(out.skip),
                                 entries.end());
  l.log.insert(l.log.end(), fresh.begin(), fresh.end());
  const uint64_t to = l.track.head_seq();
  if (world_.planted().show_pending) {
    l.shown = to;
    ShowState(to);
  }
  disk_.Submit(
      Disk::kStore,
      [fresh, starts = out.new_epochs, rows = l.track.CommittedOnceDurable(to)](DiskImage& image) {
        image.log.insert(image.log.end(), fresh.begin(), fresh.end());
        image.history.insert(image.history.end(), starts.begin(), starts.end());
        image.rows_seq = std::max(image.rows_seq, rows);
      },
      [this, to] {
        live_->track.OnDurable(to);
        CommittedMoved();
        if (live_->follower == nullptr) return;
        ApplyFollower(live_->follower->OnLogMoved(live_->track.applied_seq()));
      });
  if (world_.planted().ack_before_fsync) SendAck();
  Confirm(batch.committed_seq);
  CommittedMoved();
}

void Node::FollowerHeartbeat(const replication::HeartbeatInfo& heartbeat) {
  const FollowerEffects effects = live_->follower->OnHeartbeat(heartbeat, Now());
  if (effects.drop.has_value()) return ApplyFollower(effects);
  if (!live_->track.following()) return;
  live_->track.OnCommitted(heartbeat.committed_seq);
  Confirm(heartbeat.committed_seq);
  CommittedMoved();
}

void Node::FollowerSnapshot(const std::vector<Entry>& entries, bool pending) {
  live_->busy = live_->installing = true;
  world_.Moment(index_);
  if (entries.size() < live_->shown) {  // The positions that are on their way must not come after.
    return disk_.Barrier(Disk::kPosition, [this, entries, pending, link = live_->link] {
      if (live_->link == link) return InstallSnapshot(entries, pending, link);
      live_->installing = false;
      if (live_->link != nullptr && live_->hello_waits) SayHello();
    });
  }
  InstallSnapshot(entries, pending, live_->link);
}

void Node::InstallSnapshot(const std::vector<Entry>& entries, bool pending, const LinkPtr& from) {
  const replication::EntryMeta at = entries.back().meta;
  const replication::EntryMeta before =
      live_->shown > 0 ? live_->log[live_->shown - 1].meta : replication::EntryMeta{};
  if (std::pair(at.epoch.number, at.seq) < std::pair(before.epoch.number, before.seq)) {
    world_.checker().Fail(fmt::format("{} is to go back from {} to a snapshot at {}", id_,
                                      ToText(before), ToText(at)));
  }
  const auto history = replication::HistoryUpTo(live_->follower->answer_history(), at.seq);
  const bool back = at.seq < live_->shown;
  disk_.Submit(
      Disk::kStore,
      [entries, history, back, pending](DiskImage& image) {
        image.log = entries;
        image.history = history;
        image.rows_seq = entries.size();
        image.oldest_retained = entries.size() + 1;
        if (back) image.position = entries.size();
        image.unconfirmed = pending ? entries.size() : 0;
        image.distrusted = false;
      },
      [this, entries, history, at, pending, link = from] {
        // In place, whoever sent it and whatever became of that link.
        Live& l = *live_;
        const replication::EntryMeta was =
            l.shown > 0 ? l.log[l.shown - 1].meta : replication::EntryMeta{};
        l.log = entries;
        l.track.Reset(at, history);
        l.oldest_retained = at.seq + 1;
        l.position_submitted = at.seq;
        l.shown = at.seq;
        l.unconfirmed = pending ? at.seq : 0;
        l.distrusted = false;
        l.state = {};
        l.state_seq = 0;
        world_.checker().OnTakenBack(index_, at.seq, was);
        ShowState(at.seq);
        l.installing = false;
        if (l.link != nullptr && l.hello_waits) return SayHello();
        if (l.link != link || link == nullptr) return;
        l.busy = false;
        ApplyFollower(l.follower->OnLogMoved(at.seq));
        ApplyFollower(l.follower->OnSnapshotInstalled());
        NextFrame();
      });
}

void Node::SendAck() {
  Live& l = *live_;
  if (l.link == nullptr) return;
  const uint64_t durable =
      world_.planted().ack_before_fsync ? l.track.head_seq() : l.track.durable_seq();
  const replication::AckInfo ack =
      l.follower->MakeAck(l.track.head_seq(), durable, l.track.applied_seq(), Now());
  Node& primary = world_.node(l.link->primary);
  world_.network().Send(l.link, kPrimaryEnd,
                        [&primary, id = l.link->id, ack] { primary.OnAck(id, ack); });
}

}  // namespace holdfast::sim
