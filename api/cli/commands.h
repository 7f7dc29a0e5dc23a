#ifndef HOLDFAST_API_CLI_COMMANDS_H_
#define HOLDFAST_API_CLI_COMMANDS_H_

#include <functional>
#include <string>

#include "CLI/CLI.hpp"
#include "absl/status/status.h"
#include "api/cli/context.h"
#include "api/cli/session.h"

namespace holdfast::cli {

// Each adds the commands of one noun. Parsing a command line sets Context::run; nothing is done
// before. `app` and `context` outlive the call of run.
void AddInitAndJoin(CLI::App& app, Context& context);
void AddNode(CLI::App& app, Context& context);
void AddOrders(CLI::App& app, Context& context);  // after AddNode
void AddLostWrites(CLI::App& app, Context& context);
void AddStatus(CLI::App& app, Context& context);
void AddUser(CLI::App& app, Context& context);
void AddResource(CLI::App& app, Context& context);
void AddAccount(CLI::App& app, Context& context);
void AddShare(CLI::App& app, Context& context);
void AddRetrieve(CLI::App& app, Context& context);
void AddSshd(CLI::App& app, Context& context);
void AddAudit(CLI::App& app, Context& context);
void AddAuditVerify(CLI::App& audit, Context& context);  // below `audit`
void AddSettings(CLI::App& app, Context& context);
// What is planned and not there: named, so that nobody looks for the right spelling.
void AddUnavailable(CLI::App& app, Context& context);

// ---- For the .cc files of the nouns.
// A command below `parent`. `examples` ends its help, a line each.
CLI::App* AddCommand(CLI::App& parent, const std::string& name, const std::string& what,
                     const std::string& examples);
// What the command does when it is the one that was named.
void OnRun(CLI::App* command, Context& context, std::function<absl::Status()> run);
void OnRun(CLI::App* command, Context& context, std::function<absl::Status(Session&)> run);

// The whole program: parses, runs, prints the error. Gives the exit code.
int Run(int argc, const char* const* argv, Context& context);

}  // namespace holdfast::cli

#endif  // HOLDFAST_API_CLI_COMMANDS_H_
