#include "server/app/role_hook.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include <filesystem>
#include <fstream>
#include <functional>
#include <sstream>
#include <thread>

#include "tests/support/real_clock.h"

namespace holdfast::app {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using namespace std::chrono_literals;

class RoleHookTest : public ::testing::Test {
 protected:
  RoleHookTest() {
    char name[] = "/tmp/holdfast-hook-XXXXXX";
    folder_ = mkdtemp(name);
  }
  ~RoleHookTest() override { std::filesystem::remove_all(folder_); }

  std::string Program(const std::string& text) {
    const std::string path = folder_ + "/program";
    std::ofstream(path) << "#!/bin/sh\n" << text;
    chmod(path.c_str(), 0700);
    return path;
  }
  std::string Said() const {
    std::ifstream file(folder_ + "/said");
    std::stringstream text;
    text << file.rdbuf();
    return text.str();
  }
  bool Eventually(const std::function<bool()>& condition) {
    const RealClock clock;
    const MonoTime until = clock.Mono() + 20s;
    while (!condition()) {
      if (clock.Mono() > until) return false;
      MutexLock lock(mu_);
      look_.WaitFor(mu_, 5ms);
    }
    return true;
  }

  std::string folder_;
  Mutex mu_;
  CondVar look_;
};

TEST_F(RoleHookTest, TheProgramHearsRoleEpochAndNodeBehindItsOwnWords) {
  RoleHook hook({Program("echo \"$@\" >> " + folder_ + "/said"), "eth0"}, "node2");
  hook.Changed(true, 7);
  ASSERT_TRUE(Eventually([&] { return Said() == "eth0 primary 7 node2\n"; })) << Said();
  hook.Changed(false, 7);
  ASSERT_TRUE(Eventually([&] {
    return Said() == "eth0 primary 7 node2\neth0 secondary 7 node2\n";
  })) << Said();
}

TEST_F(RoleHookTest, TheEnvironmentIsCleanAndOnlyTheNewestChangeWaits) {
  setenv("HOLDFAST_TOKEN", "not-for-programs", 1);
  RoleHook hook({Program("env >> " + folder_ + "/said; ls /proc/self/fd >> " + folder_ +
                         "/said; while [ ! -e " + folder_ +
                         "/go ]; do sleep 0.01; done; echo \"$@\" >> " + folder_ + "/said")},
                "node2");
  hook.Changed(true, 1);
  ASSERT_TRUE(Eventually([&] { return Said().find("PATH=") != std::string::npos; }));
  hook.Changed(false, 2);
  hook.Changed(true, 3);
  std::ofstream(folder_ + "/go") << "";
  ASSERT_TRUE(Eventually([&] { return Said().find("primary 3 node2") != std::string::npos; }));
  unsetenv("HOLDFAST_TOKEN");
  EXPECT_THAT(Said(), HasSubstr("primary 1 node2"));
  EXPECT_THAT(Said(), Not(HasSubstr("secondary 2")));
  EXPECT_THAT(Said(), Not(HasSubstr("not-for-programs")));
}

// Makes pidfd_open fail in this thread and in those that it starts from now on.
void RefusePidfdOpen() {
  sock_filter code[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_pidfd_open, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EMFILE),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  const sock_fprog program{.len = std::size(code), .filter = code};
  ASSERT_EQ(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
  ASSERT_EQ(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program), 0);
}

TEST_F(RoleHookTest, WithoutAHandleTheEndOfAProgramIsSeenToo) {
  std::thread([this] {
    ASSERT_NO_FATAL_FAILURE(RefusePidfdOpen());
    const RealClock clock;
    const MonoTime began = clock.Mono();
    RoleHook hook({Program("echo \"$2\" >> " + folder_ + "/said")}, "node2", 15s);
    hook.Changed(true, 1);
    ASSERT_TRUE(Eventually([&] { return Said() == "1\n"; })) << Said();
    hook.Changed(true, 2);
    ASSERT_TRUE(Eventually([&] { return Said() == "1\n2\n"; })) << Said();
    EXPECT_LT(clock.Mono() - began, 10s);
  }).join();
}

TEST_F(RoleHookTest, AProgramThatHangsIsEndedWithItsChildren) {
  RoleHook hook({Program("sleep 60 & echo $! >> " + folder_ + "/said; wait")}, "node2", 300ms);
  hook.Changed(true, 1);
  ASSERT_TRUE(Eventually([&] { return !Said().empty(); }));
  const std::string child = "/proc/" + Said().substr(0, Said().find('\n')) + "/stat";
  EXPECT_TRUE(Eventually([&] {  // gone, or nobody has waited for it yet
    std::ifstream stat(child);
    std::string text;
    return !std::getline(stat, text) || text.find(") Z ") != std::string::npos;
  }));
}

TEST_F(RoleHookTest, TheEndOfTheNodeDoesNotWaitForTheProgram) {
  const RealClock clock;
  const MonoTime began = clock.Mono();
  {
    RoleHook hook({Program("echo x >> " + folder_ + "/said; sleep 60")}, "node2");
    hook.Changed(true, 1);
    ASSERT_TRUE(Eventually([&] { return !Said().empty(); }));
    RoleHook missing({"/nonexistent/program"}, "node2");
    missing.Changed(true, 1);
  }
  EXPECT_LT(clock.Mono() - began, 10s);
}

}  // namespace
}  // namespace holdfast::app
