#ifndef HOLDFAST_TESTS_UNIT_API_SSH_PROCESS_H_
#define HOLDFAST_TESTS_UNIT_API_SSH_PROCESS_H_

#include <sys/types.h>

#include <string>
#include <vector>

#include "server/base/file.h"

namespace holdfast::ssh {

struct Finished {
  int exit_status = -1;  // -1: by a signal
  std::string out;
  std::string err;
};

// A program that runs, found on the PATH; killed when dropped.
class Process {
 public:
  explicit Process(const std::vector<std::string>& words);
  Process(Process&& other) noexcept;
  ~Process();
  pid_t pid() const { return pid_; }
  // Reads stdout until `text` has appeared or it ends.
  bool WaitForOutput(const std::string& text);
  // Until it ends.
  Finished Finish();

 private:
  pid_t pid_ = -1;
  UniqueFd out_fd_;
  UniqueFd err_fd_;
  std::string out_;
};

Finished RunProgram(const std::vector<std::string>& words);

// A folder of its own under the temporary one, removed with all in it.
class TempFolder {
 public:
  TempFolder();
  ~TempFolder();
  std::string operator/(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

}  // namespace holdfast::ssh

#endif  // HOLDFAST_TESTS_UNIT_API_SSH_PROCESS_H_
