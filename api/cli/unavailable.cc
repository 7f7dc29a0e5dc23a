#include <fmt/format.h>

#include "api/cli/commands.h"

namespace holdfast::cli {
namespace {

struct Planned {
  const char* name;
  const char* what;
};

constexpr Planned kPlanned[] = {
    {"backup", "copy the vault"},     {"restore", "bring a backup back"},
    {"check", "a check for Nagios"},  {"seal", "change what wraps the root key"},
    {"drill", "rehearse a failover"}, {"bench", "measure"},
};

void AddPlanned(CLI::App& parent, Context& context, const Planned& planned) {
  CLI::App* command =
      AddCommand(parent, planned.name, fmt::format("(not available yet) {}", planned.what), "");
  command->group("Not available yet");
  // What stands behind its name is not read: it is refused whatever it says.
  command->fallthrough(false);
  command->prefix_command();
  OnRun(command, context, std::function<absl::Status()>([&planned] {
          return absl::UnimplementedError(fmt::format(
              "{}: not available yet; docs/status.md lists what there is", planned.name));
        }));
}

}  // namespace

void AddUnavailable(CLI::App& app, Context& context) {
  for (const Planned& planned : kPlanned) AddPlanned(app, context, planned);
}

}  // namespace holdfast::cli
