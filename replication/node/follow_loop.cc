#include "replication/node/follow_loop.h"

#include <fmt/format.h>

#include <limits>
#include <utility>

#include "replication/core/history.h"
#include "replication/node/translate.h"
#include "server/base/encoding.h"
#include "server/base/limits.h"
#include "server/base/status_macros.h"
#include "server/crypto/random.h"
#include "server/observe/log.h"

namespace holdfast::replication {
namespace {

constexpr std::chrono::milliseconds kTick{100};

// It has room for more, so nothing is to be expected behind it at once.
bool IsShort(const ForeignBatch& batch) {
  if (batch.items.size() > limits::kStreamBatchRecordsMax / 2) return false;
  size_t bytes = 0;
  for (const WindowItem& item : batch.items) bytes += item.entry->record.size();
  return bytes <= limits::kStreamBatchBytesMax / 2;
}

double RandomShare() { return crypto::RandomBelow(1 << 20) / static_cast<double>(1 << 20); }

}  // namespace

FollowLoop::FollowLoop(Deps deps)
    : deps_(std::move(deps)),
      machine_(deps_.book.promises().granted),
      intake_(deps_.identity.data_folder, deps_.keys, deps_.ledger) {
  thread_ = std::thread([this] { Run(); });
}

FollowLoop::~FollowLoop() { Stop(); }

void FollowLoop::Stop() {
  {
    MutexLock lock(mu_);
    stop_ = true;
  }
  wake_.NotifyAll();
  room_.NotifyAll();
  if (thread_.joinable()) thread_.join();
}

void FollowLoop::SetPrimary(const std::optional<std::string>& node_id, const Epoch& epoch) {
  MutexLock lock(mu_);
  if (wanted_ == node_id && wanted_epoch_ == epoch) return;
  wanted_ = node_id;
  wanted_epoch_ = epoch;
  news_ = true;
  wake_.NotifyAll();
}

void FollowLoop::Pause() {
  MutexLock lock(mu_);
  paused_ = true;
  wake_.NotifyAll();
  while (!idle_ && !stop_) room_.Wait(mu_);
}

void FollowLoop::Resume() {
  MutexLock lock(mu_);
  paused_ = false;
  wake_.NotifyAll();
}

void FollowLoop::Granted(const Epoch& epoch) {
  MutexLock lock(mu_);
  granted_ = epoch;
  wake_.NotifyAll();
}

LinkView FollowLoop::View() const {
  const MonoTime now = deps_.clock.Mono();
  MutexLock lock(mu_);
  LinkView view{.primary = machine_.primary(),
                .state = machine_.state(now),
                .epoch = machine_.epoch(),
                .lag_seconds = machine_.LagSeconds(now),
                .lag_records = machine_.LagRecords(),
                .link_age_seconds = machine_.LinkAgeSeconds(now),
                .fault = fault_,
                .snapshot_bytes = snapshot_bytes_,
                .snapshot_bytes_total = snapshot_bytes_total_};
  view.live = !stop_ && !paused_ && machine_.following(now);
  return view;
}

std::map<std::string, uint64_t> FollowLoop::Ends() const {
  MutexLock lock(mu_);
  return ends_;
}

template <typename Fn>
FollowerEffects FollowLoop::With(Fn fn) {
  MutexLock lock(mu_);
  return fn(machine_);
}

void FollowLoop::Run() {
  while (true) {
    {
      MutexLock lock(mu_);
      if (stop_) break;
      if (paused_) {
        if (connection_ == nullptr) {
          idle_ = true;
          room_.NotifyAll();
          wake_.Wait(mu_);
          continue;
        }
      } else {
        idle_ = false;
      }
    }
    Step();
  }
  HangUp();
}

void FollowLoop::Step() {
  const MonoTime now = deps_.clock.Mono();
  bool paused = false;
  std::optional<std::string> wanted;
  std::optional<Epoch> granted;
  bool news = false;
  {
    MutexLock lock(mu_);
    paused = paused_;
    wanted = wanted_;
    granted = std::exchange(granted_, std::nullopt);
    news = std::exchange(news_, false);
  }
  if (paused) {
    HangUp();
    deps_.ledger.Unfollow();
    CarryOut(With([&](FollowerMachine& m) { return m.OnDisconnected(now, RandomShare()); }));
    return;
  }
  if (granted) CarryOut(With([&](FollowerMachine& m) { return m.OnGranted(*granted); }));
  // A machine that waits forgets its back-off when nobody is known.
  if (news) CarryOut(With([&](FollowerMachine& m) { return m.OnPrimaryKnown(std::nullopt, now); }));
  CarryOut(With([&](FollowerMachine& m) { return m.OnPrimaryKnown(wanted, now); }));
  if (std::optional<Incoming> incoming = NextFrame()) CarryOut(OnFrame(std::move(*incoming)));
  CarryOut(With([&](FollowerMachine& m) { return m.OnTick(deps_.clock.Mono()); }));
}

std::optional<FollowLoop::Incoming> FollowLoop::NextFrame() {
  MutexLock lock(mu_);
  waits_ = true;
  if (frames_.empty() && !stop_ && !paused_) wake_.WaitFor(mu_, kTick);
  while (here_) wake_.WaitFor(mu_, kTick);  // its end is told only when there is more to do
  waits_ = false;
  if (frames_.empty()) return std::nullopt;
  Incoming incoming = std::move(frames_.front());
  frames_.pop_front();
  room_.NotifyAll();
  return incoming;
}

// Carries out effects, and those that come of them, until there are none.
void FollowLoop::CarryOut(FollowerEffects effects) {
  FollowerEffects next;
  while (CarryOutOne(effects, next)) {
    effects = std::move(next);
    next = {};
  }
}

// True: `next` came of it.
bool FollowLoop::CarryOutOne(const FollowerEffects& effects, FollowerEffects& next) {
  const MonoTime now = deps_.clock.Mono();
  if (effects.drop) {
    if (*effects.drop != FollowerDrop::kConnectionLost) {  // else it was said when it was lost
      LogInfo("stream from {} ends: {} {}", View().primary.value_or("nobody"),
              ToText(*effects.drop), effects.drop_detail);
    }
    {
      MutexLock lock(mu_);
      fault_ = effects.drop_detail;
      ++ends_[ToText(*effects.drop)];
    }
    HangUp();
    deps_.ledger.Unfollow();
    next = With([&](FollowerMachine& m) { return m.OnDisconnected(now, RandomShare()); });
    deps_.link_changed();
    return true;
  }
  if (effects.dial) {
    Dial(*effects.dial);
    if (connection_ != nullptr) return false;  // OnConnected: when its reader has opened it
    next = With([&](FollowerMachine& m) { return m.OnDisconnected(now, RandomShare()); });
    return true;
  }
  if (effects.send_hello) {
    // A hello says what this log is: first that has to be known.
    if (const absl::Status known = deps_.ledger.Settle(); !known.ok()) {
      next = With([&](FollowerMachine& m) {
        return m.OnBatchRefused(false,
                                "what the store holds is not known: " + holdfast::ToText(known));
      });
      return true;
    }
    SendHello();
  }
  if (effects.persist_epoch) {
    const absl::StatusOr<EpochSeen> seen = deps_.book.OnSeen(*effects.persist_epoch);
    const bool good = seen.ok() && (*seen == EpochSeen::kHigher || *seen == EpochSeen::kCurrent);
    next = With([&](FollowerMachine& m) {
      return good ? m.OnEpochPersisted(*effects.persist_epoch)
                  : m.OnBatchRefused(false, "the epoch could not be promised");
    });
    return true;
  }
  if (effects.cut_after) {
    const absl::Status cut = deps_.ledger.CutAfter(*effects.cut_after);
    if (!cut.ok()) LogError("cut after {}: {}", *effects.cut_after, holdfast::ToText(cut));
    next = With([&](FollowerMachine& m) { return m.OnCutDone(cut.ok()); });
    return true;
  }
  if (effects.begin_snapshot) {
    if (const absl::Status kept = KeepLost(); !kept.ok()) {
      next = SnapshotFault(kept);
      return true;
    }
  }
  if (effects.follow) {
    intake_.Drop();  // Of an interrupted one nothing is needed any more.
    deps_.ledger.Follow(effects.follow_epoch, effects.follow_first_seq);
    lost_said_ = false;
    LogInfo("follows {} in epoch {}", View().primary.value_or("nobody"),
            ToText(effects.follow_epoch));
    deps_.link_changed();
  }
  if (effects.send_ack) SendAck();
  return false;
}

// For a short batch: of a row of full ones the reader verifies the next while the loop stores.
bool FollowLoop::TakeTurn(const Incoming& incoming) {
  if (!incoming.batch || !incoming.batch->ok() || !IsShort(**incoming.batch)) return false;
  MutexLock lock(mu_);
  if (!waits_ || stop_ || paused_ || news_ || granted_ || !frames_.empty()) return false;
  here_ = incoming.connection == connection_id_;
  return here_;
}

// On the reader. It cannot hang up: what more than an acknowledgement comes of the batch is left.
void FollowLoop::TakeIn(Incoming incoming) {
  const uint64_t connection = incoming.connection;
  FollowerEffects effects = OnFrame(std::move(incoming));
  if (effects.send_ack) SendAck();
  {
    MutexLock lock(mu_);
    here_ = false;
    if (!effects.drop && !stop_ && !paused_ && !news_ && !granted_) return;
    if (effects.drop) frames_.push_back({.connection = connection, .left = std::move(effects)});
  }
  wake_.NotifyAll();
}

void FollowLoop::Dial(const std::string& node_id) {
  client_ = deps_.client(node_id);
  if (client_ == nullptr) return;
  connection_ = client_->Follow();
  uint64_t id = 0;
  {
    MutexLock lock(mu_);
    id = ++connection_id_;
  }
  // Opened there too: a member that swallows packets holds up nobody who wants to hang up.
  reader_ = std::thread([this, id, connection = connection_] {
    connection->Open();
    bool opened = true;
    bool open = true;
    while (open) {
      Incoming incoming{.connection = id, .opened = std::exchange(opened, false)};
      if (!incoming.opened && !connection->Read(&incoming.frame)) {
        incoming.end = true;
        incoming.why = connection->Finish();
        open = false;
      } else if (incoming.frame.has_batch()) {
        incoming.batch = FromMessage(incoming.frame.batch(), deps_.keys);
      }
      if (TakeTurn(incoming)) {
        TakeIn(std::move(incoming));
        continue;
      }
      MutexLock lock(mu_);
      while (frames_.size() >= kFramesMax && connection_id_ == id && !stop_) room_.Wait(mu_);
      if (connection_id_ != id || stop_) return;
      frames_.push_back(std::move(incoming));
      wake_.NotifyAll();
    }
  });
}

void FollowLoop::HangUp() {
  if (connection_ == nullptr) return;
  {
    MutexLock lock(mu_);
    ++connection_id_;
    frames_.clear();
  }
  room_.NotifyAll();
  connection_->Cancel();
  reader_.join();
  connection_.reset();
  client_.reset();
  intake_.Pause();
  told_digests_.clear();
}

void FollowLoop::SendHello() {
  const LogShape shape = deps_.ledger.Shape();
  const HelloInfo hello{.cluster_id = deps_.identity.cluster_id,
                        .node_id = deps_.identity.node_id,
                        .granted = deps_.book.promises().granted,
                        .last = shape.last,
                        .committed_seq = deps_.ledger.progress().committed_seq,
                        .history = NewestOf(shape.history, kHelloHistoryMax),
                        .needs_snapshot = !deps_.ledger.progress().distrust.empty(),
                        .snapshot_id = intake_.id(),
                        .snapshot_offset = intake_.bytes()};
  v1::FollowerFrame frame;
  *frame.mutable_hello() = ToMessage(hello, deps_.identity.version);
  connection_->Write(frame);  // A stream that is gone is told by its reader.
}

void FollowLoop::SendAck() {
  if (connection_ == nullptr) return;
  const LedgerProgress progress = deps_.ledger.progress();
  v1::FollowerFrame frame;
  {
    MutexLock lock(mu_);
    *frame.mutable_ack() = ToMessage(machine_.MakeAck(progress.durable_seq, progress.durable_seq,
                                                      progress.committed_seq, deps_.clock.Mono()));
  }
  connection_->Write(frame);
}

FollowerEffects FollowLoop::OnFrame(Incoming incoming) {
  {
    MutexLock lock(mu_);
    if (incoming.connection != connection_id_) return {};
  }
  if (incoming.left) return *std::move(incoming.left);
  const MonoTime now = deps_.clock.Mono();
  if (incoming.opened) return With([&](FollowerMachine& m) { return m.OnConnected(now); });
  if (incoming.end) {
    if (!lost_said_) {  // once, not at every dial
      LogInfo("stream from {} is gone: {}", View().primary.value_or("nobody"),
              holdfast::ToText(incoming.why));
    }
    lost_said_ = true;
    HangUp();
    deps_.ledger.Unfollow();
    deps_.link_changed();
    return With([&](FollowerMachine& m) { return m.OnDisconnected(now, RandomShare()); });
  }
  switch (incoming.frame.frame_case()) {
    case v1::PrimaryFrame::kHelloAnswer:
      return OnHelloAnswer(incoming.frame.hello_answer());
    case v1::PrimaryFrame::kBatch:
      return OnBatch(incoming);
    case v1::PrimaryFrame::kHeartbeat:
      return OnHeartbeat(FromMessage(incoming.frame.heartbeat()));
    case v1::PrimaryFrame::kSnapshotBegin:
    case v1::PrimaryFrame::kSnapshotChunk:
    case v1::PrimaryFrame::kSnapshotEnd:
      return OnSnapshotFrame(incoming.frame);
    case v1::PrimaryFrame::FRAME_NOT_SET:
      break;
  }
  return BatchFault(absl::InvalidArgumentError("a frame of an unknown kind"));
}

FollowerEffects FollowLoop::OnHelloAnswer(const v1::HelloAnswer& message) {
  const absl::StatusOr<HelloAnswerInfo> answer = FromMessage(message);
  if (!answer.ok()) return BatchFault(answer.status());
  const bool streams =
      answer->verdict == HelloVerdict::kContinue || answer->verdict == HelloVerdict::kCut;
  if (streams && !deps_.ledger.progress().distrust.empty()) {
    return BatchFault(absl::FailedPreconditionError("expected a snapshot, the log goes on"));
  }
  return With([&](FollowerMachine& m) { return m.OnHelloAnswer(*answer, deps_.clock.Mono()); });
}

FollowerEffects FollowLoop::OnHeartbeat(const HeartbeatInfo& heartbeat) {
  const MonoTime now = deps_.clock.Mono();
  FollowerEffects effects = With([&](FollowerMachine& m) { return m.OnHeartbeat(heartbeat, now); });
  if (effects.drop) return effects;
  if (!With([](FollowerMachine& m) {
         return FollowerEffects{.send_ack = m.streaming()};
       }).send_ack) {
    return effects;
  }
  deps_.ledger.CommitForeign(heartbeat.committed_seq);
  if (std::optional<FollowerEffects> differs = CompareDigest(heartbeat)) return *differs;
  const uint64_t applied = deps_.ledger.progress().committed_seq;
  return With([&](FollowerMachine& m) { return m.OnLogMoved(applied); });
}

// The same log must give the same state, everywhere. Where it does not, nobody knows which rows
// are right here: none is served any more.
std::optional<FollowerEffects> FollowLoop::CompareDigest(const HeartbeatInfo& heartbeat) {
  if (heartbeat.digest_seq != 0 && told_digests_.size() < kDigestMarks) {
    told_digests_.push_back({heartbeat.digest_seq, heartbeat.state_digest});
  }
  const uint64_t shown = deps_.ledger.progress().committed_seq;
  while (!told_digests_.empty() && told_digests_.front().seq <= shown) {
    const StatePoint told = told_digests_.front();
    told_digests_.pop_front();
    const std::optional<Digest> mine = deps_.ledger.StateDigestAt(told.seq);
    if (!mine || *mine == told.state_digest) continue;
    const std::string why = fmt::format(
        "the rows of this node differ from those of {} at {}: they are not served any more",
        View().primary.value_or("the primary"), told.seq);
    LogError("{}", why);
    deps_.ledger.Distrust(why);
    deps_.link_changed();
    return With([&](FollowerMachine& m) { return m.OnBatchRefused(true, why); });
  }
  return std::nullopt;
}

FollowerEffects FollowLoop::OnBatch(Incoming& incoming) {
  const MonoTime now = deps_.clock.Mono();
  const v1::Batch& message = incoming.frame.batch();
  const Epoch epoch = FromMessage(message.epoch());
  uint64_t last = message.first_seq() + static_cast<uint64_t>(message.entries_size()) - 1;
  FollowerEffects effects = With([&](FollowerMachine& m) { return m.OnBatch(epoch, last, now); });
  if (effects.drop) return effects;
  if (!incoming.batch->ok()) return BatchFault(incoming.batch->status());
  ForeignBatch& batch = **incoming.batch;
  MergeQueued(batch);
  last = batch.info.entries.back().seq;
  effects = With([&](FollowerMachine& m) { return m.OnBatch(epoch, last, now); });
  if (effects.drop) return effects;
  const ForeignOutcome outcome = deps_.ledger.AppendForeign(batch);
  if (outcome.refusal) {
    return With([&](FollowerMachine& m) {
      return m.OnBatchRefused(*outcome.refusal == BatchRefusal::kDigestMismatch, outcome.detail);
    });
  }
  if (!outcome.failure.ok()) return BatchFault(outcome.failure);
  const uint64_t applied = deps_.ledger.progress().committed_seq;
  return With([&](FollowerMachine& m) { return m.OnLogMoved(applied); });
}

// Batches that wait behind this one and go on where it ends: one transaction, one fsync and one
// acknowledgement for all of them. Of the heartbeats between them the newest tells what all do; it
// comes after them.
void FollowLoop::MergeQueued(ForeignBatch& batch) {
  MutexLock lock(mu_);
  std::optional<Incoming> heartbeat;
  while (!frames_.empty() && frames_.front().connection == connection_id_) {
    Incoming& front = frames_.front();
    if (front.frame.has_heartbeat()) {
      v1::Heartbeat& newer = *front.frame.mutable_heartbeat();
      if (heartbeat && newer.digest_seq() == 0) {
        newer.set_digest_seq(heartbeat->frame.heartbeat().digest_seq());
        newer.set_state_digest(heartbeat->frame.heartbeat().state_digest());
      }
      heartbeat = std::move(front);
    } else if (!MergeOne(front, batch)) {
      break;
    }
    frames_.pop_front();
  }
  if (heartbeat) frames_.push_front(*std::move(heartbeat));
  room_.NotifyAll();
}

// False: it does not go on where `batch` ends, or there are enough.
bool FollowLoop::MergeOne(Incoming& next, ForeignBatch& batch) {
  if (batch.items.size() >= limits::kFollowerMergeRecordsMax) return false;
  if (!next.batch || !next.batch->ok()) return false;
  ForeignBatch& more = **next.batch;
  const EntryMeta& end = batch.info.entries.back();
  if (more.info.first_seq != end.seq + 1 || more.info.epoch != batch.info.epoch ||
      more.info.previous_digest != end.digest) {
    return false;
  }
  batch.info.entries.insert(batch.info.entries.end(), more.info.entries.begin(),
                            more.info.entries.end());
  batch.items.insert(batch.items.end(), std::make_move_iterator(more.items.begin()),
                     std::make_move_iterator(more.items.end()));
  batch.info.committed_seq = more.info.committed_seq;
  batch.info.durable_seq = more.info.durable_seq;
  return true;
}

// What came cannot be used: by its status the state that operators see.
FollowerEffects FollowLoop::BatchFault(const absl::Status& status) {
  LogError("from the primary: {}", holdfast::ToText(status));
  return With([&](FollowerMachine& m) {
    const std::string text(status.message());
    if (absl::IsUnimplemented(status)) return m.OnUpgradeRequired(text);
    return m.OnBatchRefused(absl::IsDataLoss(status) || absl::IsUnauthenticated(status), text);
  });
}

FollowerEffects FollowLoop::OnSnapshotFrame(const v1::PrimaryFrame& frame) {
  if (frame.has_snapshot_end()) return InstallSnapshot(frame.snapshot_end());
  const absl::Status status = TakeSnapshotFrame(frame);
  NoteSnapshotProgress();
  if (!status.ok()) return SnapshotFault(status);
  return With([&](FollowerMachine& m) {
    m.OnProgress(deps_.clock.Mono());
    return FollowerEffects{};
  });
}

absl::Status FollowLoop::TakeSnapshotFrame(const v1::PrimaryFrame& frame) {
  if (frame.has_snapshot_chunk()) return intake_.Add(frame.snapshot_chunk());
  std::vector<EpochStart> history;
  {
    MutexLock lock(mu_);
    history = machine_.answer_history();
  }
  return intake_.Begin(frame.snapshot_begin(), history);
}

FollowerEffects FollowLoop::InstallSnapshot(const v1::SnapshotEnd& end) {
  const uint64_t seq = intake_.seq();
  MonoTime told = deps_.clock.Mono();
  const auto alive = [&] {  // Silence would end the stream before it is in place.
    if (deps_.clock.Mono() - told < limits::kHeartbeatEvery) return;
    told = deps_.clock.Mono();
    TellAlive();
  };
  const absl::Status status = intake_.Install(end, alive);
  NoteSnapshotProgress();
  if (!status.ok()) return SnapshotFault(status);
  LogInfo("snapshot at {} is in place", seq);
  return With([&](FollowerMachine& m) {
    m.OnProgress(deps_.clock.Mono());
    m.OnLogMoved(seq);
    return m.OnSnapshotInstalled();
  });
}

// Only a newer epoch takes away what was shown; the histories say from where on.
absl::Status FollowLoop::KeepLost() {
  if (deps_.ledger.progress().unconfirmed) return absl::OkStatus();  // Nobody has seen it here.
  LogShape theirs;
  {
    MutexLock lock(mu_);
    theirs.history = machine_.answer_history();
  }
  const LogShape mine = deps_.ledger.Shape();
  if (mine.last.seq == 0 || theirs.history.empty()) return absl::OkStatus();
  theirs.last = {.epoch = theirs.history.back().epoch, .seq = std::numeric_limits<uint64_t>::max()};
  std::optional<uint64_t> fork = ForkPoint(theirs, mine);
  if (!fork) {
    // More epochs have passed than a hello shows. What this node wrote itself, as the last primary
    // of its log, may be lost; what it had from others they know of.
    const EpochStart& last = mine.history.back();
    if (last.epoch.node_id != deps_.identity.node_id) return absl::OkStatus();
    fork = last.first_seq - 1;
  }
  return deps_.keep_lost(*fork, theirs.last.epoch);
}

void FollowLoop::TellAlive() {
  v1::FollowerFrame frame;
  {
    MutexLock lock(mu_);
    *frame.mutable_ack() = ToMessage(machine_.MakeAck(0, 0, 0, deps_.clock.Mono()));
  }
  connection_->Write(frame);
}

void FollowLoop::NoteSnapshotProgress() {
  MutexLock lock(mu_);
  snapshot_bytes_ = intake_.begun() ? intake_.bytes() : 0;
  snapshot_bytes_total_ = intake_.total();
}

FollowerEffects FollowLoop::SnapshotFault(const absl::Status& status) {
  intake_.Drop();
  NoteSnapshotProgress();
  return BatchFault(absl::Status(status.code(), "snapshot: " + std::string(status.message())));
}

}  // namespace holdfast::replication
