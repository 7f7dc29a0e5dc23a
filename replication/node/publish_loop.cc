#include "replication/node/publish_loop.h"

#include <fmt/format.h>

#include <utility>

#include "replication/node/translate.h"
#include "server/base/crash_point.h"
#include "server/base/encoding.h"
#include "server/base/limits.h"
#include "server/base/status_macros.h"
#include "server/observe/log.h"

namespace holdfast::replication {
namespace {

constexpr std::chrono::milliseconds kTick{200};
constexpr std::chrono::seconds kFarewell{2};

// The first word of the verdict's reason, as the metrics name it.
std::string ReasonOf(const HelloAnswerInfo& answer) {
  for (const char* word : {"asked", "diverged", "cheaper"}) {
    if (answer.reason.starts_with(word)) return word;
  }
  return "trimmed";
}

}  // namespace

PublishLoop::PublishLoop(Deps deps, PeerIdentity peer, FollowerConnection& connection)
    : deps_(std::move(deps)),
      peer_(std::move(peer)),
      connection_(connection),
      machine_(deps_.clock.Mono()) {}

FollowerView PublishLoop::View() const {
  MutexLock lock(mu_);
  return {.node_id = peer_.node_id,
          .state = machine_.state(),
          .sent_seq = machine_.sent_seq(),
          .acked = machine_.acks()};
}

void PublishLoop::Stop() {
  {
    MutexLock lock(mu_);
    stop_ = true;
    effects_.push_back(machine_.OnSteppedDown());
  }
  wake_.NotifyAll();
  connection_.Cancel();  // it may still wait for the hello
}

void PublishLoop::Push(PublisherEffects effects) {
  {
    MutexLock lock(mu_);
    effects_.push_back(std::move(effects));
  }
  wake_.NotifyAll();
}

absl::Status PublishLoop::Run() {
  HOLDFAST_RETURN_IF_ERROR(ReadHello());
  deps_.ledger.OnConnected(peer_.node_id);
  const uint64_t subscription = deps_.ledger.Subscribe([this] {
    {
      MutexLock lock(mu_);
      moved_ = true;
    }
    wake_.NotifyAll();
  });
  writer_ = std::thread([this] { Write(); });
  ReadAcks();
  {
    MutexLock lock(mu_);
    ended_ = true;
  }
  wake_.NotifyAll();
  writer_.join();
  deps_.ledger.Unsubscribe(subscription);
  deps_.ledger.OnDisconnected(peer_.node_id);
  MutexLock lock(mu_);
  return fault_;
}

absl::Status PublishLoop::ReadHello() {
  v1::FollowerFrame frame;
  if (!connection_.Read(&frame)) return absl::CancelledError("no hello came");
  if (!frame.has_hello()) return absl::InvalidArgumentError("expected a hello");
  HOLDFAST_ASSIGN_OR_RETURN(const HelloInfo hello, FromMessage(frame.hello()));
  if (hello.node_id != peer_.node_id) {
    return absl::PermissionDeniedError(
        fmt::format("the hello names {}, the certificate {}", hello.node_id, peer_.node_id));
  }
  const std::optional<Epoch> serving = deps_.serving();
  epoch_ = serving.value_or(Epoch{});
  PrimaryLog log = LogFor(hello, epoch_);
  log.serving = serving.has_value();
  MutexLock lock(mu_);
  PublisherEffects effects = machine_.OnHello(hello, log, deps_.clock.Mono());
  if (effects.answer) {
    LogInfo("follower {} at {}: {}", peer_.node_id, ToText(hello.last),
            effects.answer->reason.empty() ? "goes on" : effects.answer->reason);
  }
  if (effects.send_snapshot) {
    snapshot_reason_ = ReasonOf(*effects.answer);
    snapshot_from_ = effects.snapshot_from;
    resume_id_ = hello.snapshot_id;
    resume_offset_ = hello.snapshot_offset;
  }
  effects_.push_back(std::move(effects));
  return absl::OkStatus();
}

PrimaryLog PublishLoop::LogFor(const HelloInfo& hello, const Epoch& epoch) const {
  PrimaryLog log{.cluster_id = deps_.identity.cluster_id,
                 .epoch = epoch,
                 .shape = deps_.ledger.Shape(),
                 .committed_seq = deps_.ledger.progress().committed_seq,
                 .oldest_retained_seq = deps_.ledger.oldest_seq(),
                 .rows = deps_.ledger.rows()};
  if (hello.last.seq <= log.shape.last.seq) {
    log.digest_at_their_last = deps_.ledger.DigestAt(hello.last.seq);
  }
  return log;
}

void PublishLoop::ReadAcks() {
  v1::FollowerFrame frame;
  while (connection_.Read(&frame)) {
    PublisherEffects effects;
    {
      MutexLock lock(mu_);
      if (frame.has_ack()) {
        effects = machine_.OnAck(FromMessage(frame.ack()), deps_.clock.Mono());
      } else {
        effects = machine_.OnHello({}, {}, deps_.clock.Mono());  // refused: a second one
      }
    }
    if (effects.acked) deps_.ledger.OnAck(peer_.node_id, *effects.acked);
    if (effects.batch || effects.drop) Push(std::move(effects));
  }
}

// False: the stream has ended.
bool PublishLoop::NextEffects(PublisherEffects& effects) {
  MutexLock lock(mu_);
  while (effects_.empty() && !moved_ && !ended_) {
    const MonoTime now = deps_.clock.Mono();
    const auto left = machine_.commit_told_by().value_or(now + kTick) - now;
    if (left <= std::chrono::nanoseconds(0) || !wake_.WaitFor(mu_, left)) {
      effects = machine_.OnTick(deps_.clock.Mono());
      return true;
    }
  }
  if (ended_) return false;
  if (!effects_.empty()) {
    effects = std::move(effects_.front());
    effects_.pop_front();
    return true;
  }
  moved_ = false;
  return true;
}

void PublishLoop::Write() {
  PublisherEffects effects;
  while (NextEffects(effects)) {
    const LedgerProgress progress = deps_.ledger.progress();
    PublisherEffects grown;
    PublisherEffects committed;
    {
      MutexLock lock(mu_);
      const MonoTime now = deps_.clock.Mono();
      grown = machine_.OnLogGrew(progress.head_seq, now);
      committed = machine_.OnCommitMoved(progress.committed_seq, now);
    }
    const bool alive = CarryOut(effects) && CarryOut(grown) && CarryOut(committed);
    if (!alive) break;
    effects = {};
  }
  AwaitEnd();
  connection_.Cancel();
}

// A refusal must reach the follower, who then ends the stream itself.
void PublishLoop::AwaitEnd() {
  const MonoTime until = deps_.clock.Mono() + kFarewell;
  MutexLock lock(mu_);
  while (refused_ && !ended_ && deps_.clock.Mono() < until) wake_.WaitFor(mu_, kTick);
}

bool PublishLoop::CarryOut(const PublisherEffects& effects) {
  if (effects.answer) {
    v1::PrimaryFrame frame;
    *frame.mutable_hello_answer() = ToMessage(*effects.answer);
    if (!Send(frame)) return false;
  }
  if (effects.higher_epoch) deps_.higher_epoch(*effects.higher_epoch);
  if (effects.send_snapshot && !SendSnapshot()) return false;
  if (effects.batch && !SendBatchOf(*effects.batch)) return false;
  if (effects.heartbeat) {
    v1::PrimaryFrame frame;
    HeartbeatInfo heartbeat = *effects.heartbeat;
    TellDigest(heartbeat);
    *frame.mutable_heartbeat() = ToMessage(heartbeat, ToMillis(deps_.clock.Wall()));
    if (!Send(frame)) return false;
  }
  if (effects.drop) {
    {
      MutexLock lock(mu_);
      refused_ = *effects.drop == DropReason::kRefused;
    }
    LogInfo("stream of {} ends: {} {}", peer_.node_id, ToText(*effects.drop), effects.drop_detail);
    return false;
  }
  return true;
}

// About once a second: where a follower stands still, its very position; else the newest one that
// both remember.
void PublishLoop::TellDigest(HeartbeatInfo& heartbeat) {
  const MonoTime now = deps_.clock.Mono();
  if (now - digest_told_at_ < limits::kHeartbeatEvery / 2) return;
  digest_told_at_ = now;
  std::optional<StatePoint> point = deps_.ledger.ShownDigest();
  {
    MutexLock lock(mu_);
    if (machine_.acks().applied_seq != point->seq) point = std::nullopt;
  }
  if (!point) point = deps_.ledger.NewestDigestMark();
  if (!point) return;
  heartbeat.digest_seq = point->seq;
  heartbeat.state_digest = point->state_digest;
}

bool PublishLoop::Send(const v1::PrimaryFrame& frame) {
  {
    MutexLock lock(mu_);
    sending_since_ = deps_.clock.Mono();
  }
  const bool sent = connection_.Write(frame);
  MutexLock lock(mu_);
  sending_since_.reset();
  return sent;
}

void PublishLoop::Watch() {
  {
    MutexLock lock(mu_);
    if (!sending_since_ || deps_.clock.Mono() - *sending_since_ <= limits::kLinkDownAfter) return;
  }
  connection_.Cancel();
}

// Sends one batch, and then all that the machine orders in its place.
bool PublishLoop::SendBatchOf(const SendBatch& first) {
  std::optional<SendBatch> order = first;
  while (order) {
    // What is ordered was appended before this look: what comes after the record that forgets the
    // follower is not sent, however soon.
    if (!deps_.is_member()) return false;
    absl::StatusOr<std::vector<EntryPtr>> entries = deps_.ledger.ReadLog(
        order->from, std::min<size_t>(order->records_max, order->to_max - order->from + 1),
        order->bytes_max);
    if (!entries.ok() || entries->empty()) {
      LogWarning("follower {}: entries from {} cannot be read: {}", peer_.node_id, order->from,
                 entries.ok() ? "none" : holdfast::ToText(entries.status()));
      return false;
    }
    const std::optional<Digest> before = chain_ ? chain_ : deps_.ledger.DigestAt(order->from - 1);
    if (!before) return false;
    const LedgerProgress progress = deps_.ledger.progress();
    v1::PrimaryFrame frame;
    *frame.mutable_batch() = ToBatch(epoch_, *before, *entries, progress.committed_seq,
                                     progress.durable_seq, ToMillis(deps_.clock.Wall()));
    if (!Send(frame)) return false;
    chain_ = entries->back()->digest;
    size_t bytes = 0;
    for (const EntryPtr& entry : *entries) bytes += entry->record.size();
    MutexLock lock(mu_);
    order = machine_.OnBatchSent(order->from, entries->back()->seq, bytes, progress.committed_seq)
                .batch;
  }
  return true;
}

// The one that the follower has a part of, or one for it from the beginning. Null: the stream is
// gone. While it is made heartbeats go on.
absl::StatusOr<ShelvedSnapshotPtr> PublishLoop::TakeSnapshot(uint64_t& offset) {
  if (ShelvedSnapshotPtr begun = resume_id_.empty() ? nullptr : deps_.shelf.Find(resume_id_)) {
    const uint64_t size = begun->file.bytes();
    const bool piece = resume_offset_ % kSnapshotChunkBytes == 0 && resume_offset_ < size;
    if (begun->point.seq >= snapshot_from_ && (piece || resume_offset_ == size)) {
      offset = resume_offset_;
      return begun;
    }
  }
  offset = 0;
  while (true) {
    HOLDFAST_ASSIGN_OR_RETURN(ShelvedSnapshotPtr snapshot, deps_.shelf.Get(snapshot_from_, kTick));
    if (snapshot) return snapshot;
    PublisherEffects effects;
    {
      MutexLock lock(mu_);
      if (ended_ || stop_) return ShelvedSnapshotPtr();
      effects = machine_.OnTick(deps_.clock.Mono());
    }
    if (!CarryOut(effects)) return ShelvedSnapshotPtr();
  }
}

bool PublishLoop::SendSnapshot() {
  if (!deps_.is_member()) return false;
  uint64_t offset = 0;
  const absl::StatusOr<ShelvedSnapshotPtr> taken = TakeSnapshot(offset);
  if (!taken.ok() || *taken == nullptr) {
    deps_.shelf.Count(snapshot_reason_, taken.ok() ? "cut" : "refused");
    if (!taken.ok()) {
      LogWarning("no snapshot for {}: {}", peer_.node_id, holdfast::ToText(taken.status()));
      MutexLock lock(mu_);
      fault_ = taken.status();
    }
    return false;
  }
  const ShelvedSnapshot& snapshot = **taken;
  LogInfo("snapshot at {} for {} from byte {} of {}", snapshot.point.seq, peer_.node_id, offset,
          snapshot.file.bytes());
  const absl::Status sent = SendPieces(snapshot, offset);
  deps_.shelf.Count(snapshot_reason_, sent.ok() ? "sent" : "cut");
  if (!sent.ok()) {
    LogInfo("snapshot at {} for {}: {}", snapshot.point.seq, peer_.node_id, holdfast::ToText(sent));
    return false;
  }
  chain_ = snapshot.point.digest;
  MutexLock lock(mu_);
  machine_.OnSnapshotSent(snapshot.point.seq, deps_.clock.Mono());
  return true;
}

absl::Status PublishLoop::SendPieces(const ShelvedSnapshot& snapshot, uint64_t offset) {
  const absl::Status cut = absl::CancelledError("the stream was cut");
  // Whoever takes it byte by byte holds one of the few files that all followers share.
  const std::chrono::seconds most((snapshot.file.bytes() - offset) /
                                  limits::kSnapshotBytesPerSecondMin);
  const MonoTime until = deps_.clock.Mono() + limits::kSnapshotInstallMax + most;
  v1::PrimaryFrame frame;
  *frame.mutable_snapshot_begin() = snapshot.begin;
  frame.mutable_snapshot_begin()->set_offset(offset);
  if (!Send(frame)) return cut;
  for (; offset < snapshot.file.bytes(); offset += kSnapshotChunkBytes) {
    HOLDFAST_ASSIGN_OR_RETURN(std::string data, snapshot.file.ReadAt(offset, kSnapshotChunkBytes));
    frame.Clear();
    frame.mutable_snapshot_chunk()->set_offset(offset);
    frame.mutable_snapshot_chunk()->set_data(std::move(data));
    if (!Send(frame)) return cut;
    if (deps_.clock.Mono() > until) return absl::DeadlineExceededError("it is taken too slowly");
    HOLDFAST_CRASH_POINT("snapshot.send.in_pieces");
  }
  frame.Clear();
  frame.mutable_snapshot_end()->set_bytes(snapshot.file.bytes());
  frame.mutable_snapshot_end()->set_mac(std::string(AsText(snapshot.mac)));
  return Send(frame) ? absl::OkStatus() : cut;
}

}  // namespace holdfast::replication
