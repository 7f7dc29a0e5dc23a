#ifndef HOLDFAST_SERVER_VAULT_REFUSAL_H_
#define HOLDFAST_SERVER_VAULT_REFUSAL_H_

#include <optional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "server/base/position.h"

namespace holdfast::vault {

// Why something was refused. Every room that refuses a caller, the vault or not, names a row here.
enum class Refusal {
  // Input.
  kInvalidInput,
  kMandatoryMissing,
  kLimitReached,
  kPolicyViolation,
  // Nothing by that name, or nothing that the caller may see: the two are not told apart.
  kNoSuchUser,
  kNoSuchResource,
  kNoSuchAccount,
  kNoSuchKey,
  kNoSuchToken,
  kNoSuchShare,
  kNoSuchInvite,
  kNoSuchMember,
  kNoSuchOrganization,
  // The vault's own rules.
  kAlreadyExists,
  kStillOwns,
  kNotPermitted,
  kRemoteResetNotConfigured,
  kInviteUsed,
  kInviteExpired,
  kInviteUnknown,
  // Login.
  kAuthFailed,
  kTokenExpired,
  kUserLocked,
  kRestNotEnabled,
  kSshNotEnabled,
  kHostNotAllowed,
  // Role of the node, durability, age.
  kNotPrimary,
  kNotEnoughSecondaries,
  kOutcomeUnknown,
  kNotServing,
  kTooStale,
  kPositionNotReached,
  kPositionLost,
  kAuditUnavailable,
  kLedgerClosed,
  kOverloaded,
  // Idempotency keys, denials.
  kIdempotencyKeyReused,
  kDenied,
  // Promotion and switchover: docs/promotion.md.
  kWouldLoseData,
  kPrimaryReachable,
  kOldPrimaryMayRun,
  kNotEnoughGrants,
  kNotCaughtUp,
  kRoleChangeUnderWay,
};

struct RefusalRow {
  Refusal refusal;
  absl::StatusCode code;
  std::string_view name;
};

// A client may branch on a name: rows are added, never reused or renamed.
inline constexpr RefusalRow kRefusals[] = {
    {Refusal::kInvalidInput, absl::StatusCode::kInvalidArgument, "INVALID_INPUT"},
    {Refusal::kMandatoryMissing, absl::StatusCode::kInvalidArgument, "MANDATORY_MISSING"},
    {Refusal::kLimitReached, absl::StatusCode::kResourceExhausted, "LIMIT_REACHED"},
    {Refusal::kPolicyViolation, absl::StatusCode::kInvalidArgument, "POLICY_VIOLATION"},
    {Refusal::kNoSuchUser, absl::StatusCode::kNotFound, "NO_SUCH_USER"},
    {Refusal::kNoSuchResource, absl::StatusCode::kNotFound, "NO_SUCH_RESOURCE"},
    {Refusal::kNoSuchAccount, absl::StatusCode::kNotFound, "NO_SUCH_ACCOUNT"},
    {Refusal::kNoSuchKey, absl::StatusCode::kNotFound, "NO_SUCH_KEY"},
    {Refusal::kNoSuchToken, absl::StatusCode::kNotFound, "NO_SUCH_TOKEN"},
    {Refusal::kNoSuchShare, absl::StatusCode::kNotFound, "NO_SUCH_SHARE"},
    {Refusal::kNoSuchInvite, absl::StatusCode::kNotFound, "NO_SUCH_INVITE"},
    {Refusal::kNoSuchMember, absl::StatusCode::kNotFound, "NO_SUCH_MEMBER"},
    {Refusal::kNoSuchOrganization, absl::StatusCode::kNotFound, "NO_SUCH_ORGANIZATION"},
    {Refusal::kAlreadyExists, absl::StatusCode::kAlreadyExists, "ALREADY_EXISTS"},
    {Refusal::kStillOwns, absl::StatusCode::kFailedPrecondition, "STILL_OWNS"},
    {Refusal::kNotPermitted, absl::StatusCode::kPermissionDenied, "NOT_PERMITTED"},
    {Refusal::kRemoteResetNotConfigured, absl::StatusCode::kFailedPrecondition,
     "REMOTE_RESET_NOT_CONFIGURED"},
    {Refusal::kInviteUsed, absl::StatusCode::kPermissionDenied, "INVITE_USED"},
    {Refusal::kInviteExpired, absl::StatusCode::kPermissionDenied, "INVITE_EXPIRED"},
    {Refusal::kInviteUnknown, absl::StatusCode::kPermissionDenied, "INVITE_UNKNOWN"},
    {Refusal::kAuthFailed, absl::StatusCode::kUnauthenticated, "AUTH_FAILED"},
    {Refusal::kTokenExpired, absl::StatusCode::kUnauthenticated, "TOKEN_EXPIRED"},
    {Refusal::kUserLocked, absl::StatusCode::kUnauthenticated, "USER_LOCKED"},
    {Refusal::kRestNotEnabled, absl::StatusCode::kUnauthenticated, "REST_NOT_ENABLED"},
    {Refusal::kSshNotEnabled, absl::StatusCode::kUnauthenticated, "SSH_NOT_ENABLED"},
    {Refusal::kHostNotAllowed, absl::StatusCode::kUnauthenticated, "HOST_NOT_ALLOWED"},
    {Refusal::kNotPrimary, absl::StatusCode::kFailedPrecondition, "NOT_PRIMARY"},
    {Refusal::kNotEnoughSecondaries, absl::StatusCode::kUnavailable, "NOT_ENOUGH_SECONDARIES"},
    {Refusal::kOutcomeUnknown, absl::StatusCode::kUnknown, "OUTCOME_UNKNOWN"},
    {Refusal::kNotServing, absl::StatusCode::kUnavailable, "NOT_SERVING"},
    {Refusal::kTooStale, absl::StatusCode::kFailedPrecondition, "TOO_STALE"},
    {Refusal::kPositionNotReached, absl::StatusCode::kFailedPrecondition, "POSITION_NOT_REACHED"},
    {Refusal::kPositionLost, absl::StatusCode::kAborted, "POSITION_LOST"},
    {Refusal::kAuditUnavailable, absl::StatusCode::kUnavailable, "AUDIT_UNAVAILABLE"},
    {Refusal::kLedgerClosed, absl::StatusCode::kUnavailable, "LEDGER_CLOSED"},
    {Refusal::kOverloaded, absl::StatusCode::kResourceExhausted, "OVERLOADED"},
    {Refusal::kIdempotencyKeyReused, absl::StatusCode::kFailedPrecondition,
     "IDEMPOTENCY_KEY_REUSED"},
    {Refusal::kDenied, absl::StatusCode::kUnauthenticated, "DENIED"},
    {Refusal::kWouldLoseData, absl::StatusCode::kFailedPrecondition, "WOULD_LOSE_DATA"},
    {Refusal::kPrimaryReachable, absl::StatusCode::kFailedPrecondition, "PRIMARY_REACHABLE"},
    {Refusal::kOldPrimaryMayRun, absl::StatusCode::kFailedPrecondition, "OLD_PRIMARY_MAY_RUN"},
    {Refusal::kNotEnoughGrants, absl::StatusCode::kUnavailable, "NOT_ENOUGH_GRANTS"},
    {Refusal::kNotCaughtUp, absl::StatusCode::kFailedPrecondition, "NOT_CAUGHT_UP"},
    {Refusal::kRoleChangeUnderWay, absl::StatusCode::kUnavailable, "ROLE_CHANGE_UNDER_WAY"},
};

// A status that carries the refusal, whatever is later done to its message. The message names ids
// and names, never a secret or a token.
absl::Status Refuse(Refusal refusal, const std::string& message);

// OUTCOME_UNKNOWN of a write that stands at `position`, if it stays.
absl::Status UnknownAt(const Position& position, const std::string& message);
std::optional<Position> PositionOf(const absl::Status& status);

// nullopt when the status is OK or an error that nobody refused on purpose.
std::optional<Refusal> RefusalOf(const absl::Status& status);

std::string_view RefusalName(Refusal refusal);
std::optional<Refusal> RefusalByName(std::string_view name);

}  // namespace holdfast::vault

#endif  // HOLDFAST_SERVER_VAULT_REFUSAL_H_
