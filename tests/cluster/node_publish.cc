#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "tests/cluster/node.h"
#include "tests/cluster/world.h"

namespace holdfast::sim {

using replication::HelloInfo;
using replication::PrimaryLog;
using replication::PublisherEffects;
using replication::PublisherMachine;
using replication::ToText;

namespace {
constexpr size_t kEntryBytes = 200;
}

// ---- Publishing.

void Node::OnAccepted(const LinkPtr& link) {
  live_->streams.emplace(link->id, Stream{.link = link, .machine = PublisherMachine(Now())});
}

PrimaryLog Node::LogNow(const HelloInfo& hello) const {
  const Live& l = *live_;
  PrimaryLog log{.cluster_id = "sim",
                 .epoch = l.role.epoch(),
                 .shape = l.track.Shape(),
                 .committed_seq = l.track.committed_seq(),
                 .oldest_retained_seq = l.oldest_retained,
                 .feature_level = 1,
                 .serving = l.role.publishing()};
  if (hello.last.seq > 0 && hello.last.seq + 1 >= l.oldest_retained &&
      hello.last.seq <= l.log.size()) {
    log.digest_at_their_last = l.log[hello.last.seq - 1].meta.digest;
  }
  return log;
}

void Node::OnHello(uint64_t id, const HelloInfo& hello) {
  Live& l = *live_;
  if (!l.streams.contains(id)) return;
  Stream& stream = l.streams.at(id);
  stream.node_id = hello.node_id;
  const PublisherEffects effects = stream.machine.OnHello(hello, LogNow(hello), Now());
  if (effects.answer.has_value()) {
    Trace(fmt::format("answers {} (ends {}, committed {}): verdict {} cut {} {}", hello.node_id,
                      ToText(hello.last), hello.committed_seq,
                      static_cast<int>(effects.answer->verdict), effects.answer->cut_after_seq,
                      effects.answer->reason));
    const bool given_up = hello.committed_seq > 0 && world_.AnyLoss();
    if (effects.answer->reason.starts_with("diverged") && !given_up) {
      world_.checker().Fail(fmt::format("{}: {}", hello.node_id, effects.answer->reason));
    }
  }
  if (effects.send_snapshot) stream.snapshot_from = effects.snapshot_from;
  // Before what a refusal ends: each stream that said hello begins once and ends once.
  if (l.rule != nullptr) l.rule->OnConnected(hello.node_id);
  ApplyStream(id, effects);
}

void Node::OnAck(uint64_t id, const replication::AckInfo& ack) {
  const auto it = live_->streams.find(id);
  if (it != live_->streams.end()) ApplyStream(id, it->second.machine.OnAck(ack, Now()));
}

void Node::ApplyStream(uint64_t id, const PublisherEffects& effects) {
  Live& l = *live_;
  const LinkPtr link = l.streams.at(id).link;
  const std::string node_id = l.streams.at(id).node_id;
  Node& follower = world_.node(link->follower);
  if (effects.answer.has_value()) {
    world_.network().Send(link, kFollowerEnd, [&follower, link, answer = *effects.answer] {
      follower.Arrived(link, [&follower, answer] { follower.FollowerAnswer(answer); });
    });
  }
  if (effects.batch.has_value()) SendBatch(id, *effects.batch);
  if (effects.heartbeat.has_value()) {
    world_.network().Send(link, kFollowerEnd, [&follower, link, beat = *effects.heartbeat] {
      follower.Arrived(link, [&follower, beat] { follower.FollowerHeartbeat(beat); });
    });
  }
  if (effects.send_snapshot) SendSnapshots();
  if (effects.drop.has_value()) {
    Trace(fmt::format("drops {}: {} {}", node_id, replication::ToText(*effects.drop),
                      effects.drop_detail));
    // Closed after what was sent, for the follower is to read the answer; in the meantime it may
    // have come again, or an epoch may have begun.
    world_.timeline().After(milliseconds(300), Alive([this, link, node_id] {
                              world_.network().Close(link, kPrimaryEnd);
                              if (live_->rule != nullptr) live_->rule->OnDisconnected(node_id);
                            }));
    l.streams.erase(id);
  }
  if (effects.acked.has_value() && l.rule != nullptr) {
    l.rule->OnAck(node_id, *effects.acked);
    RuleMoved();
    StepSwitchover();
  }
  if (effects.higher_epoch.has_value()) SeeEpoch(*effects.higher_epoch);
}

void Node::SendBatch(uint64_t id, const replication::SendBatch& what) {
  Live& l = *live_;
  const LinkPtr link = l.streams.at(id).link;
  const uint64_t most = std::min<uint64_t>(what.to_max, what.from + what.records_max - 1);
  const uint64_t to = what.from + world_.random().Below(most - what.from + 1);
  std::vector<Entry> entries(l.log.begin() + static_cast<std::ptrdiff_t>(what.from - 1),
                             l.log.begin() + static_cast<std::ptrdiff_t>(to));
  replication::BatchInfo batch{
      .epoch = l.role.epoch(),
      .first_seq = what.from,
      .previous_digest = what.from > 1 ? l.log[what.from - 2].meta.digest : Digest{},
      .entries = {},
      .committed_seq = l.rule->committed_seq(),
      .durable_seq = l.track.durable_seq()};
  for (const Entry& entry : entries) batch.entries.push_back(entry.meta);
  const size_t bytes = entries.size() * kEntryBytes;
  Node& follower = world_.node(link->follower);
  world_.network().Send(link, kFollowerEnd, [&follower, link, batch, entries] {
    follower.Arrived(link, [&follower, batch, entries] { follower.FollowerBatch(batch, entries); });
  });
  world_.timeline().After(
      world_.random().Between(microseconds(10), milliseconds(1)),
      Alive([this, id, from = what.from, to, bytes, told = batch.committed_seq] {
        const auto it = live_->streams.find(id);
        if (it == live_->streams.end()) return;
        ApplyStream(id, it->second.machine.OnBatchSent(from, to, bytes, told));
      }));
}

// Where a snapshot for who needs one from `from` on would be; 0: not yet. It is of what is
// committed here, or of the record that the epoch begins with, which may wait for this very
// follower.
uint64_t Node::SnapshotAt(uint64_t from) const {
  const Live& l = *live_;
  const uint64_t committed = l.track.committed_seq();
  if (committed > 0 && committed >= from) return committed;
  const bool starts =
      l.rule != nullptr && committed < l.start_seq && l.track.durable_seq() >= l.start_seq;
  return starts && l.start_seq >= from && !world_.planted().wait_for_snapshot ? l.start_seq : 0;
}

void Node::SendSnapshots() {
  Live& l = *live_;
  for (auto& [id, stream] : l.streams) {
    if (!stream.snapshot_from.has_value()) continue;
    const uint64_t at = SnapshotAt(*stream.snapshot_from);
    if (at == 0) continue;
    const bool unknown = at > l.track.committed_seq() || l.unconfirmed != 0;
    const bool pending = unknown && !world_.planted().show_pending_snapshot;
    stream.snapshot_from.reset();
    world_.CountSnapshot(pending);
    Trace(fmt::format("sends {} a snapshot at {}{}", stream.node_id, at,
                      pending ? ", not committed yet" : ""));
    std::vector<Entry> entries(l.log.begin(), l.log.begin() + static_cast<std::ptrdiff_t>(at));
    Node& follower = world_.node(stream.link->follower);
    world_.network().Send(
        stream.link, kFollowerEnd, [&follower, link = stream.link, entries, pending] {
          follower.Arrived(
              link, [&follower, entries, pending] { follower.FollowerSnapshot(entries, pending); });
        });
    stream.machine.OnSnapshotSent(at, Now());
  }
}

void Node::EndStream(uint64_t id) {
  const auto it = live_->streams.find(id);
  if (it == live_->streams.end()) return;
  const std::string node_id = it->second.node_id;
  world_.network().Close(it->second.link, kPrimaryEnd);
  live_->streams.erase(it);
  if (live_->rule != nullptr && !node_id.empty()) live_->rule->OnDisconnected(node_id);
}

}  // namespace holdfast::sim
