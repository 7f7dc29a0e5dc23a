#include "api/ssh/answer.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "api/ssh/command_line.h"

namespace holdfast::ssh {

Answer SecretAnswer(const SecretBytes& secret) {
  SecretBytes out = SecretBytes::OfSize(secret.size() + 2);
  const auto bytes = secret.Reveal(Purpose::kAnswerClient);
  auto* const end = std::copy(bytes.begin(), bytes.end(), out.Fill().begin());
  end[0] = '\r';
  end[1] = '\n';
  return {.out = std::move(out), .err = {}};
}

Answer LineAnswer(std::string_view line) {
  std::string text = fmt::format("{}\r\n", line);
  return {.out = SecretBytes::TakeFrom(text), .err = {}};
}

Answer InvalidCommand(std::string_view detail) {
  return {.out = {},
          .err = fmt::format("ERROR: Invalid command.\r\n{}\r\n{}", detail, Usage()),
          .exit_status = kExitUsage};
}

}  // namespace holdfast::ssh
