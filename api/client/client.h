#ifndef HOLDFAST_API_CLIENT_CLIENT_H_
#define HOLDFAST_API_CLIENT_CLIENT_H_

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "api/client/address.h"
#include "api/client/message.h"
#include "server/base/secret_bytes.h"
#include "server/crypto/tls_context.h"

namespace holdfast::client {

enum class Mode {
  kRead,   // any node may answer; asked twice it does no harm
  kWrite,  // the primary alone, and at most once
  kOrder,  // whichever node is reached first, at most once; what it answers is final
};

struct Limits {
  std::chrono::milliseconds connect{2'000};  // of one address: TCP and TLS together
  // A read goes on to the next address when none has answered for so long; the ones before it may
  // still answer first.
  std::chrono::milliseconds hedge{500};
  std::chrono::milliseconds read_answer{10'000};  // from the sent request to the whole answer
  std::chrono::milliseconds write_answer{
      35'000};                              // more than a node takes to answer OUTCOME_UNKNOWN
  std::chrono::milliseconds total{60'000};  // of one Call
};

struct Options {
  std::vector<Address> addresses;  // in the order in which to try them; at least one
  crypto::TlsContext tls;          // MakeClientTls or MakePinnedClientTls
  SecretBytes token;               // empty: none is sent
  Limits limits;
};

// Calls a cluster over HTTPS, whichever of its nodes are alive.
//
// Room        api/client: requests and bytes; what they mean is the caller's.
// Promises    1. Nothing is sent before the address has shown a certificate that the context
//                vouches for and that names the host that was dialled; also when an answer named
//                the address.
//             2. A read is answered while one address answers: one that refuses, is silent, has a
//                wrong certificate, or answers 412, 421 or 5xx costs at most Limits::hedge.
//             3. A write whose request may have left is sent again only after an answer that says
//                that nothing was done: 421 or 503. It then follows X-Holdfast-Primary or Location.
//             4. A body that came in is wiped, in the buffers that it passed through as well.
// Threading   Thread-compatible. Call blocks, at most for Limits::total and what the system's
//             resolver takes for a name.
// Ownership   Keeps no connection between calls.
// Failure     Call returns every answer that is final, also 4xx. Else, with what happened at each
//             address: UNAVAILABLE: no answer, and nothing was done. UNKNOWN: a write was sent and
//             its outcome is not known; sending it again is the caller's decision.
//             INVALID_ARGUMENT: nothing that can be sent.
class Client {
 public:
  explicit Client(Options options) : options_(std::move(options)) {}

  absl::StatusOr<Response> Call(const Request& request, Mode mode);

 private:
  std::vector<Address> Order(const std::optional<Address>& first) const;

  const Options options_;
  std::optional<Address> answered_last_;
  std::optional<Address> primary_;
};

}  // namespace holdfast::client

#endif  // HOLDFAST_API_CLIENT_CLIENT_H_
