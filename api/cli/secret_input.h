#ifndef HOLDFAST_API_CLI_SECRET_INPUT_H_
#define HOLDFAST_API_CLI_SECRET_INPUT_H_

#include <boost/json/object.hpp>

#include "absl/status/statusor.h"
#include "server/base/secret_bytes.h"

namespace holdfast::cli {

// A secret from standard input: the exact bytes of a file or pipe up to its end, or one line typed
// at a terminal, which is not shown. Never an argument: those are seen by everybody on the machine.
// INVALID_ARGUMENT when it is empty or too long.
absl::StatusOr<SecretBytes> ReadSecret(int fd);

// SECRET of the native API: text as it is, other bytes as base64.
void PutSecret(const SecretBytes& secret, boost::json::object& body);
absl::StatusOr<SecretBytes> TakeSecret(const boost::json::object& answer);

}  // namespace holdfast::cli

#endif  // HOLDFAST_API_CLI_SECRET_INPUT_H_
