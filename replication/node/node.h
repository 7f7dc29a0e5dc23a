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
#include "replication/core/hand_over.h"
#include "replication/core/role.h"
#include "replication/node/deny_book.h"
#include "replication/node/epoch_book.h"
#include "replication/node/follow_loop.h"
#include "replication/node/gate.h"
#include "replication/node/member_link.h"
#include "replication/node/orders.h"
#include "replication/node/publish_loop.h"
#include "replication/node/quarantine.h"
#include "replication/peer/peer_server.h"
#include "server/audit/journal.h"
#include "server/observe/said_once.h"

namespace holdfast::replication {

// One node among the others: the loop that feeds the machines of replication/core with what happens
// and carries out what they say, and the answers on the peer port.
//
// Room        replication/node.
// Promises    1. The gate is open for writes only while RoleMachine is primary.
//             2. An epoch is on disk before anybody hears of it, and its start record is committed
//                before the gate opens.
//             3. A member that is no member any more is not answered.
//             4. What an order may do is decided by CandidateMachine and SwitchoverMachine; `done`
//                is called once, on a thread of the node, also when the node stops.
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
    // The role changed, and once at the start: must not block or call back. Null: nobody cares.
    std::function<void(bool primary, const Epoch& epoch)> role_changed = nullptr;
  };
  static absl::StatusOr<std::unique_ptr<Node>> Make(Deps deps);
  ~Node() override;  // ends at once, and not in order: Stop first

  // Opens the peer port, then takes up the role that the log says.
  absl::Status Start(const std::string& peer_address);
  // A primary ends its epoch in order first, as far as its followers keep up; then it steps down:
  // whoever still waits for a write hears that its outcome is unknown.
  void Stop();

  // Orders of an operator: docs/promotion.md.
  void Promote(PromoteOrder order, PromoteDone done);
  void Switchover(const std::string& target, SwitchoverDone done);
  DenyBook& denials() { return *denials_; }

  // One report a member, this node's first; who has not been heard of for a while is "down".
  std::vector<v1::NodeReport> Reports() const;
  v1::NodeReport Me() const;
  std::vector<FollowerView> Followers() const;
  const SnapshotShelf& shelf() const { return shelf_; }

  // ---- What this node had shown and the cluster went on without: docs/promotion.md.
  std::vector<v1::LostWriteView> LostWrites() const;
  // Waits for the primary. FAILED_PRECONDITION: it does not fit any more, and why.
  absl::StatusOr<Position> ApplyLost(const std::string& id, const v1::Actor& by, bool force);
  absl::Status DropLost(const std::string& id, const std::string& by);
  LinkView Link() const { return follow_->View(); }
  Role role() const;
  uint64_t epoch_changes() const;
  // Streams from a primary that ended, by the reason.
  std::map<std::string, uint64_t> StreamEnds() const { return follow_->Ends(); }
  // Handshakes that the peer port refused.
  uint64_t refused_handshakes() const { return server_ == nullptr ? 0 : server_->refused(); }
  // A member's clock minus this node's, when its last report came: too small by the time of its
  // way.
  std::map<std::string, std::chrono::milliseconds> ClockOffsets() const;
  int peer_port() const;

 private:
  struct Heard {
    v1::NodeReport report;
    MonoTime at;
    std::chrono::milliseconds clock_offset{};
    bool gone = false;  // refused a connection since then
  };
  struct Promotion {
    PromoteOrder order;
    PromoteDone done;
    MonoTime until;
    bool was_restarting = false;
    PromoteResult result = {};
  };
  struct Rehearsal {
    CandidateMachine machine;
    PromoteDone done;
  };
  struct Handing {
    SwitchoverMachine machine;
    SwitchoverDone done;
    Epoch from;
    MonoTime began;
    MonoTime until;
    bool record_lost = false;  // its answer: whether it is written is found out
  };
  explicit Node(Deps deps);

  // ---- node.cc: the control thread
  void End(bool in_order);
  void Run();
  void Wake();
  bool Tick(const std::vector<Epoch>& seen);
  void FollowMembers();
  void WatchStreams();
  void TrimLog();
  void KeepMembers();
  void CollectOwnJournal();
  void UpdateView();
  NodeView ViewNow() const;
  v1::NodeReport ReportNow() const;
  std::string WaitingNow() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void SettleDenials();
  std::vector<v1::MemberRow> Members() const;

  // ---- node_roles.cc
  void CarryOut(RoleEffects effects) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  bool CarryOutOne(const RoleEffects& effects, RoleEffects& next)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  bool StepDown(const RoleEffects& effects, RoleEffects& next) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  RoleEffects ClaimEpoch(const Epoch& epoch) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  RoleEffects StartEpoch(const Epoch& epoch) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  bool AppendHandOver() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void OnEpochSeen(const Epoch& epoch, bool other_acknowledged) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  bool AcknowledgedIn(uint64_t epoch_number) const;
  void TellRole(bool primary) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void EndInOrder();
  bool FollowersHave(uint64_t seq) const;
  void ExchangeNow(const std::string& node_id);
  void TellMembers();
  void TellOfChange();
  void SetServing(const std::optional<Epoch>& epoch);
  void EndStreams();
  void EndStreamsOfStrangers();

  // ---- node_candidate.cc
  CandidateLog CandidateLogNow() const;
  CandidateFacts CandidateFactsNow(CandidateMode mode) const;
  static PromotionOrder RulesOf(const PromoteOrder& order);
  void BeginCandidate(CandidateMode mode) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void CarryOut(CandidateEffects effects) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  bool CarryOutOne(const CandidateEffects& effects, CandidateEffects& next)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void EndCandidate() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void Resume(const Epoch& epoch) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  bool SpeaksAgainstCandidate(const LinkView& link) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void InterruptCandidate(const std::string& why) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void AskGrants(const GrantAsk& ask, const std::vector<std::string>& ids);
  void OnGrant(const GrantAnswer& answer);
  void OnUnreachable(const std::string& node_id);
  void Fetch(const FetchTail& order) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  bool IsCandidate(uint64_t candidacy) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  // ---- node_orders.cc
  void Finish(std::function<void()> answer) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void CallFinished();
  static PromoteResult ResultOf(const CandidateMachine& machine, const Epoch& epoch);
  absl::Status MayPromote(const PromoteOrder& order) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void Rehearse(const PromoteOrder& order, PromoteDone done) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void CarryOutRehearsal(const CandidateEffects& effects) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void FinishPromotion(absl::StatusOr<PromoteResult> result) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void TickOrders(MonoTime now) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  SwitchoverProgress SwitchoverProgressNow(const std::string& target) const;
  absl::Status MaySwitchOver(const std::string& target) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void CarryOut(const SwitchoverEffects& effects) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void TickSwitchover(MonoTime now) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void OnServes(const std::string& node_id, const Epoch& epoch) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void FinishSwitchover(absl::StatusOr<SwitchoverResult> result) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  // ---- node_hand_over.cc
  void BeginHandOver() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  TakeOverFacts TakeOverFactsNow() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void RetryTakeOver(MonoTime now) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void CarryOut(const HandOverEffects& effects) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void AskTakeOver(const std::string& target, const TakeOverAsk& ask)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  // ---- node_peers.cc: what others ask
  absl::Status CheckMember(const PeerIdentity& peer) override;
  v1::ExchangeResponse Exchange(const PeerIdentity& peer,
                                const v1::ExchangeRequest& request) override;
  absl::StatusOr<v1::GrantResponse> Grant(const PeerIdentity& peer,
                                          const v1::GrantRequest& request) override;
  absl::StatusOr<v1::ReadJournalResponse> ReadJournal(
      const PeerIdentity& peer, const v1::ReadJournalRequest& request) override;
  absl::Status Follow(const PeerIdentity& peer, FollowerConnection& connection) override;
  absl::StatusOr<v1::ReadLogResponse> ReadLog(const PeerIdentity& peer,
                                              const v1::ReadLogRequest& request) override;
  absl::StatusOr<v1::TakeOverResponse> TakeOver(const PeerIdentity& peer,
                                                const v1::TakeOverRequest& request) override;

  // ---- node_lost.cc
  absl::StatusOr<v1::ReapplyResponse> Reapply(const PeerIdentity& peer,
                                              const v1::ReapplyRequest& request) override;
  absl::StatusOr<v1::ReapplyResponse> ReapplyHere(const v1::ReapplyRequest& request);
  absl::Status CheckUnchangedSince(uint64_t fork_seq, const std::vector<v1::RowKey>& keys);
  void OnReport(const v1::NodeReport& report);
  void OnFailure(const std::string& node_id, const absl::Status& status);
  std::shared_ptr<PeerClient> ClientOf(const std::string& node_id) const;

  const Deps deps_;
  SaidOnce denials_fault_;                   // the control thread's own
  SaidOnce own_audit_fault_;                 // the control thread's own
  std::vector<v1::MemberRow> told_members_;  // of the join; while the state names nobody
  std::unique_ptr<EpochBook> book_;
  std::unique_ptr<DenyBook> denials_;
  std::unique_ptr<FollowLoop> follow_;
  SnapshotShelf shelf_;
  Quarantine quarantine_;
  // The control thread's.
  std::string kept_members_;   // as they are in the fact
  std::string told_standing_;  // as an exchange was last asked for to tell it

  // Held while effects are carried out, also while they wait for streams and the ledger's writer:
  // neither of those may take it.
  mutable Mutex mu_;
  RoleMachine role_ ABSL_GUARDED_BY(mu_);
  CandidateMode next_mode_ ABSL_GUARDED_BY(mu_) = CandidateMode::kRestart;  // of begin_restart
  std::unique_ptr<CandidateMachine> candidate_ ABSL_GUARDED_BY(mu_);
  uint64_t candidacy_ ABSL_GUARDED_BY(mu_) = 0;  // which one: an answer may be of an earlier one
  EntryMeta judged_last_ ABSL_GUARDED_BY(mu_);   // where the log of the newest one that won ended
  std::string waiting_ ABSL_GUARDED_BY(mu_);     // why the last candidate gave up
  std::optional<Promotion> promotion_ ABSL_GUARDED_BY(mu_);
  std::unique_ptr<Rehearsal> rehearsal_ ABSL_GUARDED_BY(mu_);
  std::unique_ptr<Handing> handing_ ABSL_GUARDED_BY(mu_);
  std::unique_ptr<HandOverMachine> hand_over_ ABSL_GUARDED_BY(mu_);
  bool take_over_asked_ ABSL_GUARDED_BY(mu_) = false;  // and not answered
  std::string take_over_reason_ ABSL_GUARDED_BY(mu_);
  MonoTime take_over_at_ ABSL_GUARDED_BY(mu_){};  // when it was last tried again
  std::vector<std::function<void()>> finished_ ABSL_GUARDED_BY(mu_);  // answers to give
  std::map<std::string, Heard> heard_ ABSL_GUARDED_BY(mu_);
  bool stop_ ABSL_GUARDED_BY(mu_) = false;
  bool started_ ABSL_GUARDED_BY(mu_) = false;
  bool log_failed_ ABSL_GUARDED_BY(mu_) = false;
  uint64_t epoch_changes_ ABSL_GUARDED_BY(mu_) = 0;
  std::optional<std::string> linked_ ABSL_GUARDED_BY(mu_);  // whose stream was alive at last look

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
