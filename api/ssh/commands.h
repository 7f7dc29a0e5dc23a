#ifndef HOLDFAST_API_SSH_COMMANDS_H_
#define HOLDFAST_API_SSH_COMMANDS_H_

#include <functional>
#include <string_view>

#include "absl/types/span.h"
#include "api/ssh/answer.h"
#include "api/ssh/command_line.h"
#include "api/ssh/ssh_vault.h"
#include "server/base/operation_class.h"
#include "server/desk/desk.h"

namespace holdfast::ssh {

using Done = std::function<void(Answer)>;

// One command of the SSH port. Its class is part of it: the gate is asked before `run`, which knows
// no role.
struct CommandRow {
  std::string_view word;
  DeclaredClass op_class;
  // Must not block for long; calls `done` exactly once, on any thread.
  void (*run)(desk::Desk& desk, desk::CallerPtr caller, Command command, Done done);
};

// All there are, in the order of the alternatives of Command.
absl::Span<const CommandRow> Commands();

// Reads one command line, asks the gate for its class, carries it out over the desk.
void RunCommandLine(desk::Desk& desk, desk::CallerPtr caller, const SecretBytes& line, Done done);

// What the transport asks for, answered by the desk, which must outlive the server.
SshVault MakeSshVault(desk::Desk& desk);

}  // namespace holdfast::ssh

#endif  // HOLDFAST_API_SSH_COMMANDS_H_
