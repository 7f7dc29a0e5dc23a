#ifndef HOLDFAST_REPLICATION_PEER_PEER_CLIENT_H_
#define HOLDFAST_REPLICATION_PEER_PEER_CLIENT_H_

#include <chrono>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "holdfast/v1/peer.pb.h"
#include "replication/peer/peer_tls.h"

namespace holdfast::replication {

// The stream from a primary, seen from the follower.
//
// Threading   One thread opens and reads, one writes; Cancel from any, at any time.
class PrimaryConnection {
 public:
  virtual ~PrimaryConnection() = default;
  // First of all. Blocks until there is a connection, or none to be had: Read tells which.
  virtual void Open() = 0;
  virtual bool Write(const v1::FollowerFrame& frame) = 0;
  virtual bool Read(v1::PrimaryFrame* frame) = 0;  // false: the stream has ended, see Finish
  virtual void Cancel() = 0;
  // Why it ended. Call once, after Read has returned false.
  virtual absl::Status Finish() = 0;
};

// Calls one member. The connection is made when it is first used and again after it broke.
//
// Threading   Thread-safe.
// Failure     UNAVAILABLE: not reached, or not a member of this cluster; DEADLINE_EXCEEDED: silent.
class PeerClient {
 public:
  // `node_id` is the member that must answer at `address`: another one is not talked to.
  static std::unique_ptr<PeerClient> Make(const std::string& address, const std::string& node_id,
                                          const PeerTls& tls);
  virtual ~PeerClient() = default;
  virtual absl::StatusOr<v1::ExchangeResponse> Exchange(const v1::ExchangeRequest& request,
                                                        std::chrono::milliseconds wait_max) = 0;
  virtual absl::StatusOr<v1::GrantResponse> Grant(const v1::GrantRequest& request,
                                                  std::chrono::milliseconds wait_max) = 0;
  virtual absl::StatusOr<v1::ReadJournalResponse> ReadJournal(
      const v1::ReadJournalRequest& request, std::chrono::milliseconds wait_max) = 0;
  virtual absl::StatusOr<v1::ReadLogResponse> ReadLog(const v1::ReadLogRequest& request,
                                                      std::chrono::milliseconds wait_max) = 0;
  virtual absl::StatusOr<v1::TakeOverResponse> TakeOver(const v1::TakeOverRequest& request,
                                                        std::chrono::milliseconds wait_max) = 0;
  virtual absl::StatusOr<v1::ReapplyResponse> Reapply(const v1::ReapplyRequest& request,
                                                      std::chrono::milliseconds wait_max) = 0;
  // Not open yet.
  virtual std::unique_ptr<PrimaryConnection> Follow() = 0;
  // Ends the calls that are under way; later ones are CANCELLED at once. Streams go on.
  virtual void EndCalls() = 0;
};

}  // namespace holdfast::replication

#endif  // HOLDFAST_REPLICATION_PEER_PEER_CLIENT_H_
