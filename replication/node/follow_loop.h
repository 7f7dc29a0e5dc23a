#ifndef HOLDFAST_REPLICATION_NODE_FOLLOW_LOOP_H_
#define HOLDFAST_REPLICATION_NODE_FOLLOW_LOOP_H_

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <thread>

#include "replication/core/follower.h"
#include "replication/ledger/ledger.h"
#include "replication/node/epoch_book.h"
#include "replication/node/publish_loop.h"
#include "replication/node/snapshot_intake.h"
#include "replication/peer/peer_client.h"
#include "server/base/clock.h"
#include "server/base/mutex.h"

namespace holdfast::replication {

// What a secondary knows of its link.
struct LinkView {
  std::optional<std::string> primary;  // whom it follows, or tries to
  bool live = false;                   // streams or sends a snapshot, and heard of it lately
  PeerState state = PeerState::kConnecting;
  Epoch epoch;
  std::optional<double> lag_seconds;
  std::optional<uint64_t> lag_records;
  std::optional<double> link_age_seconds;
  std::string fault;            // why the last stream ended
  uint64_t snapshot_bytes = 0;  // of the one that comes in
  uint64_t snapshot_bytes_total = 0;
};

// The secondary's side of the stream: FollowerMachine between a connection and the ledger.
//
// Threading   Thread-safe. One thread of its own, the loop, carries everything out; one a
// connection
//             reads, and takes a short batch in itself while the loop waits: a hand-off less.
// Ownership   Borrows everything in Deps.
class FollowLoop {
 public:
  struct Deps {
    const NodeIdentity& identity;
    Ledger& ledger;
    EpochBook& book;
    const crypto::KeyRing& keys;
    const Clock& clock;
    // A client for a member; null: not known.
    std::function<std::shared_ptr<PeerClient>(const std::string& node_id)> client;
    // What was shown behind the fork, durably put aside before a snapshot of `epoch` takes it away.
    std::function<absl::Status(uint64_t fork_seq, const Epoch& epoch)> keep_lost;
    std::function<void()> link_changed;
  };
  explicit FollowLoop(Deps deps);
  ~FollowLoop();  // Stop
  // Ends the stream and the threads; View goes on answering.
  void Stop();

  // Whom to follow: PickPrimary's word, and the epoch that it reports. nullopt: nobody known. News
  // ends a back-off: whoever has just become primary is dialed at once.
  void SetPrimary(const std::optional<std::string>& node_id, const Epoch& epoch);
  // A primary does not follow. Pause returns once no batch of an older primary can come in.
  void Pause();
  void Resume();
  // A grant raised the bar.
  void Granted(const Epoch& epoch);
  LinkView View() const;
  // Streams that ended, by the reason; of this process.
  std::map<std::string, uint64_t> Ends() const;

 private:
  using Event = std::function<FollowerEffects(FollowerMachine&)>;
  struct Incoming {
    uint64_t connection = 0;
    v1::PrimaryFrame frame;
    // Of a batch: verified and parsed by the reader, while the loop stores what came before.
    std::optional<absl::StatusOr<ForeignBatch>> batch = std::nullopt;
    std::optional<FollowerEffects> left = std::nullopt;  // of a batch that its reader took in
    bool opened = false;
    bool end = false;
    absl::Status why;
  };
  static constexpr size_t kFramesMax = 64;  // read ahead; then the stream is not read any more

  void Run();
  void Step();
  std::optional<Incoming> NextFrame();
  bool TakeTurn(const Incoming& incoming);
  void TakeIn(Incoming incoming);
  void CarryOut(FollowerEffects effects);
  bool CarryOutOne(const FollowerEffects& effects, FollowerEffects& next);
  FollowerEffects OnFrame(Incoming incoming);
  FollowerEffects OnHelloAnswer(const v1::HelloAnswer& message);
  FollowerEffects OnHeartbeat(const HeartbeatInfo& heartbeat);
  std::optional<FollowerEffects> CompareDigest(const HeartbeatInfo& heartbeat);
  FollowerEffects OnBatch(Incoming& incoming);
  FollowerEffects OnSnapshotFrame(const v1::PrimaryFrame& frame);
  absl::Status TakeSnapshotFrame(const v1::PrimaryFrame& frame);
  FollowerEffects InstallSnapshot(const v1::SnapshotEnd& end);
  void TellAlive();
  void NoteSnapshotProgress();
  absl::Status KeepLost();
  FollowerEffects SnapshotFault(const absl::Status& status);
  void MergeQueued(ForeignBatch& batch);
  static bool MergeOne(Incoming& next, ForeignBatch& batch);
  FollowerEffects BatchFault(const absl::Status& status);
  void Dial(const std::string& node_id);
  void HangUp();
  void SendHello();
  void SendAck();
  template <typename Fn>
  FollowerEffects With(Fn fn);

  const Deps deps_;

  mutable Mutex mu_;
  CondVar wake_;
  CondVar room_;
  FollowerMachine machine_ ABSL_GUARDED_BY(mu_);
  bool stop_ ABSL_GUARDED_BY(mu_) = false;
  bool paused_ ABSL_GUARDED_BY(mu_) = true;
  bool idle_ ABSL_GUARDED_BY(mu_) = true;  // the loop has seen paused_ and holds no connection
  std::optional<std::string> wanted_ ABSL_GUARDED_BY(mu_);
  Epoch wanted_epoch_ ABSL_GUARDED_BY(mu_);
  bool news_ ABSL_GUARDED_BY(mu_) = false;
  std::optional<Epoch> granted_ ABSL_GUARDED_BY(mu_);
  std::deque<Incoming> frames_ ABSL_GUARDED_BY(mu_);
  bool waits_ ABSL_GUARDED_BY(mu_) = false;  // the loop, for a frame
  bool here_ ABSL_GUARDED_BY(mu_) = false;   // the reader takes a batch in, in the loop's place
  std::string fault_ ABSL_GUARDED_BY(mu_);
  std::map<std::string, uint64_t> ends_ ABSL_GUARDED_BY(mu_);
  uint64_t connection_id_ ABSL_GUARDED_BY(mu_) = 0;
  uint64_t snapshot_bytes_ ABSL_GUARDED_BY(mu_) = 0;
  uint64_t snapshot_bytes_total_ ABSL_GUARDED_BY(mu_) = 0;

  // Of the loop, or of the reader in its place.
  std::shared_ptr<PeerClient> client_;
  std::shared_ptr<PrimaryConnection> connection_;
  std::thread reader_;
  bool lost_said_ = false;
  std::deque<StatePoint> told_digests_;  // of the primary, not reached here yet
  SnapshotIntake intake_;

  std::thread thread_;
};

}  // namespace holdfast::replication

#endif  // HOLDFAST_REPLICATION_NODE_FOLLOW_LOOP_H_
