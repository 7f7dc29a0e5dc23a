#include "replication/core/publisher.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "replication/core/history.h"
#include "server/base/check.h"
#include "server/base/limits.h"

namespace holdfast::replication {

const char* ToText(PeerState state) {
  switch (state) {
    case PeerState::kConnecting:
      return "connecting";
    case PeerState::kSnapshot:
      return "snapshot";
    case PeerState::kCatchup:
      return "catchup";
    case PeerState::kStreaming:
      return "streaming";
    case PeerState::kStale:
      return "stale";
    case PeerState::kDown:
      return "down";
    case PeerState::kDiverged:
      return "diverged";
    case PeerState::kUpgradeRequired:
      return "upgrade_required";
  }
  return "unknown";
}

const char* ToText(DropReason reason) {
  switch (reason) {
    case DropReason::kSilent:
      return "silent";
    case DropReason::kNoInstall:
      return "no_install";
    case DropReason::kBadAck:
      return "bad_ack";
    case DropReason::kOtherEpoch:
      return "other_epoch";
    case DropReason::kRefused:
      return "refused";
    case DropReason::kBeforeHello:
      return "before_hello";
    case DropReason::kSteppedDown:
      return "stepped_down";
  }
  return "unknown";
}

namespace {

constexpr std::chrono::microseconds kCommitRides{500};
constexpr std::chrono::milliseconds kBeatUnderWrites{20};

// The follower counts as caught up once it is this close; from then on lag alone changes nothing.
constexpr uint64_t kCaughtUpRecords = limits::kStreamBatchRecordsMax;

HelloAnswerInfo AnswerOf(const PrimaryLog& log, HelloVerdict verdict, std::string reason) {
  return {.verdict = verdict,
          .epoch = log.epoch,
          .cut_after_seq = 0,
          .reason = std::move(reason),
          .committed_seq = log.committed_seq,
          .history = NewestOf(log.shape.history, kHelloHistoryMax)};
}

// Null when the hello makes sense in itself.
const char* HelloFault(const HelloInfo& hello) {
  if (const char* fault = HistoryFault(hello.history)) return fault;
  if (hello.committed_seq > hello.last.seq) return "committed beyond the end of the log";
  if (hello.last.seq == 0) return nullptr;
  if (hello.history.empty()) return "a log without a history";
  if (hello.history.back().epoch != hello.last.epoch) return "the history ends in another epoch";
  if (hello.history.back().first_seq > hello.last.seq) return "the history goes beyond the log";
  return nullptr;
}

// Whom we may not serve, and why; kContinue: nothing against it.
HelloAnswerInfo JudgeIdentity(const HelloInfo& hello, const PrimaryLog& log) {
  const auto refuse = [&log](std::string reason) {
    return AnswerOf(log, HelloVerdict::kRefused, std::move(reason));
  };
  if (hello.protocol != kProtocol) {
    return refuse(fmt::format("expected protocol {}, got {}", kProtocol, hello.protocol));
  }
  if (hello.cluster_id != log.cluster_id) {
    return refuse(fmt::format("expected cluster {}, got {}", log.cluster_id, hello.cluster_id));
  }
  if (!log.serving) return refuse("this node is not primary");
  if (const char* fault = HelloFault(hello)) return refuse(fault);
  // It served in this number too, and has given that up for good (EpochGuard::Yield): it is cut.
  const bool yielded = hello.granted == log.epoch;
  for (const Epoch* epoch : {&hello.granted, &hello.last.epoch}) {
    if (epoch->number > log.epoch.number) {
      return AnswerOf(log, HelloVerdict::kHigherEpoch,
                      fmt::format("{} knows epoch {}, this node serves in {}", hello.node_id,
                                  ToText(*epoch), ToText(log.epoch)));
    }
    if (epoch->number == log.epoch.number && *epoch != log.epoch && !yielded) {
      return refuse(fmt::format("epoch conflict: {} knows {}, this node serves in {}",
                                hello.node_id, ToText(*epoch), ToText(log.epoch)));
    }
  }
  if (hello.feature_level < log.feature_level) {
    return refuse(fmt::format("upgrade required: expected feature level {}, got {}",
                              log.feature_level, hello.feature_level));
  }
  return AnswerOf(log, HelloVerdict::kContinue, "");
}

std::optional<Digest> DigestAtTheirLast(const HelloInfo& hello, const PrimaryLog& log) {
  if (hello.last.seq == 0) return Digest{};
  if (hello.last.seq == log.shape.last.seq) return log.shape.last.digest;
  return log.digest_at_their_last;
}

// How much of the follower's log is ours.
uint64_t InCommon(const HelloInfo& hello, const PrimaryLog& log) {
  const uint64_t fork = ForkPoint(log.shape, {hello.history, hello.last}).value_or(0);
  if (fork < hello.last.seq) return fork;
  return DigestAtTheirLast(hello, log) == hello.last.digest ? hello.last.seq : 0;
}

// A snapshot must not lie below what of the follower's log is ours (docs/adr/0004): it may have
// been counted for a commit that nobody here knows of yet. One that takes back what was shown there
// must be of our own epoch.
uint64_t SnapshotFrom(const HelloInfo& hello, const PrimaryLog& log) {
  const uint64_t fork = ForkPoint(log.shape, {hello.history, hello.last}).value_or(0);
  if (fork < hello.committed_seq) return log.shape.history.back().first_seq;
  return InCommon(hello, log);
}

}  // namespace

HelloAnswerInfo PublisherMachine::Judge(const HelloInfo& hello, const PrimaryLog& log) {
  HelloAnswerInfo answer = JudgeIdentity(hello, log);
  if (answer.verdict != HelloVerdict::kContinue) return answer;
  const auto snapshot = [&answer](std::string reason) {
    answer.verdict = HelloVerdict::kSnapshot;
    answer.reason = std::move(reason);
    return answer;
  };
  if (hello.needs_snapshot) return snapshot("asked for: its rows cannot be trusted");
  const auto fork = ForkPoint(log.shape, {hello.history, hello.last});
  if (!fork.has_value()) return snapshot("no common epoch in the history shown");
  if (*fork < hello.committed_seq) {
    return snapshot(fmt::format("diverged: shown up to {} there, but the logs part after {}",
                                hello.committed_seq, *fork));
  }
  if (*fork + 1 < log.oldest_retained_seq) {
    return snapshot(fmt::format("entries from {} are needed, retained from {}", *fork + 1,
                                log.oldest_retained_seq));
  }
  if (*fork < hello.last.seq) {
    answer.verdict = HelloVerdict::kCut;
    answer.cut_after_seq = *fork;
    return answer;
  }
  const auto mine = DigestAtTheirLast(hello, log);
  if (!mine.has_value()) {
    return snapshot(fmt::format("the entry at {} is not retained", hello.last.seq));
  }
  if (*mine != hello.last.digest) {
    return snapshot(fmt::format("diverged: another chain digest at {}", ToText(hello.last)));
  }
  // Only one that takes nothing from the follower's log: what it has may count as durable.
  const uint64_t behind = log.shape.last.seq - hello.last.seq;
  // A record may hold many rows: for who has none of them the state is never the longer way.
  const bool fresh = hello.last.seq == 0 && log.rows > kSnapshotBehindMin;
  if (log.rows > 0 && (fresh || behind > SnapshotIsCheaperAbove(log.rows)) &&
      log.committed_seq >= hello.last.seq) {
    return snapshot(fmt::format("cheaper: {} records behind, {} rows", behind, log.rows));
  }
  return answer;
}

PublisherEffects PublisherMachine::OnHello(const HelloInfo& hello, const PrimaryLog& log,
                                           MonoTime now) {
  if (phase_ != Phase::kHello) return Drop(DropReason::kRefused, "a second hello in one stream");
  heard_at_ = now;
  node_id_ = hello.node_id;
  epoch_ = log.epoch;
  head_ = log.shape.last.seq;
  committed_ = log.committed_seq;
  acks_.epoch = epoch_;

  HelloAnswerInfo answer = Judge(hello, log);
  PublisherEffects effects;
  switch (answer.verdict) {
    case HelloVerdict::kContinue:
    case HelloVerdict::kCut:
      phase_ = Phase::kStream;
      state_ = PeerState::kCatchup;
      sent_ = answer.verdict == HelloVerdict::kCut ? answer.cut_after_seq : hello.last.seq;
      MaybeSend(effects);
      break;
    case HelloVerdict::kSnapshot:
      phase_ = Phase::kSnapshot;
      state_ = answer.reason.starts_with("diverged") ? PeerState::kDiverged : PeerState::kSnapshot;
      effects.send_snapshot = true;
      effects.snapshot_from = SnapshotFrom(hello, log);
      kept_ = InCommon(hello, log);
      break;
    case HelloVerdict::kHigherEpoch:
    case HelloVerdict::kRefused:
      effects = Drop(DropReason::kRefused, answer.reason);
      if (answer.reason.starts_with("upgrade")) state_ = PeerState::kUpgradeRequired;
      // A conflict is told too: EpochGuard and JudgeConflict decide who of the two yields.
      if (log.serving && std::max(hello.granted.number, hello.last.epoch.number) >= epoch_.number) {
        const Epoch& theirs = std::max(hello.granted, hello.last.epoch);
        if (theirs != epoch_ && hello.cluster_id == log.cluster_id) effects.higher_epoch = theirs;
      }
      break;
  }
  effects.answer = std::move(answer);
  return effects;
}

void PublisherMachine::MaybeSend(PublisherEffects& effects) {
  if (phase_ != Phase::kStream || reading_ || sent_ >= head_) return;
  if (window_ >= limits::kStreamWindowBytesMax) return;
  reading_ = true;
  effects.batch = SendBatch{
      .from = sent_ + 1,
      .to_max = std::min<uint64_t>(head_, sent_ + limits::kStreamBatchRecordsMax),
      .records_max = limits::kStreamBatchRecordsMax,
      .bytes_max = std::min(limits::kStreamBatchBytesMax, limits::kStreamWindowBytesMax - window_)};
  offered_ = effects.batch->to_max;
}

PublisherEffects PublisherMachine::OnLogGrew(uint64_t head_seq, MonoTime now) {
  PublisherEffects effects;
  if (head_seq > head_) {
    rides_ = commit_moved_at_.has_value() && now - *commit_moved_at_ < kCommitRides;
  }
  head_ = std::max(head_, head_seq);
  MaybeSend(effects);
  return effects;
}

PublisherEffects PublisherMachine::OnBatchSent(uint64_t from, uint64_t to, size_t bytes,
                                               uint64_t told) {
  PublisherEffects effects;
  if (phase_ != Phase::kStream) return effects;  // Dropped while the shell was reading.
  HOLDFAST_CHECK(reading_ && from == sent_ + 1 && to >= from && to <= head_);
  reading_ = false;
  if (told >= committed_) commit_untold_ = false;
  sent_ = to;
  window_ += bytes;
  outstanding_.push_back({to, bytes});
  TakeReceived();
  MaybeSend(effects);
  return effects;
}

PublisherEffects PublisherMachine::OnSnapshotSent(uint64_t seq, MonoTime now) {
  if (phase_ == Phase::kSnapshot) {
    sent_ = seq;
    snapshot_sent_at_ = now;
  }
  return {};
}

PublisherEffects PublisherMachine::OnCommitMoved(uint64_t committed_seq, MonoTime now) {
  PublisherEffects effects;
  if (committed_seq <= committed_) return effects;
  committed_ = committed_seq;
  if (phase_ != Phase::kStream) return effects;
  // The age of what a follower shows counts from heartbeats alone.
  const bool beaten = heartbeat_at_.has_value() && now - *heartbeat_at_ < kBeatUnderWrites;
  if (!rides_ || !beaten) {
    effects.heartbeat = Beat(now);
  } else {
    commit_untold_ = true;
  }
  commit_moved_at_ = now;
  return effects;
}

std::optional<MonoTime> PublisherMachine::commit_told_by() const {
  if (!commit_untold_) return std::nullopt;
  return *commit_moved_at_ + kCommitRides;
}

HeartbeatInfo PublisherMachine::Beat(MonoTime now) {
  heartbeat_at_ = now;
  commit_untold_ = false;
  return {.epoch = epoch_,
          .head_seq = head_,
          .committed_seq = committed_,
          .echo_mono_ns = acks_.echo_mono_ns};
}

PublisherEffects PublisherMachine::OnAck(const AckInfo& ack, MonoTime now) {
  if (phase_ == Phase::kClosed) return {};
  if (phase_ == Phase::kHello) return Drop(DropReason::kBeforeHello, "an acknowledgement");
  if (ack.epoch != epoch_) {
    return Drop(DropReason::kOtherEpoch,
                fmt::format("expected an acknowledgement of epoch {}, got {}", ToText(epoch_),
                            ToText(ack.epoch)));
  }
  const bool ordered = ack.applied_seq <= ack.durable_seq && ack.durable_seq <= ack.received_seq;
  const bool forward = ack.received_seq >= acks_.received_seq &&
                       ack.durable_seq >= acks_.durable_seq && ack.applied_seq >= acks_.applied_seq;
  if (!ordered || !forward || ack.received_seq > (reading_ ? offered_ : sent_)) {
    return Drop(DropReason::kBadAck,
                fmt::format("received {} durable {} applied {}, but {} was sent and {} {} {} was "
                            "acknowledged before",
                            ack.received_seq, ack.durable_seq, ack.applied_seq, sent_,
                            acks_.received_seq, acks_.durable_seq, acks_.applied_seq));
  }
  heard_at_ = now;
  acks_ = ack;
  PublisherEffects effects;
  if (phase_ == Phase::kSnapshot) {
    // Until the snapshot is in place acknowledgements only say that the follower lives, and that
    // it has taken our epoch: what its log had of ours is durable there, and without it that may
    // never be committed, and so the snapshot never made.
    if (!snapshot_sent_at_ || ack.durable_seq < sent_) {
      effects.acked = AckInfo{.epoch = epoch_, .received_seq = kept_, .durable_seq = kept_};
      return effects;
    }
    phase_ = Phase::kStream;
  }
  TakeReceived();
  caught_up_ = caught_up_ || ack.durable_seq + kCaughtUpRecords >= head_;
  state_ = caught_up_ ? PeerState::kStreaming : PeerState::kCatchup;
  effects.acked = ack;
  MaybeSend(effects);
  return effects;
}

void PublisherMachine::TakeReceived() {
  while (!outstanding_.empty() && outstanding_.front().to <= acks_.received_seq) {
    window_ -= outstanding_.front().bytes;
    outstanding_.pop_front();
  }
}

PublisherEffects PublisherMachine::OnTick(MonoTime now) {
  if (phase_ == Phase::kClosed) return {};
  if (now - heard_at_ > limits::kLinkDownAfter) {
    PublisherEffects effects = Drop(DropReason::kSilent, "no acknowledgement");
    state_ = PeerState::kDown;
    return effects;
  }
  if (phase_ == Phase::kSnapshot && snapshot_sent_at_ &&
      now - *snapshot_sent_at_ > limits::kSnapshotInstallMax) {
    return Drop(DropReason::kNoInstall,
                fmt::format("the snapshot at {} is not in place {} minutes after it was sent",
                            sent_, limits::kSnapshotInstallMax.count()));
  }
  PublisherEffects effects;
  if (phase_ == Phase::kHello) return effects;
  if (phase_ == Phase::kStream && now - heard_at_ > limits::kLinkStaleAfter) {
    state_ = PeerState::kStale;
  }
  const bool untold = commit_untold_ && now >= *commit_told_by();
  if (untold || !heartbeat_at_.has_value() || now - *heartbeat_at_ >= limits::kHeartbeatEvery) {
    effects.heartbeat = Beat(now);
  }
  return effects;
}

PublisherEffects PublisherMachine::OnSteppedDown() {
  if (phase_ == Phase::kClosed) return {};
  return Drop(DropReason::kSteppedDown, "this node is not primary any more");
}

PublisherEffects PublisherMachine::Drop(DropReason reason, std::string detail) {
  phase_ = Phase::kClosed;
  state_ = PeerState::kDown;
  PublisherEffects effects;
  effects.drop = reason;
  effects.drop_detail = std::move(detail);
  return effects;
}

}  // namespace holdfast::replication
