#include "api/cli/context.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>

#include "server/base/file.h"

namespace holdfast::cli {
namespace {

absl::Status WriteAll(int fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = write(fd, text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return ErrnoStatus("standard output");
    text.remove_prefix(static_cast<size_t>(written));
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status WriteOut(const Context& context, std::string_view text) {
  return WriteAll(context.out_fd, text);
}

void Say(const Context& context, std::string_view line) {
  if (context.globals.quiet) return;
  // Nobody is left to tell that stderr is gone.
  WriteAll(context.err_fd, fmt::format("{}\n", line)).IgnoreError();
}

}  // namespace holdfast::cli
