#include "api/ssh/answer.h"

#include <fmt/format.h>

#include "api/ssh/command_line.h"

namespace holdfast::ssh {

Answer InvalidCommand(std::string_view detail) {
  return {.out = {},
          .err = fmt::format("ERROR: Invalid command.\r\n{}\r\n{}", detail, Usage()),
          .exit_status = kExitUsage};
}

}  // namespace holdfast::ssh
