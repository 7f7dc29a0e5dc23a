#include "server/storage/sqlite/wal_room.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "server/base/status_macros.h"

namespace holdfast::storage::sqlite {

absl::Status WalRoom::Open() {
  if (fd_.valid()) return absl::OkStatus();
  fd_ = UniqueFd(open(path_.c_str(), O_WRONLY | O_CLOEXEC));
  return fd_.valid() ? absl::OkStatus() : ErrnoStatus("open " + path_);
}

absl::StatusOr<uint64_t> WalRoom::Size() {
  HOLDFAST_RETURN_IF_ERROR(Open());
  struct stat file {};
  if (fstat(fd_.get(), &file) != 0) return ErrnoStatus("stat " + path_);
  return static_cast<uint64_t>(file.st_size);
}

absl::StatusOr<bool> WalRoom::IsShort(uint64_t used_bytes) {
  HOLDFAST_ASSIGN_OR_RETURN(const uint64_t size, Size());
  return size < std::min(used_bytes + kAheadBytes, bytes_max_);
}

absl::Status WalRoom::Grow() {
  HOLDFAST_ASSIGN_OR_RETURN(const uint64_t size, Size());
  if (size >= bytes_max_) return absl::OkStatus();
  const std::string zeroes(std::min(kStepBytes, bytes_max_ - size), '\0');
  const ssize_t n = pwrite(fd_.get(), zeroes.data(), zeroes.size(), static_cast<off_t>(size));
  if (n >= 0 || errno == ENOSPC || errno == EDQUOT || errno == EFBIG) return absl::OkStatus();
  return ErrnoStatus("write zeroes to " + path_);
}

absl::Status WalRoom::Sync() {
  if (fdatasync(fd_.get()) == 0) return absl::OkStatus();
  return absl::DataLossError(ErrnoStatus("fdatasync " + path_).message());
}

}  // namespace holdfast::storage::sqlite
