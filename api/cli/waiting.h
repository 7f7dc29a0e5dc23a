#ifndef HOLDFAST_API_CLI_WAITING_H_
#define HOLDFAST_API_CLI_WAITING_H_

#include <string>

#include "absl/status/statusor.h"
#include "api/cli/context.h"
#include "api/cli/session.h"

namespace holdfast::cli {

// "snapshot 42 %" of a node in the answer of /v1/status.
std::string StateInWords(const boost::json::object& node);

// Asks once a second until all members are healthy and one is primary (health.h); gives the answer
// of /v1/status that says so. What those that are not still do, and what they wait for, stands on
// standard error: as a bar on a terminal, else as a line when it has changed.
absl::StatusOr<boost::json::object> WaitUntilWhole(const Context& context, Session& session);
// The same until `node` serves.
absl::StatusOr<boost::json::object> WaitUntilServing(const Context& context, Session& session,
                                                     const std::string& node);

}  // namespace holdfast::cli

#endif  // HOLDFAST_API_CLI_WAITING_H_
