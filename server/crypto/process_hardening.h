#ifndef HOLDFAST_SERVER_CRYPTO_PROCESS_HARDENING_H_
#define HOLDFAST_SERVER_CRYPTO_PROCESS_HARDENING_H_

#include <string>

#include "absl/status/statusor.h"

namespace holdfast::crypto {

struct Hardening {
  bool memory_locked = false;
  std::string memory_note;  // why not, for the log; empty when locked
};

// Keeps secrets of this process out of core dumps, debuggers of the same user and, where permitted,
// swap. Call it first thing in main, before a secret is read and a thread is started.
//
// Failure     An error when core dumps cannot be turned off: then no secret may be read. Memory
// that
//             cannot be locked is only noted; the operating system decides that.
absl::StatusOr<Hardening> HardenProcess();

}  // namespace holdfast::crypto

#endif  // HOLDFAST_SERVER_CRYPTO_PROCESS_HARDENING_H_
