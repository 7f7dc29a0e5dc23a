#ifndef HOLDFAST_API_HTTP_NODE_HEADERS_H_
#define HOLDFAST_API_HTTP_NODE_HEADERS_H_

#include <functional>
#include <memory>

#include "absl/status/statusor.h"
#include "api/http/request.h"
#include "api/http/router.h"
#include "server/base/secret_bytes.h"
#include "server/desk/desk.h"

// What every dialect says about the node, and how a caller comes in: ha-conventions, section 3.
namespace holdfast::http {

// From X-Holdfast-Position, X-Holdfast-Wait-Ms (longer waits are cut to 5 s) and X-Holdfast-Max-Age
// (seconds). INVALID_INPUT names the header and what it should hold.
absl::StatusOr<desk::ReadDemand> ReadDemandOf(const Request& request);

// Of a write: Idempotency-Key (1 to 255 visible ASCII; the digest covers method, target and body)
// and X-Holdfast-Sync.
absl::StatusOr<desk::WriteOptions> WriteOptionsOf(const desk::Desk& desk, const Request& request);
// X-Holdfast-Position, and X-Holdfast-Sync with what the write has reached.
void SetWritten(const desk::Written& written, Response& response);

// X-Holdfast-Node, -Role, -Position and, when it is known, -Age-Ms. A position that the handler
// has set, that of its own write, stays.
void AddNodeHeaders(const desk::NodeFacts& facts, Response& response);
// For refusals of the role: X-Holdfast-Primary ("unknown" unless it is up), and Retry-After when
// the primary is not up.
void AddPrimaryHeaders(const desk::NodeFacts& facts, Response& response);
// "<epoch>.<seq>" of a write, for the client to send back.
void SetPosition(const Position& position, Response& response);

// Finds the token of a request where the dialect's clients put it; empty: none.
using FindToken = std::function<SecretBytes(const Request&)>;
using CallerHandler = std::function<void(desk::CallerPtr, std::shared_ptr<Request>, Respond)>;

// Lets callers in: authenticates, waits until the node is as new as the request demands, calls the
// handler and adds the node headers to its answer. `refuse` renders what goes wrong before.
//
// Promises    The facts in the headers are taken after the wait and before the handler reads: what
//             it answers is at least as new as they say. An unknown token with the demand of a
//             position that is not reached is POSITION_NOT_REACHED: it may be newer than this node.
// Threading   The handler runs on the thread of the request, or on the desk's after a wait.
// Ownership   Borrows the desk, which must outlive the router.
Handler ForCallers(desk::Desk& desk, FindToken find_token, Refuse refuse, CallerHandler handler);

}  // namespace holdfast::http

#endif  // HOLDFAST_API_HTTP_NODE_HEADERS_H_
