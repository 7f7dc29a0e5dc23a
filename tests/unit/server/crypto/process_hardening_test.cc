#include "server/crypto/process_hardening.h"

#include <gtest/gtest.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <functional>

namespace holdfast::crypto {
namespace {

// Runs it in a process of its own: hardening cannot be taken back. 0 when it returned true.
int InChild(const std::function<bool()>& body) {
  const pid_t child = fork();
  if (child == 0) _exit(body() ? 0 : 1);
  int status = 0;
  EXPECT_EQ(waitpid(child, &status, 0), child);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

TEST(ProcessHardeningTest, TurnsCoreDumpsOffForGood) {
  EXPECT_EQ(InChild([] {
              const auto done = HardenProcess();
              rlimit limit{};
              return done.ok() && getrlimit(RLIMIT_CORE, &limit) == 0 && limit.rlim_cur == 0 &&
                     limit.rlim_max == 0 && prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) == 0;
            }),
            0);
}

TEST(ProcessHardeningTest, MayBeCalledTwiceAndSaysWhyMemoryIsNotLocked) {
  EXPECT_EQ(InChild([] {
              const auto first = HardenProcess();
              const auto second = HardenProcess();
              return first.ok() && second.ok() &&
                     second->memory_locked == second->memory_note.empty();
            }),
            0);
}

TEST(ProcessHardeningTest, MemoryStillGrowsAfterwards) {
  EXPECT_EQ(InChild([] {
              if (!HardenProcess().ok()) return false;
              void* const memory = malloc(64 * 1024 * 1024);
              const bool got = memory != nullptr;
              free(memory);
              return got;
            }),
            0);
}

TEST(ProcessHardeningTest, AFiniteLimitLocksNothingRatherThanFailingLater) {
  EXPECT_EQ(InChild([] {
              const rlimit small{.rlim_cur = 65536, .rlim_max = 65536};
              if (setrlimit(RLIMIT_MEMLOCK, &small) != 0) return false;
              if (geteuid() == 0 && setuid(65534) != 0) return false;  // Root may lock anyway.
              const auto done = HardenProcess();
              return done.ok() && !done->memory_locked &&
                     done->memory_note == "RLIMIT_MEMLOCK is 65536 bytes, expected unlimited";
            }),
            0);
}

}  // namespace
}  // namespace holdfast::crypto
