#include "tests/unit/server/audit/disk_faults.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace holdfast::audit {

DiskFaults& Disk() {
  static DiskFaults faults;
  return faults;
}

}  // namespace holdfast::audit

extern "C" int fdatasync(int fd) {
  holdfast::audit::DiskFaults& disk = holdfast::audit::Disk();
  ++disk.syncs;
  disk.sync_waits.wait(true);
  if (disk.sync_fails) {
    errno = EIO;
    return -1;
  }
  return static_cast<int>(syscall(SYS_fdatasync, fd));
}

extern "C" int posix_fallocate(int fd, off_t offset, off_t bytes) {
  struct stat info {};
  const bool has_blocks = fstat(fd, &info) == 0 && info.st_blocks * 512 >= offset + bytes;
  if (holdfast::audit::Disk().full && !has_blocks) return ENOSPC;
  return syscall(SYS_fallocate, fd, 0, offset, bytes) == 0 ? 0 : errno;
}
