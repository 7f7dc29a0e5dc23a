#ifndef HOLDFAST_REPLICATION_CORE_FOLLOWER_H_
#define HOLDFAST_REPLICATION_CORE_FOLLOWER_H_

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <vector>

#include "replication/core/publisher.h"

namespace holdfast::replication {

enum class FollowerDrop {
  kSilent,      // no frame for kLinkDownAfter, or no answer to dial or hello
  kRefused,     // by the primary's verdict
  kOldEpoch,    // the primary serves in an epoch older than what this node granted
  kOtherEpoch,  // a frame of another epoch than the answer's
  kBadFrame,    // a batch was refused, or a frame came out of order
  kDiverged,    // same place, other bytes
  kUpgradeRequired,
  kNewPrimary,  // somebody else is primary now
  kConnectionLost,
};
const char* ToText(FollowerDrop reason);

// What the shell must do, in this order, before it reads the next frame of the stream.
struct FollowerEffects {
  std::optional<FollowerDrop> drop;  // end the stream, LogTrack::Unfollow, OnDisconnected
  std::string drop_detail;
  std::optional<std::string> dial;  // the node to dial; then OnConnected or OnDisconnected
  bool send_hello = false;
  std::optional<Epoch> persist_epoch;  // durably, then OnEpochPersisted; nothing else comes with it
  std::optional<uint64_t> cut_after;   // LogTrack::CutAfter and the store, then OnCutDone
  // LogTrack::Follow(epoch, first_seq), then acknowledge at once.
  bool follow = false;
  Epoch follow_epoch;
  uint64_t follow_first_seq = 0;
  bool begin_snapshot = false;  // build it beside the old state; then OnSnapshotInstalled
  bool send_ack = false;        // with MakeAck
};

// The secondary's side of the stream: whom to dial and when, what the answer asks for, and how old
// what it knows is.
//
// Room        replication/core. LogTrack judges batches; this machine judges the link.
// Invariants  1. A primary's epoch is persisted here before anything of it is acknowledged.
//             2. No epoch older than the granted one is ever followed.
//             3. Ages count from this node's own sending, echoed by the primary: a slow link makes
//                them larger, never smaller. Without a heartbeat they are unknown, not zero.
// Threading   Thread-compatible. One loop owns it.
class FollowerMachine {
 public:
  // `granted`: as it is on disk.
  explicit FollowerMachine(Epoch granted) : granted_(std::move(granted)), persisted_(granted_) {}

  // Who is primary, as the reports say (PickPrimary); nullopt: nobody known, so do not dial.
  FollowerEffects OnPrimaryKnown(const std::optional<std::string>& node_id, MonoTime now);
  FollowerEffects OnConnected(MonoTime now);
  // `random` in [0, 1) draws the jitter.
  FollowerEffects OnDisconnected(MonoTime now, double random);
  FollowerEffects OnHelloAnswer(const HelloAnswerInfo& answer, MonoTime now);
  FollowerEffects OnEpochPersisted(const Epoch& epoch);
  FollowerEffects OnCutDone(bool done);  // false: LogTrack refused it
  FollowerEffects OnSnapshotInstalled();
  // A batch came. Without `drop` in the answer it goes to LogTrack::OnBatch, and when that refuses
  // it to OnBatchRefused.
  FollowerEffects OnBatch(const Epoch& epoch, uint64_t last_seq, MonoTime now);
  FollowerEffects OnBatchRefused(bool diverged, std::string detail);
  FollowerEffects OnUpgradeRequired(std::string detail);
  FollowerEffects OnHeartbeat(const HeartbeatInfo& heartbeat, MonoTime now);
  // Bytes of a snapshot, or any other sign of life.
  void OnProgress(MonoTime now) { heard_at_ = now; }
  // The log moved (durable or applied): `send_ack` when there is somebody to tell.
  FollowerEffects OnLogMoved(uint64_t applied_seq);
  // A grant to a candidate raised the bar: a link of an older epoch ends here.
  FollowerEffects OnGranted(const Epoch& epoch);
  FollowerEffects OnTick(MonoTime now);

  AckInfo MakeAck(uint64_t received, uint64_t durable, uint64_t applied, MonoTime now) const;

  PeerState state(MonoTime now) const;
  bool streaming() const { return phase_ == Phase::kStream; }
  // A primary serves this node, by entries or by a snapshot, and was heard of lately.
  bool following(MonoTime now) const;
  const std::optional<std::string>& primary() const { return target_; }
  const Epoch& epoch() const { return epoch_; }
  // The newest kHelloHistoryMax of the primary's epochs, oldest first, as its accepted answer told
  // them: what a snapshot's log has for a history (HistoryUpTo). Empty before the first answer.
  const std::vector<EpochStart>& answer_history() const { return answer_.history; }
  // Seconds since this node sent what the newest heartbeat answers.
  std::optional<double> LinkAgeSeconds(MonoTime now) const;
  // Age of the newest state of the primary that is fully applied here.
  std::optional<double> LagSeconds(MonoTime now) const;
  // The primary's head, as far as known, minus applied.
  std::optional<uint64_t> LagRecords() const;
  uint64_t dials() const { return dials_; }

 private:
  static constexpr uint32_t kFailuresUntilDown = 3;
  enum class Phase {
    kIdle,
    kWaiting,
    kDialing,
    kHello,
    kPersist,
    kCut,
    kSnapshot,
    kStream,
    kClosing  // a drop was ordered, OnDisconnected has not come
  };
  struct Mark {
    MonoTime sent_at;
    uint64_t committed_seq;
  };
  FollowerEffects Dial(MonoTime now);
  FollowerEffects Drop(FollowerDrop reason, std::string detail);
  FollowerEffects Obey();  // what the accepted answer asks for
  FollowerEffects StartStream();
  FollowerEffects OtherEpoch(const Epoch& epoch);
  void NoteApplied();
  bool connected_phase() const {
    return phase_ != Phase::kIdle && phase_ != Phase::kWaiting && phase_ != Phase::kDialing &&
           phase_ != Phase::kClosing;
  }

  Epoch granted_;
  Epoch persisted_;  // what is surely on disk; a write that a dropped link left behind is not
  Phase phase_ = Phase::kIdle;
  std::optional<std::string> target_;
  HelloAnswerInfo answer_;
  Epoch epoch_;
  MonoTime heard_at_{};
  MonoTime dial_at_{};
  uint32_t failures_ = 0;
  uint64_t dials_ = 0;
  std::optional<PeerState> fault_;  // kDiverged, kUpgradeRequired: until a stream runs again
  uint64_t applied_ = 0;
  std::optional<uint64_t> known_head_;
  bool caught_up_ = false;
  std::optional<MonoTime> stream_began_at_;  // its first heartbeat
  MonoTime acked_at_{};                      // by OnTick
  std::optional<MonoTime> newest_echo_;
  std::optional<MonoTime> applied_echo_;
  std::deque<Mark> marks_;
};

// The member that says it is primary in the highest epoch, and not in one older than `granted`.
std::optional<std::string> PickPrimary(const std::vector<MemberReport>& reports,
                                       const Epoch& granted);

}  // namespace holdfast::replication

#endif  // HOLDFAST_REPLICATION_CORE_FOLLOWER_H_
