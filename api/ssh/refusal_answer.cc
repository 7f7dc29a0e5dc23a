#include "api/ssh/refusal_answer.h"

#include <fmt/format.h>

#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "server/vault/refusal.h"

namespace holdfast::ssh {
namespace {

using vault::Refusal;

constexpr size_t kMessageBytesMax = 512;

struct TextRow {
  Refusal refusal;
  std::string_view text;
};

// Refusals that have one text, whatever their message says; scripts know these.
constexpr TextRow kTexts[] = {
    {Refusal::kNoSuchResource, "Resource not found."},
    {Refusal::kNoSuchAccount, "Account not found."},
    {Refusal::kNotPermitted, "You do not have permission to perform this operation."},
    {Refusal::kRemoteResetNotConfigured,
     "Remote password reset is not configured. Nothing was changed."},
    // The stranger is told only that it was refused.
    {Refusal::kAuthFailed, "Authentication failed."},
    {Refusal::kTokenExpired, "Authentication failed."},
    {Refusal::kUserLocked, "Authentication failed."},
    {Refusal::kRestNotEnabled, "Authentication failed."},
    {Refusal::kSshNotEnabled, "Authentication failed."},
    {Refusal::kHostNotAllowed, "Authentication failed."},
    {Refusal::kDenied, "Authentication failed."},
};

// Not the command is wrong but the moment or the node.
constexpr Refusal kTryLater[] = {
    Refusal::kNotEnoughSecondaries, Refusal::kOutcomeUnknown,
    Refusal::kNotServing,           Refusal::kTooStale,
    Refusal::kPositionNotReached,   Refusal::kPositionLost,
    Refusal::kAuditUnavailable,     Refusal::kLedgerClosed,
    Refusal::kOverloaded,           Refusal::kRoleChangeUnderWay,
};

// Messages quote what came from outside; it must not look like a second line.
std::string OneLine(absl::string_view message) {
  std::string line(message.substr(0, kMessageBytesMax));
  for (char& c : line) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) c = '?';
  }
  return line;
}

Answer Error(std::string_view text, int exit_status) {
  return {.out = {}, .err = fmt::format("ERROR: {}\r\n", text), .exit_status = exit_status};
}

Answer ReadOnly(const desk::NodeFacts& facts) {
  const bool known = facts.primary_up && !facts.primary_ssh_address.empty();
  return Error(fmt::format("READONLY primary={} epoch={}: write operations are not permitted on a "
                           "secondary.",
                           known ? facts.primary_ssh_address : "unknown", facts.epoch.number),
               kExitTryLater);
}

}  // namespace

Answer RefusalAnswer(const absl::Status& status, const desk::NodeFacts& facts) {
  const std::optional<Refusal> refusal = vault::RefusalOf(status);
  if (!refusal.has_value()) return Error("Internal error.", kExitRefused);
  if (*refusal == Refusal::kNotPrimary) return ReadOnly(facts);
  for (const TextRow& row : kTexts) {
    if (row.refusal == *refusal) return Error(row.text, kExitRefused);
  }
  const std::string message = OneLine(status.message());
  for (const Refusal later : kTryLater) {
    if (later == *refusal) {
      return Error(fmt::format("{}: {}", vault::RefusalName(*refusal), message), kExitTryLater);
    }
  }
  return Error(message, kExitRefused);
}

}  // namespace holdfast::ssh
