// Preloaded into a node: while the file named by NO_ROOM_FILE is there, nothing that would make a
// file below the folder NO_ROOM_FOLDER longer finds room, and no file can be made there; what is
// there can be written over, as on a full disk.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/uio.h>
#include <unistd.h>

static void* Real(const char* name) { return dlsym(RTLD_NEXT, name); }

static int IsBelow(const char* path) {
  const char* folder = getenv("NO_ROOM_FOLDER");
  return folder != NULL && strncmp(path, folder, strlen(folder)) == 0;
}

static int IsFull(void) {
  const char* control = getenv("NO_ROOM_FILE");
  return control != NULL && faccessat(AT_FDCWD, control, F_OK, 0) == 0;
}

static int IsOurs(int fd) {
  char link[64];
  char path[4096] = {0};
  snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
  return readlink(link, path, sizeof(path) - 1) > 0 && IsBelow(path);
}

// Whether bytes up to `end` would make the file longer, on a disk that is full.
static int NoRoom(int fd, off_t end) {
  struct stat info;
  if (!IsFull() || fstat(fd, &info) != 0 || !S_ISREG(info.st_mode) || end <= info.st_size ||
      !IsOurs(fd))
    return 0;
  errno = ENOSPC;
  return 1;
}

// Where a write without an offset begins.
static off_t At(int fd) {
  struct stat info;
  const int flags = fcntl(fd, F_GETFL);
  if (flags >= 0 && (flags & O_APPEND) != 0 && fstat(fd, &info) == 0) return info.st_size;
  return lseek(fd, 0, SEEK_CUR);
}

static off_t SizeOf(const struct iovec* parts, int count) {
  off_t size = 0;
  for (int i = 0; i < count; ++i) size += (off_t)parts[i].iov_len;
  return size;
}

ssize_t write(int fd, const void* bytes, size_t size) {
  if (IsFull() && NoRoom(fd, At(fd) + (off_t)size)) return -1;
  return ((ssize_t(*)(int, const void*, size_t))Real("write"))(fd, bytes, size);
}

ssize_t writev(int fd, const struct iovec* parts, int count) {
  if (IsFull() && NoRoom(fd, At(fd) + SizeOf(parts, count))) return -1;
  return ((ssize_t(*)(int, const struct iovec*, int))Real("writev"))(fd, parts, count);
}

ssize_t pwrite64(int fd, const void* bytes, size_t size, off64_t at) {
  if (NoRoom(fd, at + (off_t)size)) return -1;
  return ((ssize_t(*)(int, const void*, size_t, off64_t))Real("pwrite64"))(fd, bytes, size, at);
}

ssize_t pwrite(int fd, const void* bytes, size_t size, off_t at) {
  return pwrite64(fd, bytes, size, at);
}

int posix_fallocate64(int fd, off64_t at, off64_t size) {
  if (NoRoom(fd, at + size)) return ENOSPC;
  return ((int (*)(int, off64_t, off64_t))Real("posix_fallocate64"))(fd, at, size);
}

int posix_fallocate(int fd, off_t at, off_t size) { return posix_fallocate64(fd, at, size); }

static int Open(const char* name, int in, const char* path, int flags, mode_t mode) {
  if ((flags & O_CREAT) != 0 && IsBelow(path) && IsFull() && faccessat(in, path, F_OK, 0) != 0) {
    errno = ENOSPC;
    return -1;
  }
  return ((int (*)(int, const char*, int, ...))Real(name))(in, path, flags, mode);
}

#define MODE(flags, mode)                       \
  mode_t mode = 0;                              \
  if (((flags) & (O_CREAT | O_TMPFILE)) != 0) { \
    va_list rest;                               \
    va_start(rest, flags);                      \
    mode = va_arg(rest, mode_t);                \
    va_end(rest);                               \
  }

int open64(const char* path, int flags, ...) {
  MODE(flags, mode)
  return Open("openat64", AT_FDCWD, path, flags, mode);
}

int open(const char* path, int flags, ...) {
  MODE(flags, mode)
  return Open("openat64", AT_FDCWD, path, flags, mode);
}

int openat64(int in, const char* path, int flags, ...) {
  MODE(flags, mode)
  return Open("openat64", in, path, flags, mode);
}

int openat(int in, const char* path, int flags, ...) {
  MODE(flags, mode)
  return Open("openat64", in, path, flags, mode);
}

int statvfs64(const char* path, struct statvfs64* info) {
  const int result = ((int (*)(const char*, struct statvfs64*))Real("statvfs64"))(path, info);
  if (result == 0 && IsBelow(path) && IsFull()) info->f_bfree = info->f_bavail = 0;
  return result;
}

int statvfs(const char* path, struct statvfs* info) {
  const int result = ((int (*)(const char*, struct statvfs*))Real("statvfs"))(path, info);
  if (result == 0 && IsBelow(path) && IsFull()) info->f_bfree = info->f_bavail = 0;
  return result;
}
