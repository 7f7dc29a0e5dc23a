#include <fmt/format.h>

#include <memory>
#include <optional>
#include <sstream>
#include <utility>
#include <vector>

#include "api/cli/commands.h"
#include "api/cli/exit_code.h"
#include "api/cli/print.h"
#include "server/base/status_macros.h"

namespace holdfast::cli {
namespace {

constexpr char kDescription[] =
    "holdfast: the command line of the Holdfast credential vault.\n"
    "Talks to the nodes of a cluster over HTTPS; reads go to whichever node answers, writes find "
    "the\n"
    "primary. Secrets are read from standard input, never from arguments.";

constexpr char kFooter[] =
    "Examples:\n"
    "  holdfast init --data /var/lib/holdfast --config /etc/holdfast.toml --admin-token-file "
    "admin.token\n"
    "  export HOLDFAST_ADDR=https://a:8282,https://b:8282 HOLDFAST_CACERT=ca.pem\n"
    "  export HOLDFAST_TOKEN_FILE=admin.token\n"
    "  holdfast status\n"
    "  holdfast resource add orders-db --type Linux\n"
    "  holdfast account add --resource orders-db --account app < secret\n"
    "  holdfast retrieve --resource orders-db --account app\n"
    "\n"
    "Exit status: 0 done; 1 usage or a local file; 2 refused by a node; 3 degraded (status);\n"
    "75 no primary, nobody answers, or the outcome is not known; 77 not logged in or not allowed;\n"
    "78 configuration.";

void AddGlobals(CLI::App& app, Globals& globals) {
  app.add_option("--addr,--endpoint", globals.addresses,
                 "nodes, comma separated, tried in order: https://HOST:PORT[,...]")
      ->envname("HOLDFAST_ADDR")
      ->type_name("URLS");
  app.add_option("--cacert", globals.cacert, "certificate of the cluster's authority (ca.pem)")
      ->envname("HOLDFAST_CACERT")
      ->type_name("FILE");
  app.add_option("--token-file", globals.token_file,
                 "file with the token to log in with; else HOLDFAST_TOKEN or HOLDFAST_TOKEN_FILE")
      ->type_name("FILE");
  app.add_option("--output", globals.output, "table, or json")
      ->envname("HOLDFAST_FORMAT")
      ->check(CLI::IsMember({"table", "json"}))
      ->type_name("FORM");
  app.add_option("--timeout", globals.timeout_seconds, "seconds until a call is given up")
      ->check(CLI::Range(0.1, 3600.0))
      ->capture_default_str()
      ->type_name("SECONDS");
  app.add_flag("--quiet", globals.quiet, "no progress lines on standard error");
}

std::string NextStep(const CLI::App* app, const CLI::Error& error) {
  // The innermost command that was named knows what it takes.
  const CLI::App* innermost = app;
  std::string words = app->get_name();
  for (auto named = app->get_subcommands(); !named.empty(); named = named[0]->get_subcommands()) {
    innermost = named[0];
    words += " " + innermost->get_name();
  }
  std::string what = error.what();
  const std::vector<std::string> unknown = app->remaining(true);
  if (!unknown.empty() && !innermost->get_subcommands({}).empty()) {
    what = fmt::format("unknown command \"{}\"", unknown[0]);
  }
  return fmt::format("{}\nsee `{} --help`", what, words);
}

// nullopt: parsed; else the exit code.
std::optional<int> Parse(CLI::App& app, int argc, const char* const* argv, Context& context) {
  try {
    app.parse(argc, argv);
  } catch (const CLI::Success& help) {
    std::ostringstream text;
    app.exit(help, text, text);
    const absl::Status written = WriteOut(context, text.str());
    return written.ok() ? kExitOk : kExitLocal;
  } catch (const CLI::ParseError& error) {
    PrintError(context, absl::InvalidArgumentError(NextStep(&app, error)));
    return kExitLocal;
  }
  return std::nullopt;
}

}  // namespace

CLI::App* AddCommand(CLI::App& parent, const std::string& name, const std::string& what,
                     const std::string& examples) {
  CLI::App* command = parent.add_subcommand(name, what);
  if (!examples.empty()) command->footer("Examples:\n" + examples);
  return command;
}

void OnRun(CLI::App* command, Context& context, std::function<absl::Status()> run) {
  command->callback([&context, run = std::move(run)] { context.run = run; });
}

void OnRun(CLI::App* command, Context& context, std::function<absl::Status(Session&)> run) {
  OnRun(command, context, std::function<absl::Status()>([&context, run = std::move(run)] {
          absl::StatusOr<std::unique_ptr<Session>> session = Session::Open(context.globals);
          return session.ok() ? run(**session) : session.status();
        }));
}

int Run(int argc, const char* const* argv, Context& context) {
  CLI::App app(kDescription, "holdfast");
  app.footer(kFooter);
  app.fallthrough();
  app.require_subcommand(1);
  AddGlobals(app, context.globals);
  for (const auto add :
       {AddStatus, AddRetrieve, AddUser, AddResource, AddAccount, AddShare, AddNode, AddOrders,
        AddLostWrites, AddSettings, AddSshd, AddAudit, AddInitAndJoin, AddUnavailable}) {
    add(app, context);
  }
  if (const std::optional<int> ended = Parse(app, argc, argv, context)) return *ended;
  const absl::Status status = context.run();
  // `status` ends with a code of its own after it has shown everything.
  if (!status.ok() && !status.message().empty()) PrintError(context, status);
  return ExitCodeOf(status);
}

}  // namespace holdfast::cli
