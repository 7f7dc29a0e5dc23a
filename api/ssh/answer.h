#ifndef HOLDFAST_API_SSH_ANSWER_H_
#define HOLDFAST_API_SSH_ANSWER_H_

#include <string>
#include <string_view>

#include "server/base/secret_bytes.h"

namespace holdfast::ssh {

inline constexpr int kExitGood = 0;
inline constexpr int kExitRefused = 1;
inline constexpr int kExitUsage = 2;
inline constexpr int kExitTryLater = 75;  // sysexits: temporary failure

// What one exec channel is told. Scripts take stdout for the password, so only one side is filled.
struct Answer {
  SecretBytes out;  // stdout
  std::string err;  // stderr
  int exit_status = kExitGood;
};

// The secret, then CR LF: one client cuts the last two bytes off, whatever they are.
Answer SecretAnswer(const SecretBytes& secret);
// One line of text on stdout.
Answer LineAnswer(std::string_view line);
// A command line that cannot be read: `detail` says what is wrong with it.
Answer InvalidCommand(std::string_view detail);

}  // namespace holdfast::ssh

#endif  // HOLDFAST_API_SSH_ANSWER_H_
