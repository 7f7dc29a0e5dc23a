#ifndef HOLDFAST_REPLICATION_PEER_PEER_SERVER_H_
#define HOLDFAST_REPLICATION_PEER_PEER_SERVER_H_

#include <functional>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "holdfast/v1/peer.pb.h"
#include "replication/peer/peer_tls.h"
#include "server/base/clock.h"

namespace holdfast::replication {

// One follower's stream, seen from the primary.
//
// Threading   One thread reads, one writes; Cancel from any.
class FollowerConnection {
 public:
  virtual ~FollowerConnection() = default;
  virtual bool Read(v1::FollowerFrame* frame) = 0;  // false: the stream has ended
  virtual bool Write(const v1::PrimaryFrame& frame) = 0;
  virtual void Cancel() = 0;
};

// A member that called, proven by its certificate.
struct PeerIdentity {
  std::string node_id;
  std::string fingerprint;  // SHA-256 of its certificate, hex
};

// What the node answers. Called on gRPC's threads, several at once.
class PeerHandler {
 public:
  virtual ~PeerHandler() = default;
  // Whether this certificate is (still) one of a member; asked on every call.
  virtual absl::Status CheckMember(const PeerIdentity& peer) = 0;
  virtual v1::ExchangeResponse Exchange(const PeerIdentity& peer,
                                        const v1::ExchangeRequest& request) = 0;
  virtual absl::StatusOr<v1::GrantResponse> Grant(const PeerIdentity& peer,
                                                  const v1::GrantRequest& request) = 0;
  virtual absl::StatusOr<v1::ReadJournalResponse> ReadJournal(
      const PeerIdentity& peer, const v1::ReadJournalRequest& request) = 0;
  virtual absl::StatusOr<v1::ReadLogResponse> ReadLog(const PeerIdentity& peer,
                                                      const v1::ReadLogRequest& request) = 0;
  virtual absl::StatusOr<v1::TakeOverResponse> TakeOver(const PeerIdentity& peer,
                                                        const v1::TakeOverRequest& request) = 0;
  virtual absl::StatusOr<v1::ReapplyResponse> Reapply(const PeerIdentity& peer,
                                                      const v1::ReapplyRequest& request) {
    (void)peer, (void)request;
    return absl::UnimplementedError("this node does nothing again");
  }
  // Serves the stream for as long as it lives; blocks.
  virtual absl::Status Follow(const PeerIdentity& peer, FollowerConnection& connection) = 0;
};

// The peer port: gRPC over mutual TLS. A caller without a certificate of this cluster's authority
// does not get past the handshake; one that is no member any more gets PERMISSION_DENIED.
//
// Threading   Thread-safe.
// Ownership   Borrows handler and clock, which must outlive it.
class PeerServer {
 public:
  // `address` is host:port; port 0 takes a free one. UNAVAILABLE names the address when in use.
  static absl::StatusOr<std::unique_ptr<PeerServer>> Start(const std::string& address,
                                                           const PeerTls& tls, PeerHandler& handler,
                                                           const Clock& clock);
  virtual ~PeerServer() = default;
  virtual int port() const = 0;
  // Handshakes that failed, and what else gRPC calls an error, in this process.
  virtual uint64_t refused() const = 0;
  // Now and then: says in the log what was counted of them.
  virtual void TellRefused() = 0;
  // Ends streams and calls, then returns.
  virtual void Stop() = 0;
};

}  // namespace holdfast::replication

#endif  // HOLDFAST_REPLICATION_PEER_PEER_SERVER_H_
