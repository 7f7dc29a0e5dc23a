#include "tests/unit/api/ssh/process.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <filesystem>
#include <utility>

#include "server/base/check.h"

extern char** environ;  // NOLINT(readability-redundant-declaration)

namespace holdfast::ssh {
namespace {

struct Pipe {
  Pipe() {
    int ends[2];
    HOLDFAST_CHECK(pipe2(ends, O_CLOEXEC) == 0);
    read = UniqueFd(ends[0]);
    write = UniqueFd(ends[1]);
  }
  UniqueFd read;
  UniqueFd write;
};

// False at the end.
bool ReadSome(int fd, std::string& into) {
  std::array<char, 16384> bytes;
  const ssize_t count = read(fd, bytes.data(), bytes.size());
  if (count > 0) into.append(bytes.data(), static_cast<size_t>(count));
  return count > 0;
}

}  // namespace

Process::Process(const std::vector<std::string>& words) {
  Pipe out;
  Pipe err;
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&actions, out.write.get(), 1);
  posix_spawn_file_actions_adddup2(&actions, err.write.get(), 2);
  std::vector<char*> argv;
  for (const std::string& word : words) argv.push_back(const_cast<char*>(word.c_str()));
  argv.push_back(nullptr);
  HOLDFAST_CHECK(posix_spawnp(&pid_, argv[0], &actions, nullptr, argv.data(), environ) == 0);
  posix_spawn_file_actions_destroy(&actions);
  out_fd_ = std::move(out.read);
  err_fd_ = std::move(err.read);
}

Process::Process(Process&& other) noexcept
    : pid_(std::exchange(other.pid_, -1)),
      out_fd_(std::move(other.out_fd_)),
      err_fd_(std::move(other.err_fd_)),
      out_(std::move(other.out_)) {}

Process::~Process() {
  if (pid_ < 0) return;
  kill(pid_, SIGKILL);
  waitpid(pid_, nullptr, 0);
}

bool Process::WaitForOutput(const std::string& text) {
  while (out_.find(text) == std::string::npos) {
    if (!ReadSome(out_fd_.get(), out_)) return false;
  }
  return true;
}

Finished Process::Finish() {
  Finished finished;
  bool out_open = true;
  bool err_open = true;
  while (out_open || err_open) {
    std::array<pollfd, 2> fds{
        {{out_open ? out_fd_.get() : -1, POLLIN, 0}, {err_open ? err_fd_.get() : -1, POLLIN, 0}}};
    HOLDFAST_CHECK(poll(fds.data(), fds.size(), -1) > 0);
    if (fds[0].revents != 0) out_open = ReadSome(out_fd_.get(), out_);
    if (fds[1].revents != 0) err_open = ReadSome(err_fd_.get(), finished.err);
  }
  int status = 0;
  HOLDFAST_CHECK(waitpid(pid_, &status, 0) == pid_);
  pid_ = -1;
  if (WIFEXITED(status)) finished.exit_status = WEXITSTATUS(status);
  finished.out = std::move(out_);
  return finished;
}

Finished RunProgram(const std::vector<std::string>& words) { return Process(words).Finish(); }

TempFolder::TempFolder() {
  // Short: a control socket's path has 100 characters at most.
  std::string name = (std::filesystem::temp_directory_path() / "hf-ssh-XXXXXX").string();
  HOLDFAST_CHECK(mkdtemp(name.data()) != nullptr);
  path_ = name;
}

TempFolder::~TempFolder() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

}  // namespace holdfast::ssh
