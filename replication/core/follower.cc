#include "replication/core/follower.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "server/base/limits.h"

namespace holdfast::replication {
namespace {

constexpr size_t kMarksMax = 64;
constexpr uint64_t kCaughtUpRecords = limits::kStreamBatchRecordsMax;

double SecondsBetween(MonoTime from, MonoTime to) {
  return std::chrono::duration<double>(to - from).count();
}

// At once, then 100 ms doubling to 5 s, of which a random half: many followers do not come in step.
std::chrono::nanoseconds BackOff(uint32_t failures, double random) {
  if (failures <= 1) return std::chrono::nanoseconds(0);
  const uint32_t doublings = std::min<uint32_t>(failures - 2, 16);
  const auto full = std::min<std::chrono::nanoseconds>(limits::kReconnectFirst * (1U << doublings),
                                                       limits::kReconnectMax);
  return std::chrono::nanoseconds(
      static_cast<int64_t>(static_cast<double>(full.count()) * (0.5 + random / 2)));
}

}  // namespace

const char* ToText(FollowerDrop reason) {
  switch (reason) {
    case FollowerDrop::kSilent:
      return "silent";
    case FollowerDrop::kRefused:
      return "refused";
    case FollowerDrop::kOldEpoch:
      return "old_epoch";
    case FollowerDrop::kOtherEpoch:
      return "other_epoch";
    case FollowerDrop::kBadFrame:
      return "bad_frame";
    case FollowerDrop::kDiverged:
      return "diverged";
    case FollowerDrop::kUpgradeRequired:
      return "upgrade_required";
    case FollowerDrop::kNewPrimary:
      return "new_primary";
    case FollowerDrop::kConnectionLost:
      return "connection_lost";
  }
  return "unknown";
}

// ---- Whom to dial, and when.

FollowerEffects FollowerMachine::OnPrimaryKnown(const std::optional<std::string>& node_id,
                                                MonoTime now) {
  if (!node_id.has_value()) {
    // A running stream is better evidence than reports that name nobody.
    if (phase_ == Phase::kIdle || phase_ == Phase::kWaiting) {
      target_.reset();
      phase_ = Phase::kIdle;
    }
    return {};
  }
  if (target_ == node_id) return phase_ == Phase::kIdle ? Dial(now) : FollowerEffects{};
  const bool linked = connected_phase() || phase_ == Phase::kDialing;
  const std::string before = target_.value_or("nobody");
  target_ = node_id;
  failures_ = 0;
  if (linked) return Drop(FollowerDrop::kNewPrimary, fmt::format("{} after {}", *node_id, before));
  return phase_ == Phase::kClosing ? FollowerEffects{} : Dial(now);
}

FollowerEffects FollowerMachine::Dial(MonoTime now) {
  phase_ = Phase::kDialing;
  heard_at_ = now;
  ++dials_;
  FollowerEffects effects;
  effects.dial = target_;
  return effects;
}

FollowerEffects FollowerMachine::OnConnected(MonoTime now) {
  if (phase_ != Phase::kDialing) return {};
  phase_ = Phase::kHello;
  heard_at_ = now;
  FollowerEffects effects;
  effects.send_hello = true;
  return effects;
}

FollowerEffects FollowerMachine::OnDisconnected(MonoTime now, double random) {
  if (phase_ == Phase::kIdle || phase_ == Phase::kWaiting) return {};
  FollowerEffects effects;
  if (phase_ != Phase::kClosing) effects = Drop(FollowerDrop::kConnectionLost, "");
  if (!target_.has_value()) {
    phase_ = Phase::kIdle;
    return effects;
  }
  ++failures_;
  phase_ = Phase::kWaiting;
  dial_at_ = now + BackOff(failures_, random);
  return effects;
}

FollowerEffects FollowerMachine::Drop(FollowerDrop reason, std::string detail) {
  phase_ = Phase::kClosing;
  FollowerEffects effects;
  effects.drop = reason;
  effects.drop_detail = std::move(detail);
  return effects;
}

// ---- What the primary answers to our hello.

FollowerEffects FollowerMachine::OnHelloAnswer(const HelloAnswerInfo& answer, MonoTime now) {
  if (phase_ != Phase::kHello) {
    return connected_phase() ? Drop(FollowerDrop::kBadFrame, "an answer without a hello")
                             : FollowerEffects{};
  }
  heard_at_ = now;
  if (answer.verdict == HelloVerdict::kRefused || answer.verdict == HelloVerdict::kHigherEpoch) {
    return Drop(FollowerDrop::kRefused, answer.reason);
  }
  if (answer.epoch.number < granted_.number ||
      (answer.epoch.number == granted_.number && answer.epoch != granted_)) {
    return Drop(FollowerDrop::kOldEpoch,
                fmt::format("this node has granted {}, the primary serves in {}", ToText(granted_),
                            ToText(answer.epoch)));
  }
  if (answer.history.empty() || answer.history.back().epoch != answer.epoch) {
    return Drop(FollowerDrop::kBadFrame, "an answer whose history lacks the primary's epoch");
  }
  answer_ = answer;
  epoch_ = answer.epoch;
  if (epoch_ == persisted_) return Obey();
  granted_ = epoch_;
  phase_ = Phase::kPersist;
  FollowerEffects effects;
  effects.persist_epoch = epoch_;
  return effects;
}

FollowerEffects FollowerMachine::OnEpochPersisted(const Epoch& epoch) {
  if (epoch.number >= persisted_.number) persisted_ = epoch;
  if (phase_ != Phase::kPersist || epoch != epoch_) return {};
  return Obey();
}

FollowerEffects FollowerMachine::Obey() {
  FollowerEffects effects;
  if (answer_.verdict == HelloVerdict::kCut) {
    phase_ = Phase::kCut;
    effects.cut_after = answer_.cut_after_seq;
    return effects;
  }
  if (answer_.verdict == HelloVerdict::kSnapshot) {
    phase_ = Phase::kSnapshot;
    effects.begin_snapshot = true;
    return effects;
  }
  return StartStream();
}

FollowerEffects FollowerMachine::OnCutDone(bool done) {
  if (phase_ != Phase::kCut) return {};
  if (done) return StartStream();
  fault_ = PeerState::kDiverged;
  return Drop(FollowerDrop::kDiverged, "asked to cut what was shown here");
}

FollowerEffects FollowerMachine::OnSnapshotInstalled() {
  if (phase_ != Phase::kSnapshot) return {};
  return StartStream();
}

FollowerEffects FollowerMachine::StartStream() {
  phase_ = Phase::kStream;
  fault_.reset();
  caught_up_ = false;
  known_head_.reset();
  marks_.clear();
  stream_began_at_.reset();
  FollowerEffects effects;
  effects.follow = true;
  effects.follow_epoch = epoch_;
  effects.follow_first_seq = answer_.history.back().first_seq;
  effects.send_ack = true;
  return effects;
}

// ---- The stream.

FollowerEffects FollowerMachine::OnBatch(const Epoch& epoch, uint64_t last_seq, MonoTime now) {
  if (!connected_phase()) return {};
  if (phase_ != Phase::kStream) return Drop(FollowerDrop::kBadFrame, "a batch before the stream");
  if (epoch != epoch_) return OtherEpoch(epoch);
  heard_at_ = now;
  known_head_ = std::max(known_head_.value_or(0), last_seq);
  return {};
}

FollowerEffects FollowerMachine::OtherEpoch(const Epoch& epoch) {
  return Drop(FollowerDrop::kOtherEpoch,
              fmt::format("expected a frame of epoch {}, got {}", ToText(epoch_), ToText(epoch)));
}

FollowerEffects FollowerMachine::OnBatchRefused(bool diverged, std::string detail) {
  if (!connected_phase()) return {};
  if (diverged) fault_ = PeerState::kDiverged;
  return Drop(diverged ? FollowerDrop::kDiverged : FollowerDrop::kBadFrame, std::move(detail));
}

FollowerEffects FollowerMachine::OnUpgradeRequired(std::string detail) {
  fault_ = PeerState::kUpgradeRequired;
  return connected_phase() ? Drop(FollowerDrop::kUpgradeRequired, std::move(detail))
                           : FollowerEffects{};
}

FollowerEffects FollowerMachine::OnHeartbeat(const HeartbeatInfo& heartbeat, MonoTime now) {
  if (!connected_phase()) return {};
  if (phase_ != Phase::kStream && phase_ != Phase::kSnapshot) {
    return Drop(FollowerDrop::kBadFrame, "a heartbeat before the stream");
  }
  if (heartbeat.epoch != epoch_) return OtherEpoch(heartbeat.epoch);
  heard_at_ = now;
  if (phase_ != Phase::kStream) return {};
  known_head_ = std::max(known_head_.value_or(0), heartbeat.head_seq);
  if (!stream_began_at_.has_value()) stream_began_at_ = now;
  // Only a stream that lasts ends the back-off: one that breaks at once must not be dialed in a
  // loop.
  if (now - *stream_began_at_ >= limits::kHeartbeatEvery) failures_ = 0;
  const MonoTime sent_at = FromEcho(heartbeat.echo_mono_ns);
  if (heartbeat.echo_mono_ns <= 0 || sent_at > now) return {};  // None yet, or not ours.
  if (!newest_echo_.has_value() || sent_at > *newest_echo_) newest_echo_ = sent_at;
  // Full: the newest is left out, so that the age can only be told too large.
  if (marks_.size() < kMarksMax) marks_.push_back({sent_at, heartbeat.committed_seq});
  NoteApplied();
  return {};
}

FollowerEffects FollowerMachine::OnLogMoved(uint64_t applied_seq) {
  applied_ = applied_seq;
  FollowerEffects effects;
  effects.send_ack = phase_ == Phase::kStream;
  NoteApplied();
  return effects;
}

void FollowerMachine::NoteApplied() {
  while (!marks_.empty() && marks_.front().committed_seq <= applied_) {
    if (!applied_echo_.has_value() || marks_.front().sent_at > *applied_echo_) {
      applied_echo_ = marks_.front().sent_at;
    }
    marks_.pop_front();
  }
  const auto lag = LagRecords();
  if (newest_echo_.has_value() && lag.has_value() && *lag <= kCaughtUpRecords) caught_up_ = true;
}

FollowerEffects FollowerMachine::OnGranted(const Epoch& epoch) {
  // An equal number of another node is what EpochGuard::Yield has given in to.
  if (epoch.number < granted_.number || epoch == granted_) return {};
  granted_ = epoch;
  if (!connected_phase() || phase_ == Phase::kHello || epoch_ == granted_) return {};
  return Drop(FollowerDrop::kOldEpoch,
              fmt::format("granted {}, followed {}", ToText(granted_), ToText(epoch_)));
}

FollowerEffects FollowerMachine::OnTick(MonoTime now) {
  if (phase_ == Phase::kWaiting && now >= dial_at_) return Dial(now);
  if (phase_ == Phase::kDialing || connected_phase()) {
    if (now - heard_at_ > limits::kLinkDownAfter) return Drop(FollowerDrop::kSilent, "no frame");
  }
  FollowerEffects effects;
  const bool answers = phase_ == Phase::kStream || phase_ == Phase::kSnapshot;
  if (answers && now - acked_at_ >= limits::kHeartbeatEvery) {
    acked_at_ = now;
    effects.send_ack = true;
  }
  return effects;
}

AckInfo FollowerMachine::MakeAck(uint64_t received, uint64_t durable, uint64_t applied,
                                 MonoTime now) const {
  AckInfo ack{.epoch = epoch_, .echo_mono_ns = ToEcho(now)};
  if (phase_ != Phase::kStream) return ack;  // Only a sign of life while a snapshot comes in.
  ack.received_seq = received;
  ack.durable_seq = durable;
  ack.applied_seq = applied;
  return ack;
}

// ---- What operators see.

PeerState FollowerMachine::state(MonoTime now) const {
  if (fault_.has_value()) return *fault_;
  switch (phase_) {
    case Phase::kStream:
      if (now - heard_at_ > limits::kLinkStaleAfter) return PeerState::kStale;
      return caught_up_ ? PeerState::kStreaming : PeerState::kCatchup;
    case Phase::kSnapshot:
      return PeerState::kSnapshot;
    case Phase::kIdle:
      return dials_ > 0 ? PeerState::kDown : PeerState::kConnecting;
    default:
      return failures_ > kFailuresUntilDown ? PeerState::kDown : PeerState::kConnecting;
  }
}

bool FollowerMachine::following(MonoTime now) const {
  return (phase_ == Phase::kStream || phase_ == Phase::kSnapshot) &&
         now - heard_at_ <= limits::kLinkStaleAfter;
}

std::optional<double> FollowerMachine::LinkAgeSeconds(MonoTime now) const {
  if (!newest_echo_.has_value()) return std::nullopt;
  return SecondsBetween(*newest_echo_, now);
}

std::optional<double> FollowerMachine::LagSeconds(MonoTime now) const {
  if (!applied_echo_.has_value()) return std::nullopt;
  return SecondsBetween(*applied_echo_, now);
}

std::optional<uint64_t> FollowerMachine::LagRecords() const {
  if (!known_head_.has_value()) return std::nullopt;
  return *known_head_ > applied_ ? *known_head_ - applied_ : 0;
}

std::optional<std::string> PickPrimary(const std::vector<MemberReport>& reports,
                                       const Epoch& granted) {
  const MemberReport* best = nullptr;
  for (const MemberReport& report : reports) {
    if (!report.primary || report.epoch.number < granted.number) continue;
    if (report.epoch.number == granted.number && report.epoch != granted) continue;
    if (best == nullptr || report.epoch > best->epoch) best = &report;
  }
  if (best == nullptr) return std::nullopt;
  return best->node_id;
}

}  // namespace holdfast::replication
