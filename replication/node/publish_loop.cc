#include "replication/node/publish_loop.h"

#include <fmt/format.h>

#include <utility>

#include "replication/node/snapshot_file.h"
#include "replication/node/translate.h"
#include "server/base/crash_point.h"
#include "server/base/encoding.h"
#include "server/base/limits.h"
#include "server/base/status_macros.h"
#include "server/crypto/random.h"
#include "server/observe/log.h"

namespace holdfast::replication {
namespace {

constexpr std::chrono::milliseconds kTick{200};
constexpr std::chrono::seconds kFarewell{2};

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
  return absl::OkStatus();
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
  effects_.push_back(std::move(effects));
  return absl::OkStatus();
}

PrimaryLog PublishLoop::LogFor(const HelloInfo& hello, const Epoch& epoch) const {
  PrimaryLog log{.cluster_id = deps_.identity.cluster_id,
                 .epoch = epoch,
                 .shape = deps_.ledger.Shape(),
                 .committed_seq = deps_.ledger.progress().committed_seq,
                 .oldest_retained_seq = deps_.ledger.oldest_seq()};
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
    if (!wake_.WaitFor(mu_, kTick)) {
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
      grown = machine_.OnLogGrew(progress.head_seq);
      committed = machine_.OnCommitMoved(progress.committed_seq);
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
    *frame.mutable_heartbeat() = ToMessage(*effects.heartbeat, ToMillis(deps_.clock.Wall()));
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

bool PublishLoop::Send(const v1::PrimaryFrame& frame) { return connection_.Write(frame); }

// Sends one batch, and then all that the machine orders in its place.
bool PublishLoop::SendBatchOf(const SendBatch& first) {
  std::optional<SendBatch> order = first;
  while (order) {
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
    order = machine_.OnBatchSent(order->from, entries->back()->seq, bytes).batch;
  }
  return true;
}

bool PublishLoop::SendSnapshot() {
  absl::StatusOr<SnapshotFile> file = SnapshotFile::Make(deps_.identity.data_folder);
  if (!file.ok()) {
    LogError("no snapshot for {}: {}", peer_.node_id, holdfast::ToText(file.status()));
    return false;
  }
  const absl::StatusOr<SnapshotPoint> point =
      deps_.ledger.CopyRows([&](const v1::Row& row) { return file->AddRow(row); });
  absl::Status status = point.ok() ? file->FinishRows() : point.status();
  if (!status.ok()) {
    LogError("no snapshot for {}: {}", peer_.node_id, holdfast::ToText(status));
    return false;
  }
  LogInfo("snapshot at {} for {}: {} rows, {} bytes", point->seq, peer_.node_id, point->rows,
          file->bytes());
  v1::PrimaryFrame frame;
  *frame.mutable_snapshot_begin() = ToMessage(*point, HexEncode(crypto::RandomId16()));
  const v1::SnapshotBegin begin = frame.snapshot_begin();
  if (!Send(frame)) return false;
  for (uint64_t offset = 0; offset < file->bytes(); offset += kSnapshotChunkBytes) {
    absl::StatusOr<std::string> data = file->ReadAt(offset, kSnapshotChunkBytes);
    if (!data.ok()) return false;
    frame.Clear();
    frame.mutable_snapshot_chunk()->set_offset(offset);
    frame.mutable_snapshot_chunk()->set_data(*std::move(data));
    if (!Send(frame)) return false;
    HOLDFAST_CRASH_POINT("snapshot.send.in_pieces");
  }
  frame.Clear();
  frame.mutable_snapshot_end()->set_bytes(file->bytes());
  frame.mutable_snapshot_end()->set_mac(std::string(AsText(file->MacOf(begin, deps_.keys))));
  if (!Send(frame)) return false;
  chain_ = point->digest;
  MutexLock lock(mu_);
  machine_.OnSnapshotSent(point->seq);
  return true;
}

}  // namespace holdfast::replication
