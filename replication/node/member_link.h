#ifndef HOLDFAST_REPLICATION_NODE_MEMBER_LINK_H_
#define HOLDFAST_REPLICATION_NODE_MEMBER_LINK_H_

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>

#include "holdfast/v1/peer.pb.h"
#include "replication/core/messages.h"
#include "replication/peer/peer_client.h"
#include "server/base/clock.h"
#include "server/base/mutex.h"
#include "server/storage/audit_store.h"

namespace holdfast::replication {

// What this node keeps up with one other member: an exchange of reports each second, asks for
// grants, and the records of the other's audit journal.
//
// Threading   Thread-safe. A thread of its own, so that a silent member delays nobody else.
// Ownership   Borrows everything in Deps.
class MemberLink {
 public:
  struct Deps {
    const Clock& clock;
    storage::AuditStore& audit;
    std::function<v1::NodeReport()> me;
    std::function<void(const v1::NodeReport&)> on_report;
    std::function<void(const GrantAnswer&)> on_grant;
  };
  MemberLink(Deps deps, std::string node_id, std::shared_ptr<PeerClient> client);
  ~MemberLink();

  void ExchangeNow();
  void AskGrant(const GrantAsk& ask);
  const std::shared_ptr<PeerClient>& client() const { return client_; }

 private:
  void Run();
  void Exchange();
  void PullJournal(uint64_t head);

  const Deps deps_;
  const std::string node_id_;
  const std::shared_ptr<PeerClient> client_;
  Mutex mu_;
  CondVar wake_;
  bool stop_ ABSL_GUARDED_BY(mu_) = false;
  bool now_ ABSL_GUARDED_BY(mu_) = true;
  std::optional<GrantAsk> ask_ ABSL_GUARDED_BY(mu_);
  bool reached_ = true;  // the thread's own: so that a change is logged once
  // The same: how much of the other's journal it knows to be here, and when to say it again.
  std::optional<uint64_t> told_;
  MonoTime tell_at_{};
  std::thread thread_;
};

}  // namespace holdfast::replication

#endif  // HOLDFAST_REPLICATION_NODE_MEMBER_LINK_H_
