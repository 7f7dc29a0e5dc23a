#include "server/app/role_hook.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "server/observe/log.h"

namespace holdfast::app {
namespace {

constexpr std::chrono::milliseconds kLookEvery{100};  // whether this node stops

// Its own process group, standard streams of /dev/null, nothing else of this process.
int Spawn(const std::vector<std::string>& words) {
  posix_spawn_file_actions_t files;
  posix_spawn_file_actions_init(&files);
  posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_addopen(&files, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
  posix_spawn_file_actions_addopen(&files, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
  posix_spawn_file_actions_addclosefrom_np(&files, STDERR_FILENO + 1);
  posix_spawn_file_actions_addchdir_np(&files, "/");
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  sigset_t none;
  sigemptyset(&none);
  posix_spawnattr_setsigmask(&attributes, &none);
  sigset_t all;
  sigfillset(&all);
  posix_spawnattr_setsigdefault(&attributes, &all);
  posix_spawnattr_setpgroup(&attributes, 0);
  posix_spawnattr_setflags(&attributes,
                           POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);
  std::vector<char*> argv;
  for (const std::string& word : words) argv.push_back(const_cast<char*>(word.c_str()));
  argv.push_back(nullptr);
  char path[] = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
  char language[] = "LANG=C.UTF-8";
  char* environment[] = {path, language, nullptr};
  pid_t pid = 0;
  const int error =
      posix_spawn(&pid, words[0].c_str(), &files, &attributes, argv.data(), environment);
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&files);
  return error == 0 ? pid : -error;
}

std::string EndInWords(int status) {
  if (WIFEXITED(status)) return fmt::format("ended with exit code {}", WEXITSTATUS(status));
  if (WIFSIGNALED(status)) return fmt::format("was ended by signal {}", WTERMSIG(status));
  return "ended";
}

}  // namespace

RoleHook::RoleHook(std::vector<std::string> program, std::string node_id,
                   std::chrono::milliseconds longest)
    : program_(std::move(program)), node_id_(std::move(node_id)), longest_(longest) {
  if (!program_.empty()) thread_ = std::thread([this] { Run(); });
}

RoleHook::~RoleHook() {
  {
    MutexLock lock(mu_);
    stop_ = true;
  }
  wake_.NotifyAll();
  if (thread_.joinable()) thread_.join();
}

void RoleHook::Changed(bool primary, uint64_t epoch) {
  if (program_.empty()) return;
  Arguments words = program_;
  words.push_back(primary ? "primary" : "secondary");
  words.push_back(fmt::format("{}", epoch));
  words.push_back(node_id_);
  MutexLock lock(mu_);
  next_ = std::move(words);
  wake_.NotifyAll();
}

bool RoleHook::Stopped() {
  MutexLock lock(mu_);
  return stop_;
}

void RoleHook::Run() {
  while (true) {
    Arguments words;
    {
      MutexLock lock(mu_);
      while (!stop_ && !next_) wake_.Wait(mu_);
      if (stop_) return;
      words = *std::exchange(next_, std::nullopt);
    }
    RunOnce(words);
  }
}

void RoleHook::RunOnce(const Arguments& arguments) {
  const std::string& role = arguments[program_.size()];
  const int pid = Spawn(arguments);
  if (pid < 0) {
    LogError("on_role_change: {} cannot be run: {}", arguments[0], strerror(-pid));
    return;
  }
  const std::string end = Await(pid);
  LogInfo("on_role_change {} {} {}", arguments[0], role, end);
}

std::string RoleHook::Await(int pid) {
  // Wakes at its end; without one (no descriptor is left) the end is looked for.
  const int handle = static_cast<int>(syscall(SYS_pidfd_open, pid, 0));
  std::chrono::milliseconds left = longest_;
  std::string killed;
  int status = 0;
  bool ended = waitpid(pid, &status, WNOHANG) != 0;
  while (!ended && left.count() > 0 && !Stopped()) {
    pollfd wait{.fd = handle, .events = POLLIN, .revents = 0};
    const auto step = std::min(left, kLookEvery);
    poll(&wait, 1, static_cast<int>(step.count()));
    ended = waitpid(pid, &status, WNOHANG) != 0;
    left -= step;
  }
  if (!ended) {
    killed = fmt::format("was ended after {} s: ",
                         std::chrono::duration<double>(longest_ - left).count());
    kill(-pid, SIGKILL);
    kill(pid, SIGKILL);
    waitpid(pid, &status, 0);
  }
  if (handle >= 0) close(handle);
  return killed + EndInWords(status);
}

}  // namespace holdfast::app
