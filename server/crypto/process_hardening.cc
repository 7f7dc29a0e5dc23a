#include "server/crypto/process_hardening.h"

#include <linux/capability.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "fmt/format.h"
#include "server/base/file.h"
#include "server/base/status_macros.h"

namespace holdfast::crypto {
namespace {

bool MayLockWithoutLimit() {
  __user_cap_header_struct header{.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
  __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = {};
  if (syscall(SYS_capget, &header, data) != 0) return false;
  return (data[CAP_TO_INDEX(CAP_IPC_LOCK)].effective & CAP_TO_MASK(CAP_IPC_LOCK)) != 0;
}

// With a finite limit and MCL_FUTURE, an allocation beyond it would fail later, in the middle of
// work; so it is all or nothing. MCL_ONFAULT: what was never touched takes no memory.
std::string LockMemory() {
  rlimit limit{};
  if (getrlimit(RLIMIT_MEMLOCK, &limit) != 0) return fmt::format("getrlimit: {}", strerror(errno));
  if (limit.rlim_cur != RLIM_INFINITY && !MayLockWithoutLimit()) {
    return fmt::format("RLIMIT_MEMLOCK is {} bytes, expected unlimited", limit.rlim_cur);
  }
  if (mlockall(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT) != 0) {
    return fmt::format("mlockall: {}", strerror(errno));
  }
  return "";
}

}  // namespace

absl::StatusOr<Hardening> HardenProcess() {
  const rlimit none{.rlim_cur = 0, .rlim_max = 0};
  if (setrlimit(RLIMIT_CORE, &none) != 0) return ErrnoStatus("turn core dumps off");
  // Also for a core_pattern that pipes to a program, which disregards the limit.
  if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0) return ErrnoStatus("make the process undumpable");
  Hardening done;
  done.memory_note = LockMemory();
  done.memory_locked = done.memory_note.empty();
  return done;
}

}  // namespace holdfast::crypto
