#ifndef HOLDFAST_REPLICATION_NODE_NODE_H_
#define HOLDFAST_REPLICATION_NODE_NODE_H_

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "replication/core/role.h"
#include "replication/node/epoch_book.h"
#include "replication/node/follow_loop.h"
#include "replication/node/gate.h"
#include "replication/node/member_link.h"
#include "replication/node/publish_loop.h"
#include "replication/peer/peer_server.h"
#include "server/audit/journal.h"

namespace holdfast::replication {

// One node among the others: the loop that feeds the machines of replication/core with what happens
// and carries out what they say, and the answers on the peer port.
//
// Room        replication/node.
// Promises    1. The gate is open for writes only while RoleMachine is primary.
//             2. An epoch is on disk before anybody hears of it, and its start record is committed
//                before the gate opens.
//             3. A member that is no member any more is not answered.
// Threading   Thread-safe. One control thread; one link a member; one stream a follower, on gRPC's
//             threads.
// Ownership   Borrows everything in Deps.
class Node : private PeerHandler {
 public:
  struct Deps {
    NodeIdentity identity;
    PeerTls tls;
    Ledger& ledger;
    storage::Store& store;
    crypto::KeyRing& keys;
    audit::Journal& journal;
    storage::AuditStore& audit;
    Gate& gate;
    const Clock& clock;
    Retention retention = {};  // of the log; needed_from and newer_than_ms are the node's
    std::chrono::milliseconds log_age_max = std::chrono::hours(168);
  };
  static absl::StatusOr<std::unique_ptr<Node>> Make(Deps deps);
  ~Node() override;  // Stop

  // Opens the peer port, then takes up the role that the log says.
  absl::Status Start(const std::string& peer_address);
  // Steps down first: whoever waits for a write hears that its outcome is unknown.
  void Stop();

  // One report a member, this node's first; who has not been heard of for a while is "down".
  std::vector<v1::NodeReport> Reports() const;
  v1::NodeReport Me() const;
  std::vector<FollowerView> Followers() const;
  const SnapshotShelf& shelf() const { return shelf_; }
  LinkView Link() const { return follow_->View(); }
  Role role() const;
  uint64_t epoch_changes() const;
  int peer_port() const;

 private:
  struct Heard {
    v1::NodeReport report;
    MonoTime at;
  };
  explicit Node(Deps deps);

  // ---- node.cc: the control thread
  void Run();
  void Wake();
  void Tick(const std::vector<Epoch>& seen);
  void FollowMembers();
  void WatchStreams();
  void TrimLog();
  void KeepMembers();
  void CollectOwnJournal();
  void UpdateView();
  NodeView ViewNow() const;
  v1::NodeReport ReportNow() const;
  std::vector<v1::MemberRow> Members() const;

  // ---- node_roles.cc
  void CarryOut(RoleEffects effects) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  bool CarryOutOne(const RoleEffects& effects, RoleEffects& next)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void BeginRestart() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void CarryOut(RestartEffects effects) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  bool CarryOutOne(const RestartEffects& effects, RestartEffects& next)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void OnEpochSeen(const Epoch& epoch, bool other_acknowledged) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void TellMembers();
  void SetServing(const std::optional<Epoch>& epoch);
  void EndStreams();

  // ---- node_peers.cc: what others ask
  absl::Status CheckMember(const PeerIdentity& peer) override;
  v1::ExchangeResponse Exchange(const PeerIdentity& peer,
                                const v1::ExchangeRequest& request) override;
  absl::StatusOr<v1::GrantResponse> Grant(const PeerIdentity& peer,
                                          const v1::GrantRequest& request) override;
  absl::StatusOr<v1::ReadJournalResponse> ReadJournal(
      const PeerIdentity& peer, const v1::ReadJournalRequest& request) override;
  absl::Status Follow(const PeerIdentity& peer, FollowerConnection& connection) override;
  void OnReport(const v1::NodeReport& report);
  void OnGrant(const GrantAnswer& answer);
  std::shared_ptr<PeerClient> ClientOf(const std::string& node_id) const;

  const Deps deps_;
  std::vector<v1::MemberRow> told_members_;  // of the join; while the state names nobody
  std::unique_ptr<EpochBook> book_;
  std::unique_ptr<FollowLoop> follow_;
  SnapshotShelf shelf_;
  std::string kept_members_;  // the control thread's: as they are in the fact

  // Held while effects are carried out, also while they wait for streams and the ledger's writer:
  // neither of those may take it.
  mutable Mutex mu_;
  RoleMachine role_ ABSL_GUARDED_BY(mu_);
  std::unique_ptr<RestartMachine> restart_ ABSL_GUARDED_BY(mu_);
  std::map<std::string, Heard> heard_ ABSL_GUARDED_BY(mu_);
  bool stop_ ABSL_GUARDED_BY(mu_) = false;
  bool started_ ABSL_GUARDED_BY(mu_) = false;
  bool log_failed_ ABSL_GUARDED_BY(mu_) = false;
  uint64_t epoch_changes_ ABSL_GUARDED_BY(mu_) = 0;

  Mutex wake_mu_;
  CondVar wake_;
  bool happened_ ABSL_GUARDED_BY(wake_mu_) = false;  // do not wait for the next tick
  bool end_ ABSL_GUARDED_BY(wake_mu_) = false;
  std::vector<Epoch> seen_ ABSL_GUARDED_BY(wake_mu_);  // by streams, for the control thread

  mutable Mutex serving_mu_;
  std::optional<Epoch> serving_ ABSL_GUARDED_BY(serving_mu_);  // for streams

  mutable Mutex links_mu_;
  std::map<std::string, std::unique_ptr<MemberLink>> links_ ABSL_GUARDED_BY(links_mu_);
  std::map<std::string, std::string> addresses_ ABSL_GUARDED_BY(links_mu_);

  mutable Mutex streams_mu_;
  CondVar streams_gone_;
  std::set<PublishLoop*> streams_ ABSL_GUARDED_BY(streams_mu_);
  bool ending_streams_ ABSL_GUARDED_BY(streams_mu_) = false;

  std::unique_ptr<PeerServer> server_;
  uint64_t subscription_ = 0;
  std::thread thread_;
};

}  // namespace holdfast::replication

#endif  // HOLDFAST_REPLICATION_NODE_NODE_H_
