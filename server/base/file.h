#ifndef HOLDFAST_SERVER_BASE_FILE_H_
#define HOLDFAST_SERVER_BASE_FILE_H_

#include <sys/types.h>

#include <cstddef>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace holdfast {

// Owns a file descriptor.
class UniqueFd {
 public:
  UniqueFd() = default;
  explicit UniqueFd(int fd) : fd_(fd) {}
  UniqueFd(UniqueFd&& other) noexcept : fd_(other.Release()) {}
  UniqueFd& operator=(UniqueFd&& other) noexcept;
  ~UniqueFd() { Reset(); }
  int get() const { return fd_; }
  bool valid() const { return fd_ >= 0; }
  int Release();
  void Reset();

 private:
  int fd_ = -1;
};

// The whole file, or an error that names it; files larger than `bytes_max` are refused.
// NOT_FOUND when it is not there.
absl::StatusOr<std::string> ReadFile(const std::string& path, size_t bytes_max);

// Writes beside `path`, fsyncs, renames over it, fsyncs the folder: the old or the new, never half.
absl::Status WriteFileAtomic(const std::string& path, std::string_view bytes, mode_t mode);

// Creates `path` with `bytes`; ALREADY_EXISTS rather than replacing. Durable on return.
absl::Status WriteFileOnce(const std::string& path, std::string_view bytes, mode_t mode);

absl::Status MakeFolder(const std::string& path, mode_t mode);  // fine when it is there
absl::Status FsyncFolder(const std::string& path);
bool FileExists(const std::string& path);

// "what: strerror" with the code that fits errno.
absl::Status ErrnoStatus(std::string_view what);

}  // namespace holdfast

#endif  // HOLDFAST_SERVER_BASE_FILE_H_
