#ifndef HOLDFAST_SERVER_SETUP_ANSWER_JOIN_H_
#define HOLDFAST_SERVER_SETUP_ANSWER_JOIN_H_

#include <functional>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "server/base/clock.h"
#include "server/crypto/key_ring.h"
#include "server/desk/desk.h"

namespace holdfast::setup {

// The primary's side of join: what POST /v1/join calls. The certificate and the wrapped root key
// leave only after the member's row is committed, so nobody holds a key that the cluster does not
// know of.
//
// Threading   Thread-safe. `done` is called once, on a thread of the desk or on the caller's.
// Ownership   Borrows all three until every `done` was called; `keys` is the running node's.
// Failure     INVALID_INPUT: the body. INVITE_UNKNOWN, INVITE_USED, INVITE_EXPIRED, and what Submit
//             refuses. No message holds a secret.
class JoinDesk {
 public:
  JoinDesk(desk::Desk& desk, crypto::KeyRing& keys, const Clock& clock);

  void Answer(const std::string& source, std::string body,
              std::function<void(absl::StatusOr<std::string>)> done);

 private:
  desk::Desk& desk_;
  crypto::KeyRing& keys_;
  const Clock& clock_;
};

}  // namespace holdfast::setup

#endif  // HOLDFAST_SERVER_SETUP_ANSWER_JOIN_H_
