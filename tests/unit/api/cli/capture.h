#ifndef HOLDFAST_TESTS_UNIT_API_CLI_CAPTURE_H_
#define HOLDFAST_TESTS_UNIT_API_CLI_CAPTURE_H_

#include <fcntl.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <unistd.h>

#include <string>
#include <vector>

#include "api/cli/commands.h"
#include "tests/support/manual_clock.h"

namespace holdfast::cli {

// A descriptor that remembers what was written to it.
class CapturedFile {
 public:
  CapturedFile() : fd_(open("/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600)) {}
  ~CapturedFile() { close(fd_); }
  CapturedFile(const CapturedFile&) = delete;
  CapturedFile& operator=(const CapturedFile&) = delete;
  int fd() const { return fd_; }
  std::string text() const {
    std::string text(64 * 1024, '\0');
    const ssize_t size = pread(fd_, text.data(), text.size(), 0);
    text.resize(size < 0 ? 0 : static_cast<size_t>(size));
    return text;
  }

 private:
  const int fd_;
};

struct Ended {
  int exit = -1;
  std::string out;
  std::string err;
};

// `holdfast WORDS` in this process, without anything of the environment.
inline Ended RunWords(std::vector<const char*> words) {
  for (const char* name : {"HOLDFAST_ADDR", "HOLDFAST_CACERT", "HOLDFAST_TOKEN",
                           "HOLDFAST_TOKEN_FILE", "HOLDFAST_FORMAT"}) {
    unsetenv(name);
  }
  words.insert(words.begin(), "holdfast");
  ManualClock clock;
  CapturedFile out;
  CapturedFile err;
  Context context{.clock = clock, .out_fd = out.fd(), .err_fd = err.fd()};
  Ended ended;
  ended.exit = Run(static_cast<int>(words.size()), words.data(), context);
  ended.out = out.text();
  ended.err = err.text();
  return ended;
}

}  // namespace holdfast::cli

#endif  // HOLDFAST_TESTS_UNIT_API_CLI_CAPTURE_H_
