#ifndef HOLDFAST_API_PAM360_REFUSALS_H_
#define HOLDFAST_API_PAM360_REFUSALS_H_

#include <string_view>

#include "absl/status/status.h"
#include "api/http/request.h"
#include "api/pam360/call.h"
#include "server/desk/desk.h"

namespace holdfast::pam360 {

// What a refusal looks like here: the dialect's text and code, under HTTP 200 wherever its clients
// are to show the message (they take 400 to 599 as a broken connection). The node's headers are on
// it.
http::Response RenderRefusal(const absl::Status& status, const Endpoint& endpoint,
                             const desk::NodeFacts& facts);

// "No such path" (NOT_FOUND) and "no such method" (UNIMPLEMENTED) below a prefix of the dialect.
http::Response RenderNoRoute(const absl::Status& status);

}  // namespace holdfast::pam360

#endif  // HOLDFAST_API_PAM360_REFUSALS_H_
