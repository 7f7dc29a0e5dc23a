#ifndef HOLDFAST_REPLICATION_CORE_PUBLISHER_H_
#define HOLDFAST_REPLICATION_CORE_PUBLISHER_H_

#include <cstdint>
#include <deque>
#include <optional>
#include <string>

#include "replication/core/messages.h"

namespace holdfast::replication {

// State of a link, named as operators see it (status, metrics).
enum class PeerState {
  kConnecting,
  kSnapshot,
  kCatchup,
  kStreaming,
  kStale,
  kDown,
  kDiverged,
  kUpgradeRequired,
};
const char* ToText(PeerState state);

// What the primary's log is, at the moment of a call.
struct PrimaryLog {
  std::string cluster_id;
  Epoch epoch;  // the one we serve in
  LogShape shape;
  uint64_t committed_seq = 0;
  uint64_t oldest_retained_seq = 1;  // entries from here on can be read and sent
  uint32_t feature_level = 0;        // what a follower must understand
  bool serving = false;              // false: not primary (any more)
  uint64_t rows = 0;                 // of the state; 0: not known
  // Our digest at hello.last.seq, read by the shell; nullopt when it is not retained. For seq 0 and
  // for the head no read is needed.
  std::optional<Digest> digest_at_their_last;
};

struct SendBatch {
  uint64_t from = 0;
  uint64_t to_max = 0;  // the shell may stop earlier: at records_max or after bytes_max
  size_t records_max = 0;
  size_t bytes_max = 0;  // at least one record is sent, however large
  bool operator==(const SendBatch&) const = default;
};

enum class DropReason {
  kSilent,      // no acknowledgement for kLinkDownAfter
  kNoInstall,   // a snapshot was sent, and is not in place after kSnapshotInstallMax
  kBadAck,      // beyond what was sent, or out of order
  kOtherEpoch,  // acknowledges another epoch
  kRefused,     // by the hello's verdict
  kBeforeHello,
  kSteppedDown,
};
const char* ToText(DropReason reason);

// What the shell must do, in this order.
struct PublisherEffects {
  std::optional<HelloAnswerInfo> answer;
  // Somebody knows it: EpochGuard::OnSeen, so we step down (equal number: JudgeConflict first).
  std::optional<Epoch> higher_epoch;
  std::optional<SendBatch> batch;  // read the entries, send them, then OnBatchSent
  std::optional<HeartbeatInfo> heartbeat;
  bool send_snapshot = false;    // then OnSnapshotSent
  uint64_t snapshot_from = 0;    // at this position or above: what the follower keeps of its log
  std::optional<AckInfo> acked;  // to CommitRule::OnAck
  std::optional<DropReason> drop;
  std::string drop_detail;
};

// Whoever is this far behind is served sooner by a snapshot than by the log. Of a small state a
// snapshot is cheap too, but it takes a log away that others may ask for.
inline constexpr uint64_t kSnapshotBehindMin = 4096;
inline uint64_t SnapshotIsCheaperAbove(uint64_t rows) {
  return rows / 8 > kSnapshotBehindMin ? rows / 8 : kSnapshotBehindMin;
}

// The primary's side of one follower's stream, from its hello to the end of that stream.
//
// Room        replication/core. The shell reads entries (ring or store) and sends.
// Invariants  1. Nothing is sent before a verdict of continue, cut or snapshot.
//             2. At most kStreamWindowBytesMax are sent and not acknowledged as received; one read
//                at a time.
//             3. What acks() tells never goes back, never lies beyond what was sent or is being
//                sent (an acknowledgement may overtake OnBatchSent).
//             4. A follower that takes a snapshot in and does not put it in place loses its stream
//                after kSnapshotInstallMax, however alive it says that it is.
// Threading   Thread-compatible. One loop owns it. A new stream is a new machine.
class PublisherMachine {
 public:
  explicit PublisherMachine(MonoTime now) : heard_at_(now) {}

  PublisherEffects OnHello(const HelloInfo& hello, const PrimaryLog& log, MonoTime now);
  // The log has entries up to `head_seq`: durable here or not, they may be sent.
  PublisherEffects OnLogGrew(uint64_t head_seq, MonoTime now);
  // `told`: the committed position that it carried.
  PublisherEffects OnBatchSent(uint64_t from, uint64_t to, size_t bytes, uint64_t told);
  PublisherEffects OnSnapshotSent(uint64_t seq, MonoTime now);
  // Pushed at once, as a heartbeat of its own; but where the last one had a batch right behind it,
  // it is left to the next batch for kCommitRides: a follower then keeps and shows it with the sync
  // that the batch costs anyway. OnTick tells it if none came.
  PublisherEffects OnCommitMoved(uint64_t committed_seq, MonoTime now);
  // When OnTick is needed at the latest for that.
  std::optional<MonoTime> commit_told_by() const;
  PublisherEffects OnAck(const AckInfo& ack, MonoTime now);
  PublisherEffects OnTick(MonoTime now);
  PublisherEffects OnSteppedDown();

  // The verdict alone; OnHello does the rest with it.
  static HelloAnswerInfo Judge(const HelloInfo& hello, const PrimaryLog& log);

  const std::string& node_id() const { return node_id_; }
  // Live means: may stand for one of the k connected followers.
  bool live() const { return state_ == PeerState::kStreaming; }
  PeerState state() const { return state_; }
  const AckInfo& acks() const { return acks_; }
  uint64_t sent_seq() const { return sent_; }
  size_t window_bytes() const { return window_; }
  uint64_t head_seq() const { return head_; }

 private:
  enum class Phase { kHello, kSnapshot, kStream, kClosed };
  struct Sent {
    uint64_t to;
    size_t bytes;
  };
  void MaybeSend(PublisherEffects& effects);
  void TakeReceived();  // what is acknowledged as received leaves the window
  HeartbeatInfo Beat(MonoTime now);
  PublisherEffects Drop(DropReason reason, std::string detail);

  Phase phase_ = Phase::kHello;
  PeerState state_ = PeerState::kConnecting;
  std::string node_id_;
  Epoch epoch_;
  uint64_t head_ = 0;
  uint64_t committed_ = 0;
  uint64_t sent_ = 0;
  uint64_t offered_ = 0;  // end of the SendBatch that is out; its acknowledgement may come first
  std::optional<MonoTime> snapshot_sent_at_;
  uint64_t kept_ = 0;  // while a snapshot is on its way: what the follower's log has of ours
  bool caught_up_ = false;
  bool reading_ = false;  // a SendBatch is out that OnBatchSent has not answered
  size_t window_ = 0;
  std::deque<Sent> outstanding_;
  AckInfo acks_;
  MonoTime heard_at_;
  std::optional<MonoTime> heartbeat_at_;
  std::optional<MonoTime> commit_moved_at_;
  bool commit_untold_ = false;
  bool rides_ = false;  // a batch was right behind the last commit
};

}  // namespace holdfast::replication

#endif  // HOLDFAST_REPLICATION_CORE_PUBLISHER_H_
