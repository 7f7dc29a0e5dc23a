#ifndef HOLDFAST_API_CLI_CONTEXT_H_
#define HOLDFAST_API_CLI_CONTEXT_H_

#include <functional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "server/base/clock.h"

namespace holdfast::cli {

// What stands before, between or behind the words of every command, or in the environment.
struct Globals {
  std::string addresses;
  std::string cacert;
  std::string token_file;
  std::string output = "table";
  double timeout_seconds = 60;
  bool quiet = false;
};

// One call of the program.
//
// Threading   Thread-compatible.
struct Context {
  const Clock& clock;
  Globals globals = {};
  std::function<absl::Status()> run = nullptr;  // set by the command that was named
  int out_fd = 1;
  int err_fd = 2;

  bool json() const { return globals.output == "json"; }
};

// All of it, or an error (a full disk, a closed pipe).
absl::Status WriteOut(const Context& context, std::string_view text);
// One line for people on stderr; nothing with --quiet.
void Say(const Context& context, std::string_view line);

}  // namespace holdfast::cli

#endif  // HOLDFAST_API_CLI_CONTEXT_H_
