#ifndef HOLDFAST_API_CLI_WAITING_H_
#define HOLDFAST_API_CLI_WAITING_H_

#include <string>

#include "absl/status/status.h"
#include "api/cli/context.h"
#include "api/cli/session.h"

namespace holdfast::cli {

// "snapshot 42 %" of a node in the answer of /v1/status.
std::string StateInWords(const boost::json::object& node);

// Asks once a second until `node` serves, or, when it is empty, all members do and one is primary.
// What it still does stands on standard error: as a bar on a terminal, else as a line when it has
// changed.
absl::Status WaitUntilServing(const Context& context, Session& session, const std::string& node);

}  // namespace holdfast::cli

#endif  // HOLDFAST_API_CLI_WAITING_H_
