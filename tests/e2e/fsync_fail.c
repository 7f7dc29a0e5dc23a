// Preloaded into a node: once the file named by FSYNC_FAIL_FILE is there, fsync and fdatasync fail
// with EIO, as a broken disk would. The file's first line narrows that to paths that contain it.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int MustFail(int fd) {
  const char* control = getenv("FSYNC_FAIL_FILE");
  if (control == NULL) return 0;
  const int in = open(control, O_RDONLY | O_CLOEXEC);
  if (in < 0) return 0;
  char part[256] = {0};
  const ssize_t got = read(in, part, sizeof(part) - 1);
  close(in);
  if (got <= 0) return 1;
  part[strcspn(part, "\n")] = '\0';
  char link[64];
  char path[4096] = {0};
  snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
  if (readlink(link, path, sizeof(path) - 1) < 0) return 1;
  return strstr(path, part) != NULL;
}

static int Sync(const char* name, int fd) {
  if (MustFail(fd)) {
    errno = EIO;
    return -1;
  }
  int (*real)(int) = (int (*)(int))dlsym(RTLD_NEXT, name);
  return real(fd);
}

int fsync(int fd) { return Sync("fsync", fd); }
int fdatasync(int fd) { return Sync("fdatasync", fd); }
