#ifndef HOLDFAST_API_NATIVE_ERRORS_H_
#define HOLDFAST_API_NATIVE_ERRORS_H_

#include <string_view>

#include "absl/status/status.h"
#include "api/http/request.h"
#include "server/desk/desk.h"
#include "server/vault/refusal.h"

namespace holdfast::native {

// HTTP status of each row of the refusal table. `primary_up`: a write here is misdirected, not
// hopeless.
int HttpStatusOf(vault::Refusal refusal, bool primary_up);

// {"error":{"code","message","primary"}} with what belongs to it: Location and X-Holdfast-Primary
// for a write that went astray, Retry-After where the same call may work later. Refused logins are
// not told apart. An error that nobody refused on purpose is 500, and its text stays here.
// `path` as it was sent, for Location; empty: none is given.
http::Response RenderError(const absl::Status& status, const desk::NodeFacts& facts,
                           std::string_view path);

// No such path, or no such method: from the router, which knows no refusals.
http::Response RenderNoRoute(const absl::Status& status, const desk::NodeFacts& facts);

}  // namespace holdfast::native

#endif  // HOLDFAST_API_NATIVE_ERRORS_H_
