#ifndef HOLDFAST_REPLICATION_NODE_PUBLISH_LOOP_H_
#define HOLDFAST_REPLICATION_NODE_PUBLISH_LOOP_H_

#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <string>
#include <thread>

#include "absl/status/status.h"
#include "replication/core/publisher.h"
#include "replication/ledger/ledger.h"
#include "replication/node/snapshot_shelf.h"
#include "replication/peer/peer_server.h"
#include "server/base/clock.h"
#include "server/base/mutex.h"

namespace holdfast::replication {

// Who a node is, for everything that it says to others.
struct NodeIdentity {
  std::string cluster_id;
  std::string node_id;
  std::string version;
  std::string data_folder;
};

// What the primary sees of one follower.
struct FollowerView {
  std::string node_id;
  PeerState state = PeerState::kConnecting;
  uint64_t sent_seq = 0;
  AckInfo acked;
};

// Serves the stream of one follower: PublisherMachine between the ledger and a connection.
//
// Threading   Run blocks its caller, who reads; a thread of its own writes. Stop and View from any
//             thread.
// Ownership   Borrows everything.
class PublishLoop {
 public:
  struct Deps {
    const NodeIdentity& identity;
    Ledger& ledger;
    const crypto::KeyRing& keys;
    const Clock& clock;
    SnapshotShelf& shelf;
    // In which epoch this node serves; nullopt: it does not.
    std::function<std::optional<Epoch>()> serving;
    // The follower still is one; false once the record that forgets it is shown.
    std::function<bool()> is_member;
    // Somebody knows a higher epoch, or another one of the same number.
    std::function<void(const Epoch&)> higher_epoch;
  };
  PublishLoop(Deps deps, PeerIdentity peer, FollowerConnection& connection);

  absl::Status Run();  // until the stream ends
  void Stop();         // this node steps down, or stops
  // Ends the stream when a follower has stopped taking what is sent: the writer waits for it then,
  // and looks at nothing else. Called now and then.
  void Watch();
  FollowerView View() const;
  const PeerIdentity& peer() const { return peer_; }

 private:
  absl::Status ReadHello();
  void ReadAcks();
  void Write();
  bool NextEffects(PublisherEffects& effects);
  bool CarryOut(const PublisherEffects& effects);
  bool Send(const v1::PrimaryFrame& frame);
  bool SendBatchOf(const SendBatch& order);
  bool SendSnapshot();
  absl::StatusOr<ShelvedSnapshotPtr> TakeSnapshot(uint64_t& offset);
  absl::Status SendPieces(const ShelvedSnapshot& snapshot, uint64_t offset);
  void AwaitEnd();
  void TellDigest(HeartbeatInfo& heartbeat);
  void Push(PublisherEffects effects);
  PrimaryLog LogFor(const HelloInfo& hello, const Epoch& epoch) const;

  const Deps deps_;
  const PeerIdentity peer_;
  FollowerConnection& connection_;

  mutable Mutex mu_;
  CondVar wake_;
  PublisherMachine machine_ ABSL_GUARDED_BY(mu_);
  std::deque<PublisherEffects> effects_ ABSL_GUARDED_BY(mu_);
  bool moved_ ABSL_GUARDED_BY(mu_) = false;
  bool refused_ ABSL_GUARDED_BY(mu_) = false;
  bool ended_ ABSL_GUARDED_BY(mu_) = false;
  bool stop_ ABSL_GUARDED_BY(mu_) = false;
  std::optional<MonoTime> sending_since_ ABSL_GUARDED_BY(mu_);  // one frame
  absl::Status fault_ ABSL_GUARDED_BY(mu_);                     // told to the follower
  std::string snapshot_reason_;                                 // as the metrics name it
  uint64_t snapshot_from_ = 0;
  std::string resume_id_;
  uint64_t resume_offset_ = 0;
  MonoTime digest_told_at_{};    // the writer's
  Epoch epoch_;                  // set before the writer starts
  std::optional<Digest> chain_;  // the writer's: digest before the next entry to send
  std::thread writer_;
};

}  // namespace holdfast::replication

#endif  // HOLDFAST_REPLICATION_NODE_PUBLISH_LOOP_H_
