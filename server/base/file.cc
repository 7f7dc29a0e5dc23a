#include "server/base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstring>

#include "server/base/status_macros.h"

namespace holdfast {
namespace {

std::string FolderOf(const std::string& path) {
  const size_t slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

absl::Status WriteAll(int fd, std::string_view bytes, const std::string& path) {
  while (!bytes.empty()) {
    const ssize_t n = write(fd, bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return ErrnoStatus(fmt::format("write {}", path));
    bytes.remove_prefix(static_cast<size_t>(n));
  }
  return absl::OkStatus();
}

absl::Status WriteNew(const std::string& path, std::string_view bytes, mode_t mode, int flags) {
  UniqueFd fd(open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC | flags, mode));
  if (!fd.valid()) return ErrnoStatus(fmt::format("create {}", path));
  if (fchmod(fd.get(), mode) != 0) return ErrnoStatus(fmt::format("chmod {}", path));
  HOLDFAST_RETURN_IF_ERROR(WriteAll(fd.get(), bytes, path));
  if (fsync(fd.get()) != 0) return ErrnoStatus(fmt::format("fsync {}", path));
  return absl::OkStatus();
}

}  // namespace

UniqueFd& UniqueFd::operator=(UniqueFd&& other) noexcept {
  if (this != &other) {
    Reset();
    fd_ = other.Release();
  }
  return *this;
}

int UniqueFd::Release() {
  const int fd = fd_;
  fd_ = -1;
  return fd;
}

void UniqueFd::Reset() {
  if (fd_ >= 0) close(fd_);
  fd_ = -1;
}

absl::Status ErrnoStatus(std::string_view what) {
  const int error = errno;
  const std::string text = fmt::format("{}: {}", what, strerror(error));
  switch (error) {
    case ENOENT:
      return absl::NotFoundError(text);
    case EEXIST:
      return absl::AlreadyExistsError(text);
    case EACCES:
    case EPERM:
      return absl::PermissionDeniedError(text);
    case ENOSPC:
    case EDQUOT:
      return absl::ResourceExhaustedError(text);
    default:
      return absl::InternalError(text);
  }
}

absl::StatusOr<std::string> ReadFile(const std::string& path, size_t bytes_max) {
  UniqueFd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd.valid()) return ErrnoStatus(fmt::format("open {}", path));
  std::string out;
  char chunk[16384];
  while (true) {
    const ssize_t n = read(fd.get(), chunk, sizeof(chunk));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return ErrnoStatus(fmt::format("read {}", path));
    if (n == 0) break;
    out.append(chunk, static_cast<size_t>(n));
    if (out.size() > bytes_max) {
      return absl::InvalidArgumentError(
          fmt::format("{}: larger than the {} bytes that are expected", path, bytes_max));
    }
  }
  explicit_bzero(chunk, sizeof(chunk));  // It may have been a key file.
  return out;
}

absl::Status WriteFileAtomic(const std::string& path, std::string_view bytes, mode_t mode) {
  const std::string temporary = fmt::format("{}.new", path);
  unlink(temporary.c_str());
  HOLDFAST_RETURN_IF_ERROR(WriteNew(temporary, bytes, mode, O_EXCL));
  if (rename(temporary.c_str(), path.c_str()) != 0) {
    return ErrnoStatus(fmt::format("rename {} to {}", temporary, path));
  }
  return FsyncFolder(FolderOf(path));
}

absl::Status WriteFileOnce(const std::string& path, std::string_view bytes, mode_t mode) {
  HOLDFAST_RETURN_IF_ERROR(WriteNew(path, bytes, mode, O_EXCL));
  return FsyncFolder(FolderOf(path));
}

absl::Status MakeFolder(const std::string& path, mode_t mode) {
  if (mkdir(path.c_str(), mode) == 0) return FsyncFolder(FolderOf(path));
  struct stat info;
  if (errno == EEXIST && stat(path.c_str(), &info) == 0 && S_ISDIR(info.st_mode)) {
    return absl::OkStatus();
  }
  return ErrnoStatus(fmt::format("make folder {}", path));
}

absl::Status FsyncFolder(const std::string& path) {
  UniqueFd fd(open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd.valid()) return ErrnoStatus(fmt::format("open folder {}", path));
  if (fsync(fd.get()) != 0) return ErrnoStatus(fmt::format("fsync folder {}", path));
  return absl::OkStatus();
}

bool FileExists(const std::string& path) { return access(path.c_str(), F_OK) == 0; }

}  // namespace holdfast
