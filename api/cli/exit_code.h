#ifndef HOLDFAST_API_CLI_EXIT_CODE_H_
#define HOLDFAST_API_CLI_EXIT_CODE_H_

#include <string>
#include <string_view>

#include "absl/status/status.h"

namespace holdfast::cli {

// Exit codes of the command line: docs/reference/cli.md. Thread-safe.
inline constexpr int kExitOk = 0;
inline constexpr int kExitLocal = 1;     // usage, a file, a name that is not understood
inline constexpr int kExitRemote = 2;    // a node said no
inline constexpr int kExitDegraded = 3;  // of `status`, `audit gaps`
inline constexpr int kExitWouldLoseData = 4;
inline constexpr int kExitTryLater = 75;    // no primary, nobody answers, or no answer in time
inline constexpr int kExitPermission = 77;  // not logged in, or not allowed
inline constexpr int kExitConfiguration = 78;

// The same error, ending the program with that code.
absl::Status WithExit(absl::Status status, int exit);
// What a node answered; `code` and `message` from its error body. Says what to do next.
absl::Status RemoteError(int http_status, std::string_view code, std::string_view message,
                         std::string_view url);

int ExitCodeOf(const absl::Status& status);
// NO_SUCH_ACCOUNT and the like when a node said it, else LOCAL.
std::string ErrorCodeOf(const absl::Status& status);

}  // namespace holdfast::cli

#endif  // HOLDFAST_API_CLI_EXIT_CODE_H_
