#ifndef HOLDFAST_API_SSH_COMMAND_LINE_H_
#define HOLDFAST_API_SSH_COMMAND_LINE_H_

#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "absl/status/statusor.h"
#include "server/base/secret_bytes.h"

namespace holdfast::ssh {

struct RetrieveCommand {
  std::string resource;
  std::string account;  // May be empty: one client always sends `--account=`.
  std::string reason;
  std::string ticket;
};

struct ResetLocalCommand {
  std::string resource;
  std::string account;
  std::optional<SecretBytes> new_password;  // nullopt: to be generated
  std::string reason;
  std::string ticket;
};

struct ResetRemoteCommand {
  std::string resource;
  std::string account;
  std::optional<SecretBytes> new_password;
  std::string reason;
  std::string ticket;
};

struct CreateCommand {
  std::string resource;
  std::string account;
  SecretBytes new_password;
  std::string resource_type;  // Empty: the resource has to exist.
  std::string notes;
};

using Command = std::variant<RetrieveCommand, ResetLocalCommand, ResetRemoteCommand, CreateCommand>;

// Reads one exec command line. An SSH client joins its arguments with single blanks and drops the
// local quoting, so a value runs to the blank before the next known option, and a known option
// inside a value cannot be expressed. "Known" means known to any command: an option that this
// command does not take is refused rather than swallowed by a free text or a password before it.
//
// Room        Pure: api/ssh, no library.
// Ownership   Copies what it keeps. The caller wipes `line`, which may hold a new password.
// Failure     INVALID_ARGUMENT; the message names the option, never a value.
absl::StatusOr<Command> ParseCommandLine(std::string_view line);

// The word alone, in upper case, for audit and metrics; empty when it is none of ours.
std::string_view CommandWord(std::string_view line);

// What a person who mistyped a command reads; lines end in CR LF.
std::string_view Usage();

}  // namespace holdfast::ssh

#endif  // HOLDFAST_API_SSH_COMMAND_LINE_H_
