// holdfastd: one node of a Holdfast cluster.
#include <fmt/format.h>
#include <signal.h>

#include <CLI/CLI.hpp>
#include <string>
#include <utility>

#include "server/app/daemon.h"
#include "server/crypto/process_hardening.h"
#include "server/observe/log.h"
#include "server/setup/config_file.h"

namespace holdfast::app {
namespace {

constexpr int kExitFailed = 1;
constexpr int kExitConfiguration = 78;  // sysexits: do not restart, mend the file first

int Fail(const absl::Status& status, int code) {
  fmt::print(stderr, "holdfastd: {}\n", std::string(status.message()));
  return code;
}

// A closed socket is an error of a write, never the end of the process.
sigset_t BlockSignals() {
  signal(SIGPIPE, SIG_IGN);
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGTERM);
  sigaddset(&set, SIGINT);
  sigaddset(&set, SIGHUP);
  sigprocmask(SIG_BLOCK, &set, nullptr);  // before the first thread: all of them inherit it
  return set;
}

int Serve(setup::Config config) {
  const sigset_t signals = BlockSignals();
  Daemon daemon(std::move(config));
  if (const absl::Status started = daemon.Start(); !started.ok()) {
    LogError("does not start: {}", ToText(started));
    return Fail(started, kExitFailed);
  }
  int caught = 0;
  while (sigwait(&signals, &caught) == 0 && caught == SIGHUP) daemon.ReopenFiles();
  LogInfo("ends on signal {}", caught);
  daemon.Stop();
  LogInfo("has ended");
  return 0;
}

int Main(int argc, char** argv) {
  CLI::App cli(
      "One node of a Holdfast cluster. Its folder is made by `holdfast init` or `holdfast join`.",
      "holdfastd");
  std::string config_path;
  bool check = false;
  cli.add_option("--config", config_path, "Configuration file (TOML)")->required();
  cli.add_flag("--check-config", check, "Read the configuration, say whether it is right, and end");
  cli.set_version_flag("--version", std::string("holdfastd ") + kVersion);
  cli.footer(
      "Signals: SIGTERM and SIGINT end it once what is under way has ended; SIGHUP opens the file\n"
      "of the audit sink again.\n"
      "Exit codes: 0 ended by a signal; 1 did not start; 78 the configuration is wrong.");
  try {
    cli.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return cli.exit(error) == 0 ? 0 : kExitFailed;  // the library's own codes mean nothing here
  }

  const absl::StatusOr<crypto::Hardening> hardening = crypto::HardenProcess();
  if (!hardening.ok()) return Fail(hardening.status(), kExitFailed);
  absl::StatusOr<setup::Config> config = setup::LoadConfig(config_path);
  if (!config.ok()) return Fail(config.status(), kExitConfiguration);
  if (const absl::Status supported = setup::CheckSupported(*config); !supported.ok()) {
    return Fail(supported, kExitConfiguration);
  }
  if (check) {
    fmt::print("{}: right\n", config_path);
    return 0;
  }
  if (const absl::Status log = StartLogging(config->log.file, config->log.level); !log.ok()) {
    return Fail(log, kExitConfiguration);
  }
  if (!hardening->memory_locked) LogInfo("memory is not locked: {}", hardening->memory_note);
  return Serve(*std::move(config));
}

}  // namespace
}  // namespace holdfast::app

int main(int argc, char** argv) { return holdfast::app::Main(argc, argv); }
