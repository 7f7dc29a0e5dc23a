#include "api/native/errors.h"

#include <boost/json/object.hpp>
#include <boost/json/value.hpp>
#include <optional>
#include <string>

#include "api/http/json.h"
#include "api/http/node_headers.h"
#include "server/base/utf8.h"
#include "server/observe/log.h"

namespace holdfast::native {
namespace {

namespace json = boost::json;
using vault::Refusal;

constexpr int kMisdirected = 421;
constexpr char kRetryAfterSeconds[] = "1";

http::Response Body(int http_status, std::string_view code, std::string_view message,
                    const desk::NodeFacts& facts) {
  json::value primary;
  if (facts.primary_up && !facts.primary_rest_url.empty()) primary = facts.primary_rest_url;
  http::Response response;
  response.status = http_status;
  response.body = http::JsonText(
      json::object{{"error",
                    {{"code", json::string_view(code.data(), code.size())},
                     {"message", Utf8Chars(message).has_value()
                                     ? json::string_view(message.data(), message.size())
                                     : json::string_view("(a message that is not UTF-8)")},
                     {"primary", primary}}}});
  return response;
}

http::Response RenderUnauthenticated(const desk::NodeFacts& facts) {
  http::Response response =
      Body(401, vault::RefusalName(Refusal::kAuthFailed), "no token, or not a good one", facts);
  response.headers.Set("WWW-Authenticate", "Bearer");
  return response;
}

bool IsWorthRetrying(int http_status) { return http_status == 412 || http_status == 503; }

}  // namespace

int HttpStatusOf(Refusal refusal, bool primary_up) {
  switch (refusal) {
    case Refusal::kInvalidInput:
    case Refusal::kMandatoryMissing:
    case Refusal::kPolicyViolation:
      return 400;
    case Refusal::kAuthFailed:
    case Refusal::kTokenExpired:
    case Refusal::kUserLocked:
    case Refusal::kRestNotEnabled:
    case Refusal::kSshNotEnabled:
    case Refusal::kHostNotAllowed:
    case Refusal::kDenied:
      return 401;
    case Refusal::kNotPermitted:
    case Refusal::kInviteUsed:
    case Refusal::kInviteExpired:
    case Refusal::kInviteUnknown:
      return 403;
    case Refusal::kNoSuchUser:
    case Refusal::kNoSuchResource:
    case Refusal::kNoSuchAccount:
    case Refusal::kNoSuchKey:
    case Refusal::kNoSuchToken:
    case Refusal::kNoSuchShare:
    case Refusal::kNoSuchInvite:
    case Refusal::kNoSuchMember:
    case Refusal::kNoSuchOrganization:
      return 404;
    case Refusal::kLimitReached:
    case Refusal::kAlreadyExists:
    case Refusal::kStillOwns:
    case Refusal::kRemoteResetNotConfigured:
    case Refusal::kPositionLost:
    case Refusal::kWouldLoseData:
    case Refusal::kPrimaryReachable:
    case Refusal::kOldPrimaryMayRun:
    case Refusal::kNotCaughtUp:
      return 409;
    case Refusal::kTooStale:
    case Refusal::kPositionNotReached:
      return 412;
    case Refusal::kIdempotencyKeyReused:
      return 422;
    case Refusal::kNotPrimary:
      return primary_up ? kMisdirected : 503;
    case Refusal::kNotEnoughSecondaries:
    case Refusal::kNotServing:
    case Refusal::kLedgerClosed:
    case Refusal::kOverloaded:
    case Refusal::kNotEnoughGrants:
    case Refusal::kRoleChangeUnderWay:
      return 503;
    case Refusal::kOutcomeUnknown:
      return 504;
    case Refusal::kAuditUnavailable:
      return 507;
  }
  return 500;
}

http::Response RenderError(const absl::Status& status, const desk::NodeFacts& facts,
                           std::string_view path) {
  const std::optional<Refusal> refusal = vault::RefusalOf(status);
  if (!refusal.has_value()) {
    LogError("native: an operation failed: {}", ToText(status));
    return Body(500, "INTERNAL", "an error of this node; its log says more", facts);
  }
  const bool primary_up = facts.primary_up && !facts.primary_rest_url.empty();
  const int http_status = HttpStatusOf(*refusal, primary_up);
  if (http_status == 401) return RenderUnauthenticated(facts);
  http::Response response =
      Body(http_status, vault::RefusalName(*refusal), std::string(status.message()), facts);
  if (*refusal == Refusal::kNotPrimary) {
    response.headers.Set("X-Holdfast-Primary", primary_up ? facts.primary_rest_url : "unknown");
    if (primary_up && !path.empty()) {
      response.headers.Set("Location", facts.primary_rest_url + std::string(path));
    }
  }
  if (const auto position = vault::PositionOf(status)) http::SetPosition(*position, response);
  if (IsWorthRetrying(http_status)) response.headers.Set("Retry-After", kRetryAfterSeconds);
  return response;
}

http::Response RenderNoRoute(const absl::Status& status, const desk::NodeFacts& facts) {
  const bool no_path = status.code() == absl::StatusCode::kNotFound;
  return Body(no_path ? 404 : 405, no_path ? "NOT_FOUND" : "METHOD_NOT_ALLOWED",
              std::string(status.message()), facts);
}

}  // namespace holdfast::native
