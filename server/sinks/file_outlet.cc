#include "server/sinks/file_outlet.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <vector>

#include "server/base/status_macros.h"
#include "server/sinks/json_line.h"

namespace holdfast::sinks {

bool FileOutlet::StillThere() const {
  struct stat named {};
  struct stat opened {};
  return stat(path_.c_str(), &named) == 0 && fstat(fd_.get(), &opened) == 0 &&
         named.st_dev == opened.st_dev && named.st_ino == opened.st_ino;
}

absl::Status FileOutlet::Open() {
  if (fd_.valid() && !reopen_.exchange(false) && StillThere()) return absl::OkStatus();
  // Readable too: whether the last line is whole. Without waiting: it may be a pipe.
  fd_ = UniqueFd(
      open(path_.c_str(), O_RDWR | O_APPEND | O_CREAT | O_NONBLOCK | O_NOCTTY | O_CLOEXEC, 0600));
  if (!fd_.valid()) return ErrnoStatus("open " + path_);
  torn_ = false;
  struct stat info {};
  if (fstat(fd_.get(), &info) != 0) return ErrnoStatus("stat " + path_);
  char last = '\n';
  if (S_ISREG(info.st_mode) && info.st_size > 0 &&
      pread(fd_.get(), &last, 1, info.st_size - 1) != 1) {
    return ErrnoStatus("read " + path_);
  }
  torn_ = last != '\n';
  return absl::OkStatus();
}

absl::StatusOr<size_t> FileOutlet::Append(std::string_view bytes) {
  size_t done = 0;
  while (done < bytes.size()) {
    const ssize_t n = write(fd_.get(), bytes.data() + done, bytes.size() - done);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && (errno == EAGAIN || done > 0)) break;  // The next try says what is wrong.
    if (n < 0) return ErrnoStatus("write " + path_);
    done += static_cast<size_t>(n);
  }
  return done;
}

absl::StatusOr<size_t> FileOutlet::Write(const v1::AuditRecords& records) {
  HOLDFAST_RETURN_IF_ERROR(Open());
  std::string bytes = torn_ ? "\n" : "";
  std::vector<size_t> ends;  // behind each line
  for (const v1::AuditRecord& record : records.records()) {
    bytes += JsonLine(record) + "\n";
    ends.push_back(bytes.size());
  }
  HOLDFAST_ASSIGN_OR_RETURN(const size_t done, Append(bytes));
  if (done == 0) return 0;
  size_t taken = 0;
  while (taken < ends.size() && ends[taken] <= done) ++taken;
  torn_ = bytes[done - 1] != '\n';
  return taken;
}

absl::Status FileOutlet::WriteGap(const std::string& node_id, uint64_t first, uint64_t last) {
  HOLDFAST_RETURN_IF_ERROR(Open());
  const std::string line = (torn_ ? "\n" : "") + JsonGap(node_id, first, last) + "\n";
  HOLDFAST_ASSIGN_OR_RETURN(const size_t done, Append(line));
  if (done > 0) torn_ = line[done - 1] != '\n';
  if (done == line.size()) return absl::OkStatus();
  return absl::UnavailableError(path_ + ": takes nothing now");
}

absl::Status FileOutlet::Sync() {
  if (!fd_.valid() || fdatasync(fd_.get()) == 0) return absl::OkStatus();
  if (errno == EINVAL || errno == EROFS) return absl::OkStatus();  // a pipe, a device
  return ErrnoStatus("fdatasync " + path_);
}

}  // namespace holdfast::sinks
