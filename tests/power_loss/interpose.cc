// The functions of the C library by which this program and SQLite change files, replaced: each does
// the system call and records it. Those that take no file of ours by a path or descriptor (mmap of
// the -shm, reads) are left alone. <fcntl.h> is not included: with _FORTIFY_SOURCE it defines some.
#include "tests/power_loss/interpose.h"

#include <asm/fcntl.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace {

using holdfast::power_loss::DiskOp;
using holdfast::power_loss::OneStep;
using Kind = DiskOp::Kind;

constexpr int kUnnamed = 020000000;  // O_TMPFILE without the O_DIRECTORY that comes with it

std::string PathOf(int fd) {
  char link[64];
  char path[4096];
  snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
  const ssize_t n = readlink(link, path, sizeof(path));
  return n < 0 ? std::string() : std::string(path, static_cast<size_t>(n));
}

int Open(const char* path, int flags, mode_t mode) {
  const OneStep step;
  const bool is_new = step.on() && (flags & O_CREAT) != 0 && access(path, F_OK) != 0;
  const long fd = syscall(SYS_openat, -100 /* AT_FDCWD */, path, flags | O_LARGEFILE, mode);
  if (fd < 0 || !step.on() || (flags & kUnnamed) != 0) return static_cast<int>(fd);
  if (is_new) {
    step.Did({.kind = Kind::kCreate, .path = path});
  } else if ((flags & O_TRUNC) != 0) {
    step.Did({.kind = Kind::kTruncate, .path = path});
  }
  return static_cast<int>(fd);
}

ssize_t Write(int fd, const void* bytes, size_t size, off_t offset) {
  const OneStep step;
  const ssize_t n = syscall(SYS_pwrite64, fd, bytes, size, offset);
  if (n > 0 && step.on()) {
    step.Did({.kind = Kind::kWrite,
              .path = PathOf(fd),
              .offset = static_cast<uint64_t>(offset),
              .data = std::string(static_cast<const char*>(bytes), static_cast<size_t>(n))});
  }
  return n;
}

int Truncate(int fd, off_t size) {
  const OneStep step;
  const int result = static_cast<int>(syscall(SYS_ftruncate, fd, size));
  if (result == 0 && step.on()) {
    step.Did({.kind = Kind::kTruncate, .path = PathOf(fd), .offset = static_cast<uint64_t>(size)});
  }
  return result;
}

int Sync(int fd, long call) {
  const OneStep step;
  const int result = static_cast<int>(syscall(call, fd));
  if (result != 0 || !step.on()) return result;
  struct stat info {};
  const bool folder = fstat(fd, &info) == 0 && S_ISDIR(info.st_mode);
  step.Did({.kind = folder ? Kind::kSyncFolder : Kind::kSync, .path = PathOf(fd)});
  return result;
}

}  // namespace

extern "C" {

int open(const char* path, int flags, ...) {
  va_list rest;
  va_start(rest, flags);
  const mode_t mode = (flags & (O_CREAT | kUnnamed)) != 0 ? va_arg(rest, mode_t) : 0;
  va_end(rest);
  return Open(path, flags, mode);
}
int open64(const char* path, int flags, ...) {
  va_list rest;
  va_start(rest, flags);
  const mode_t mode = (flags & (O_CREAT | kUnnamed)) != 0 ? va_arg(rest, mode_t) : 0;
  va_end(rest);
  return Open(path, flags, mode);
}
ssize_t pwrite(int fd, const void* bytes, size_t size, off_t offset) {
  return Write(fd, bytes, size, offset);
}
ssize_t pwrite64(int fd, const void* bytes, size_t size, off_t offset) {
  return Write(fd, bytes, size, offset);
}
ssize_t write(int fd, const void* bytes, size_t size) {
  const OneStep step;
  const off_t offset = step.on() ? lseek(fd, 0, SEEK_CUR) : -1;
  const ssize_t n = syscall(SYS_write, fd, bytes, size);
  if (n > 0 && offset >= 0) {
    step.Did({.kind = Kind::kWrite,
              .path = PathOf(fd),
              .offset = static_cast<uint64_t>(offset),
              .data = std::string(static_cast<const char*>(bytes), static_cast<size_t>(n))});
  }
  return n;
}
int ftruncate(int fd, off_t size) noexcept { return Truncate(fd, size); }
int ftruncate64(int fd, off_t size) noexcept { return Truncate(fd, size); }
int posix_fallocate(int fd, off_t offset, off_t bytes) {
  const OneStep step;
  if (syscall(SYS_fallocate, fd, 0, offset, bytes) != 0) return errno;
  struct stat info {};
  if (step.on() && fstat(fd, &info) == 0) {  // What is new reads as zeroes: a longer file.
    step.Did({.kind = Kind::kTruncate,
              .path = PathOf(fd),
              .offset = static_cast<uint64_t>(info.st_size)});
  }
  return 0;
}
int fsync(int fd) { return Sync(fd, SYS_fsync); }
int fdatasync(int fd) { return Sync(fd, SYS_fdatasync); }
int rename(const char* from, const char* to) noexcept {
  const OneStep step;
  const int result = static_cast<int>(syscall(SYS_rename, from, to));
  if (result == 0) step.Did({.kind = Kind::kRename, .path = from, .to = to});
  return result;
}
int unlink(const char* path) noexcept {
  const OneStep step;
  const int result = static_cast<int>(syscall(SYS_unlink, path));
  if (result == 0) step.Did({.kind = Kind::kUnlink, .path = path});
  return result;
}
int mkdir(const char* path, mode_t mode) noexcept {
  const OneStep step;
  const int result = static_cast<int>(syscall(SYS_mkdir, path, mode));
  if (result == 0) step.Did({.kind = Kind::kMkdir, .path = path});
  return result;
}

}  // extern "C"
