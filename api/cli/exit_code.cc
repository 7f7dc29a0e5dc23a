#include "api/cli/exit_code.h"

#include <fmt/format.h>

#include <cstdlib>
#include <utility>

#include "absl/strings/cord.h"

namespace holdfast::cli {
namespace {

constexpr char kExitPayload[] = "holdfast.exit";
constexpr char kCodePayload[] = "holdfast.code";

std::string PayloadOf(const absl::Status& status, const char* name) {
  const auto payload = status.GetPayload(name);
  return payload.has_value() ? std::string(*payload) : std::string();
}

int ExitOfHttp(int http_status) {
  switch (http_status) {
    case 401:
    case 403:
      return kExitPermission;
    case 421:
    case 503:
    case 504:
      return kExitTryLater;
    default:
      return kExitRemote;
  }
}

struct Hint {
  std::string_view code;
  std::string_view text;
};
constexpr Hint kHints[] = {
    {"AUTH_FAILED", "check HOLDFAST_TOKEN, or the file named with --token-file"},
    {"NOT_PRIMARY", "`holdfast status` shows who is primary; try again once one is"},
    {"NOT_SERVING", "`holdfast status` shows the state of the nodes"},
    {"NOT_ENOUGH_SECONDARIES", "nothing was written; `holdfast status` shows who is missing"},
    {"OUTCOME_UNKNOWN", "look whether it is there before you repeat it"},
    {"NO_SUCH_USER", "`holdfast user list` shows the users"},
    {"NO_SUCH_RESOURCE", "`holdfast resource list` shows the resources that you may see"},
    {"NO_SUCH_ACCOUNT", "`holdfast account list --resource R` shows the accounts that you may see"},
    {"STILL_OWNS", "delete or hand over what it owns first"},
    {"AUDIT_UNAVAILABLE", "the node's audit journal takes no record; see its log"},
};

std::string_view HintFor(std::string_view code) {
  for (const Hint& hint : kHints) {
    if (hint.code == code) return hint.text;
  }
  return {};
}

}  // namespace

absl::Status WithExit(absl::Status status, int exit) {
  if (!status.ok()) status.SetPayload(kExitPayload, absl::Cord(std::to_string(exit)));
  return status;
}

absl::Status RemoteError(int http_status, std::string_view code, std::string_view message,
                         std::string_view url) {
  std::string text =
      message.empty() ? fmt::format("{} answered {}", url, http_status) : std::string(message);
  if (const std::string_view hint = HintFor(code); !hint.empty()) {
    text += fmt::format("\n{}", hint);
  }
  absl::Status status = absl::FailedPreconditionError(text);
  status.SetPayload(kCodePayload, absl::Cord(code.empty() ? fmt::format("HTTP_{}", http_status)
                                                          : std::string(code)));
  if (code == "WOULD_LOSE_DATA") return WithExit(std::move(status), kExitWouldLoseData);
  if (code == "NOT_ENOUGH_GRANTS") return WithExit(std::move(status), kExitRemote);
  return WithExit(std::move(status), ExitOfHttp(http_status));
}

int ExitCodeOf(const absl::Status& status) {
  if (status.ok()) return kExitOk;
  if (const std::string exit = PayloadOf(status, kExitPayload); !exit.empty()) {
    return std::atoi(exit.c_str());
  }
  switch (status.code()) {
    case absl::StatusCode::kUnavailable:
    case absl::StatusCode::kDeadlineExceeded:
      return kExitTryLater;
    case absl::StatusCode::kPermissionDenied:
    case absl::StatusCode::kUnauthenticated:
      return kExitPermission;
    default:
      return kExitLocal;
  }
}

std::string ErrorCodeOf(const absl::Status& status) {
  const std::string code = PayloadOf(status, kCodePayload);
  return code.empty() ? "LOCAL" : code;
}

}  // namespace holdfast::cli
