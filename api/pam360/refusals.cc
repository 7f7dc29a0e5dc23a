#include "api/pam360/refusals.h"

#include <string>

#include "api/http/node_headers.h"
#include "api/pam360/envelope.h"
#include "server/vault/refusal.h"

namespace holdfast::pam360 {
namespace {

using vault::Refusal;

constexpr std::string_view kLogin = "Authentication";
constexpr std::string_view kNoSuchAccount = "No such account found.";
constexpr std::string_view kOutcomeUnknown =
    "The outcome of the operation is unknown: it is stored, and may or may not stay.";
constexpr std::string_view kAudit = "The audit record cannot be written now.";
constexpr std::string_view kInternal = "Internal server error.";

struct Row {
  Refusal refusal;
  std::string_view text;  // empty: the message of the status
  int code = kCodeFailed;
  int http = 200;
  bool login = false;  // answered in the name of Authentication
};

constexpr Row kRows[] = {
    {Refusal::kInvalidInput, ""},
    {Refusal::kMandatoryMissing, ""},
    {Refusal::kLimitReached, ""},
    {Refusal::kPolicyViolation, ""},
    {Refusal::kNoSuchUser, "No such user found."},
    {Refusal::kNoSuchResource, "No such resource found."},
    {Refusal::kNoSuchAccount, kNoSuchAccount},
    {Refusal::kNoSuchKey, "No such key found."},
    {Refusal::kNoSuchToken, "No such token found."},
    {Refusal::kNoSuchShare, "No such share found."},
    {Refusal::kNoSuchInvite, "No such invitation found."},
    {Refusal::kNoSuchMember, "No such node found."},
    {Refusal::kNoSuchOrganization, "No such organization found."},
    {Refusal::kAlreadyExists, ""},
    {Refusal::kStillOwns, ""},
    {Refusal::kNotPermitted, "You do not have permission to perform this operation."},
    {Refusal::kRemoteResetNotConfigured, "Remote password reset failed."},
    {Refusal::kInviteUsed, ""},
    {Refusal::kInviteExpired, ""},
    {Refusal::kInviteUnknown, ""},
    {Refusal::kAuthFailed, "API key received is not associated to any user. Authentication failed.",
     kCodeFailed, 200, true},
    {Refusal::kTokenExpired, "API key has expired. Authentication failed.", kCodeFailed, 200, true},
    {Refusal::kUserLocked, "User account is locked. Authentication failed.", kCodeFailed, 200,
     true},
    {Refusal::kRestNotEnabled, "REST API access is not enabled for this user.", kCodeFailed, 200,
     true},
    {Refusal::kSshNotEnabled, "SSH access is not enabled for this user.", kCodeFailed, 200, true},
    {Refusal::kHostNotAllowed, "User is not allowed to access from this host", kCodeFailed, 200,
     true},
    {Refusal::kNotPrimary, kReadOnlyMessage, kCodeReadOnly},
    {Refusal::kNotEnoughSecondaries,
     "Write operations are not possible now: not enough secondaries are connected.",
     kCodeUnavailable},
    {Refusal::kOutcomeUnknown, kOutcomeUnknown, kCodeOutcomeUnknown},
    {Refusal::kNotServing, "The server cannot answer now.", kCodeUnavailable, 503},
    {Refusal::kTooStale, "", kCodeNotNewEnough, 412},
    {Refusal::kPositionNotReached, "", kCodeNotNewEnough, 412},
    {Refusal::kPositionLost, "", kCodePositionLost, 409},
    {Refusal::kAuditUnavailable, kAudit, kCodeUnavailable, 503},
    {Refusal::kLedgerClosed, "Write operations are not possible now.", kCodeUnavailable, 503},
    {Refusal::kOverloaded, "The server is overloaded.", kCodeUnavailable, 503},
    {Refusal::kIdempotencyKeyReused, ""},
    {Refusal::kDenied, "Access is denied on this server. Authentication failed.", kCodeFailed, 200,
     true},
    {Refusal::kWouldLoseData, ""},
    {Refusal::kPrimaryReachable, ""},
    {Refusal::kOldPrimaryMayRun, ""},
    {Refusal::kNotEnoughGrants, "", kCodeUnavailable},
    {Refusal::kNotCaughtUp, ""},
    {Refusal::kRoleChangeUnderWay, "Write operations are not possible now.", kCodeUnavailable, 503},
};

// Every refusal of the vault has its row here, in the vault's order.
constexpr bool IsComplete() {
  if (std::size(kRows) != std::size(vault::kRefusals)) return false;
  for (size_t i = 0; i < std::size(kRows); ++i) {
    if (kRows[i].refusal != vault::kRefusals[i].refusal) return false;
  }
  return true;
}
static_assert(IsComplete(), "add the new refusal to kRows");

const Row* FindRow(const absl::Status& status) {
  const std::optional<Refusal> refusal = vault::RefusalOf(status);
  if (!refusal.has_value()) return nullptr;
  for (const Row& row : kRows) {
    if (row.refusal == *refusal) return &row;
  }
  return nullptr;
}

std::string_view Own(const absl::Status& status) {
  return {status.message().data(), status.message().size()};
}

http::Response RenderRow(const Row& row, const absl::Status& status, const Endpoint& endpoint) {
  std::string_view text = row.text.empty() ? Own(status) : row.text;
  if (row.refusal == Refusal::kNoSuchResource && endpoint.names_account) text = kNoSuchAccount;
  http::Response response = Render(Failed(row.login ? kLogin : endpoint.name, text, row.code));
  response.status = row.http;
  if (const auto position = vault::PositionOf(status)) http::SetPosition(*position, response);
  if (row.http == 503 || row.http == 412) response.headers.Set("Retry-After", "1");
  return response;
}

}  // namespace

http::Response RenderRefusal(const absl::Status& status, const Endpoint& endpoint,
                             const desk::NodeFacts& facts) {
  http::Response response;
  if (const Row* row = FindRow(status); row != nullptr) {
    response = RenderRow(*row, status, endpoint);
    if (row->refusal == Refusal::kNotPrimary) http::AddPrimaryHeaders(facts, response);
  } else if (absl::IsInvalidArgument(status)) {  // of a parameter
    response = Render(Failed(endpoint.name, Own(status)));
  } else {
    response = Render(Failed(endpoint.name, kInternal, kCodeInternal));
  }
  http::AddNodeHeaders(facts, response);
  return response;
}

http::Response RenderNoRoute(const absl::Status& status) {
  const bool method = absl::IsUnimplemented(status);
  http::Response response = Render(Failed(
      "REQUEST", method ? "The method is not allowed for this path." : "No such path found."));
  response.status = method ? 405 : 404;
  return response;
}

}  // namespace holdfast::pam360
