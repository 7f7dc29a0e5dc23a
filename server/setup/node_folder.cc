#include "server/setup/node_folder.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>

#include <cerrno>
#include <filesystem>
#include <utility>

#include "fmt/format.h"
#include "server/base/file.h"
#include "server/base/status_macros.h"
#include "server/crypto/seal.h"

namespace holdfast::setup {
namespace {

constexpr char kUnfinishedText[] =
    "holdfast init or join is at work here, or ended before it was done.\n"
    "Nothing in this folder counts; the next init or join starts over.\n";

// What a file system makes by itself at its top.
bool IsIgnored(const std::filesystem::path& entry) { return entry.filename() == "lost+found"; }

absl::Status SystemError(const std::string& what, const std::error_code& error) {
  errno = error.value();
  return ErrnoStatus(what);
}

// All but the mark.
absl::Status RemoveLeftovers(const std::string& path) {
  std::error_code error;
  std::filesystem::directory_iterator entries(path, error);
  if (error) return SystemError(path, error);
  for (const auto& entry : entries) {
    if (IsIgnored(entry.path()) || entry.path().filename() == kUnfinishedFile) continue;
    std::filesystem::remove_all(entry.path(), error);
    if (error) return SystemError(entry.path().string(), error);
  }
  return absl::OkStatus();
}

absl::Status CheckEmpty(const std::string& path) {
  std::error_code error;
  std::filesystem::directory_iterator entries(path, error);
  if (error) return SystemError(path, error);
  for (const auto& entry : entries) {
    if (IsIgnored(entry.path())) continue;
    if (FileExists(PathIn(path, kStoreFile)) || FileExists(PathIn(path, crypto::kSealedRootFile))) {
      return absl::AlreadyExistsError(
          fmt::format("{}: a node is there already; start it with holdfastd, or name another "
                      "folder with --data",
                      path));
    }
    return absl::AlreadyExistsError(fmt::format(
        "{}: expected no folder or an empty one, found {}; name another folder with --data", path,
        entry.path().filename().string()));
  }
  return absl::OkStatus();
}

}  // namespace

std::string PathIn(const std::string& folder, const std::string& name) {
  return fmt::format("{}/{}", folder, name);
}

absl::StatusOr<NewNodeFolder> NewNodeFolder::Make(const std::string& path) {
  const bool made = !FileExists(path);
  if (made) HOLDFAST_RETURN_IF_ERROR(MakeFolder(path, 0700));
  const std::string mark = PathIn(path, kUnfinishedFile);
  if (!FileExists(mark)) {
    HOLDFAST_RETURN_IF_ERROR(CheckEmpty(path));
    HOLDFAST_RETURN_IF_ERROR(WriteFileOnce(mark, kUnfinishedText, 0600));
  }
  UniqueFd lock(open(mark.c_str(), O_RDWR | O_CLOEXEC));
  if (!lock.valid()) return ErrnoStatus(mark);
  if (flock(lock.get(), LOCK_EX | LOCK_NB) != 0) {
    return absl::FailedPreconditionError(
        fmt::format("{}: another init or join is at work there", path));
  }
  HOLDFAST_RETURN_IF_ERROR(RemoveLeftovers(path));
  if (chmod(path.c_str(), 0700) != 0) return ErrnoStatus(path);
  return NewNodeFolder(path, made, std::move(lock));
}

NewNodeFolder::NewNodeFolder(NewNodeFolder&& other) noexcept
    : path_(std::exchange(other.path_, std::string())),
      made_(other.made_),
      mark_(std::move(other.mark_)) {}

NewNodeFolder::~NewNodeFolder() {
  if (path_.empty()) return;
  // Nobody is left to hear of an error; what stays is marked, and swept by the next call. The mark
  // goes last: a sweep that is cut short must be known as one.
  if (!RemoveLeftovers(path_).ok()) return;
  std::error_code ignored;
  std::filesystem::remove(PathIn(path_, kUnfinishedFile), ignored);
  if (made_) std::filesystem::remove(path_, ignored);
}

absl::Status NewNodeFolder::Finish() {
  HOLDFAST_RETURN_IF_ERROR(FsyncFolder(path_));
  std::error_code error;
  std::filesystem::remove(PathIn(path_, kUnfinishedFile), error);
  if (error) return SystemError(PathIn(path_, kUnfinishedFile), error);
  const std::string path = std::exchange(path_, std::string());
  return FsyncFolder(path);
}

absl::Status CheckNodeFolder(const std::string& path, StoreIs store) {
  constexpr char kHowTo[] = "make a node there with holdfast init or holdfast join";
  if (!FileExists(path)) {
    return absl::FailedPreconditionError(fmt::format("{}: no such folder; {}", path, kHowTo));
  }
  if (FileExists(PathIn(path, kUnfinishedFile))) {
    return absl::FailedPreconditionError(
        fmt::format("{}: init or join did not finish here; run it again", path));
  }
  const bool has_root = FileExists(PathIn(path, crypto::kSealedRootFile));
  const bool has_store =
      store == StoreIs::kElsewhere ? has_root : FileExists(PathIn(path, kStoreFile));
  if (has_store && has_root) return absl::OkStatus();
  if (!has_store && !has_root) {
    return absl::FailedPreconditionError(
        fmt::format("{}: not the folder of a node; {}", path, kHowTo));
  }
  return absl::DataLossError(fmt::format(
      "{}: not there, though {} is; restore the node's backup, or let this node join again with an "
      "empty folder",
      PathIn(path, has_root ? kStoreFile : crypto::kSealedRootFile),
      has_root ? crypto::kSealedRootFile : kStoreFile));
}

}  // namespace holdfast::setup
