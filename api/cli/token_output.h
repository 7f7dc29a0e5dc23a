#ifndef HOLDFAST_API_CLI_TOKEN_OUTPUT_H_
#define HOLDFAST_API_CLI_TOKEN_OUTPUT_H_

#include <boost/json/object.hpp>
#include <string>

#include "absl/status/status.h"
#include "api/cli/context.h"

namespace holdfast::cli {

// Where a token that is shown once goes: into a new file, 0600, or else to standard output.

// Before anything is asked of the cluster: a token that cannot be written would be lost.
// ALREADY_EXISTS when the file is there.
absl::Status CheckTokenFile(const std::string& file);

// `object` has the text under `token`.
absl::Status WriteTokenFile(const std::string& file, const boost::json::object& object);
// Into the file, and one line that says so; without a file, to standard output.
absl::Status PutToken(const Context& context, const std::string& file, std::string_view noun,
                      const boost::json::object& object);

}  // namespace holdfast::cli

#endif  // HOLDFAST_API_CLI_TOKEN_OUTPUT_H_
