#ifndef HOLDFAST_REPLICATION_NODE_MEMBER_LINK_H_
#define HOLDFAST_REPLICATION_NODE_MEMBER_LINK_H_

#include <chrono>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>

#include "holdfast/v1/peer.pb.h"
#include "replication/peer/peer_client.h"
#include "server/base/clock.h"
#include "server/base/mutex.h"
#include "server/observe/said_once.h"
#include "server/storage/audit_store.h"

namespace holdfast::replication {

// What this node keeps up with one other member: an exchange of reports (each second and at
// ExchangeNow), calls that a role change needs, and the records of the other's audit journal.
//
// Threading   Thread-safe. A thread for each of the three, so that a silent member delays nobody
//             else and neither its journal nor a slow exchange delays a call.
// Ownership   Borrows everything in Deps.
class MemberLink {
 public:
  struct Deps {
    const Clock& clock;
    storage::AuditStore& audit;
    std::function<v1::NodeReport()> me;
    std::function<void(const v1::NodeReport&)> on_report;
    // UNAVAILABLE: refused or broken, known at once; DEADLINE_EXCEEDED: silent.
    std::function<void(const std::string& node_id, const absl::Status&)> on_failure;
  };
  using Call = std::function<void(PeerClient&)>;

  MemberLink(Deps deps, std::string node_id, std::shared_ptr<PeerClient> client);
  // Ends the calls that are under way; what waits is not called any more.
  ~MemberLink();

  void ExchangeNow();
  // In the order of asking, on a thread of the link.
  void Do(Call call);
  const std::shared_ptr<PeerClient>& client() const { return client_; }

 private:
  void Exchanges();
  void Calls();
  void Journals();
  void Exchange();
  void PullJournal(uint64_t head);

  const Deps deps_;
  const std::string node_id_;
  const std::shared_ptr<PeerClient> client_;
  Mutex mu_;
  CondVar wake_;
  bool stop_ ABSL_GUARDED_BY(mu_) = false;
  bool now_ ABSL_GUARDED_BY(mu_) = true;
  std::deque<Call> calls_ ABSL_GUARDED_BY(mu_);
  std::optional<uint64_t> journal_head_ ABSL_GUARDED_BY(mu_);  // news of it
  bool reached_ = true;  // of Exchanges: so that a change is logged once
  // Of Journals: how much of the other's journal it knows to be here, and when to say it again.
  std::optional<uint64_t> told_;
  SaidOnce audit_fault_;
  MonoTime tell_at_{};
  std::thread exchanges_;
  std::thread calls_thread_;
  std::thread journals_;
};

// How long a member may take to answer; after that it is not reachable.
inline constexpr std::chrono::milliseconds kReachMax{1000};

}  // namespace holdfast::replication

#endif  // HOLDFAST_REPLICATION_NODE_MEMBER_LINK_H_
