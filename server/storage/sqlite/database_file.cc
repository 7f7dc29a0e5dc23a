#include "server/storage/sqlite/database_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "server/base/status_macros.h"
#include "server/storage/store.h"

namespace holdfast::storage::sqlite {
namespace {

constexpr size_t kHeaderBytes = 100;  // https://www.sqlite.org/fileformat.html section 1.3
constexpr uint64_t kPageBytes = 4096;
constexpr uint64_t kOpenBytesMin = 1 << 20;
constexpr std::string_view kMagic("SQLite format 3\0", 16);

uint32_t BigEndian(std::string_view bytes, size_t at, size_t size) {
  uint32_t number = 0;
  for (size_t i = 0; i < size; ++i) number = number << 8 | static_cast<uint8_t>(bytes[at + i]);
  return number;
}

absl::Status Damaged(const std::string& path, const DatabaseKind& kind, std::string_view what) {
  return absl::DataLossError(fmt::format("{}: {}; {}", path, what, kind.next_step));
}

absl::StatusOr<UniqueFd> TakeLock(const std::string& path) {
  const std::string lock_path = path + ".lock";
  UniqueFd fd(open(lock_path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (!fd.valid()) return ErrnoStatus("open " + lock_path);
  if (flock(fd.get(), LOCK_EX | LOCK_NB) == 0) return fd;
  if (errno != EWOULDBLOCK) return ErrnoStatus("lock " + lock_path);
  return absl::FailedPreconditionError(
      fmt::format("{}: in use by another process; stop it first", path));
}

// The file's size, or nothing when it is not there.
absl::StatusOr<std::optional<uint64_t>> SizeOf(const std::string& path) {
  struct stat info {};
  if (stat(path.c_str(), &info) == 0) return static_cast<uint64_t>(info.st_size);
  if (errno == ENOENT) return std::optional<uint64_t>();
  return ErrnoStatus("stat " + path);
}

absl::Status CheckHeader(const std::string& path, const DatabaseKind& kind, uint64_t file_bytes,
                         bool wal_is_empty) {
  std::string header(kHeaderBytes, '\0');
  {
    // Closing a descriptor drops the process's locks on the file, so this comes before SQLite.
    UniqueFd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (!fd.valid()) return ErrnoStatus("open " + path);
    const ssize_t n = pread(fd.get(), header.data(), header.size(), 0);
    if (n < 0) return ErrnoStatus("read " + path);
    header.resize(static_cast<size_t>(n));
  }
  if (header.size() < kHeaderBytes) {
    return Damaged(path, kind, fmt::format("cut: it has {} bytes only", file_bytes));
  }
  if (std::string_view(header).substr(0, kMagic.size()) != kMagic) {
    return Damaged(path, kind, fmt::format("not a {} of holdfast: not a SQLite file", kind.name));
  }
  if (BigEndian(header, 68, 4) != kind.application_id) {
    return Damaged(path, kind,
                   fmt::format("not a {} of holdfast: application id {:#x}, expected {:#x}",
                               kind.name, BigEndian(header, 68, 4), kind.application_id));
  }
  if (BigEndian(header, 16, 2) != kPageBytes) {
    return Damaged(
        path, kind,
        fmt::format("pages of {} bytes, expected {}", BigEndian(header, 16, 2), kPageBytes));
  }
  // SQLite would open such a file for reading, and fail at the first write.
  if (BigEndian(header, 18, 1) > 2 || BigEndian(header, 19, 1) > 2) {
    return Damaged(path, kind,
                   fmt::format("file format {}.{}, expected at most 2.2", BigEndian(header, 18, 1),
                               BigEndian(header, 19, 1)));
  }
  // With frames in the WAL the file may legitimately lag behind: a crash during a checkpoint.
  const uint64_t expected = BigEndian(header, 28, 4) * kPageBytes;
  if (wal_is_empty && file_bytes < expected) {
    return Damaged(path, kind, fmt::format("cut: {} bytes, expected {}", file_bytes, expected));
  }
  return absl::OkStatus();
}

absl::Status Migrate(Connection& connection, const DatabaseKind& kind, uint64_t from) {
  for (uint64_t version = from; version < kind.newest_schema(); ++version) {
    bool commit_failed = false;
    HOLDFAST_RETURN_IF_ERROR(connection.Transact(
        [&]() -> absl::Status {
          HOLDFAST_RETURN_IF_ERROR(connection.Execute(std::string(kind.migrations[version])));
          return connection.Execute(fmt::format("PRAGMA user_version={}", version + 1));
        },
        &commit_failed));
  }
  return absl::OkStatus();
}

// All of it or nothing: a crash leaves at most <path>.new, which the next try removes.
absl::Status Create(const std::string& path, const DatabaseKind& kind) {
  const std::string temporary = path + ".new";
  for (const char* suffix : {"", "-wal", "-shm", "-journal"}) {
    if (unlink((temporary + suffix).c_str()) != 0 && errno != ENOENT) {
      return ErrnoStatus("remove " + temporary + suffix);
    }
  }
  HOLDFAST_RETURN_IF_ERROR(WriteFileOnce(temporary, "", 0600));
  {
    HOLDFAST_ASSIGN_OR_RETURN(std::unique_ptr<Connection> connection,
                              Connection::Open(temporary, Connection::Journal::kNone));
    HOLDFAST_RETURN_IF_ERROR(
        connection->Execute(fmt::format("PRAGMA page_size={}; PRAGMA application_id={};",
                                        kPageBytes, static_cast<int32_t>(kind.application_id))));
    HOLDFAST_RETURN_IF_ERROR(Migrate(*connection, kind, 0));
    HOLDFAST_ASSIGN_OR_RETURN(const std::string mode,
                              connection->ReadText("PRAGMA journal_mode=WAL"));
    if (mode != "wal") {
      return absl::FailedPreconditionError(
          fmt::format("{}: this file system cannot hold a WAL, got mode {}", path, mode));
    }
    HOLDFAST_RETURN_IF_ERROR(connection->Checkpoint(CheckpointMode::kTruncate).status());
  }
  for (const char* suffix : {"-wal", "-shm"}) unlink((temporary + suffix).c_str());
  if (rename(temporary.c_str(), path.c_str()) != 0) return ErrnoStatus("rename " + temporary);
  const size_t slash = path.rfind('/');
  return FsyncFolder(slash == std::string::npos ? "." : path.substr(0, slash + 1));
}

absl::Status CheckStructure(Connection& connection, const DatabaseKind& kind) {
  const absl::StatusOr<std::string> answer = connection.ReadText("PRAGMA quick_check(1)");
  if (answer.ok() && *answer == "ok") return absl::OkStatus();
  return Damaged(
      connection.path(), kind,
      fmt::format("damaged: {}", answer.ok() ? *answer : std::string(answer.status().message())));
}

}  // namespace

absl::StatusOr<OpenedFile> OpenDatabaseFile(const std::string& path, const DatabaseKind& kind,
                                            Connection::Journal journal, uint64_t check_bytes_max) {
  OpenedFile opened;
  HOLDFAST_ASSIGN_OR_RETURN(opened.lock, TakeLock(path));
  HOLDFAST_ASSIGN_OR_RETURN(std::optional<uint64_t> size, SizeOf(path));
  HOLDFAST_ASSIGN_OR_RETURN(const std::optional<uint64_t> wal_size, SizeOf(path + "-wal"));
  if (!size.has_value()) {
    if (wal_size.has_value()) {
      return Damaged(path, kind, fmt::format("not there, but {}-wal is", path));
    }
    HOLDFAST_RETURN_IF_ERROR(Create(path, kind));
    HOLDFAST_ASSIGN_OR_RETURN(size, SizeOf(path));
  }
  HOLDFAST_RETURN_IF_ERROR(CheckHeader(path, kind, size.value_or(0), wal_size.value_or(0) == 0));
  absl::StatusOr<std::unique_ptr<Connection>> connection = Connection::Open(path, journal);
  // The memory that connections share lies in a file, too: without room for it nothing is damaged.
  if (!connection.ok()) HOLDFAST_RETURN_IF_ERROR(CheckFreeSpace(path, kOpenBytesMin));
  if (!connection.ok() && connection.status().code() == absl::StatusCode::kDataLoss) {
    return Damaged(path, kind, std::string(connection.status().message()));
  }
  HOLDFAST_RETURN_IF_ERROR(connection.status());
  opened.connection = *std::move(connection);
  HOLDFAST_ASSIGN_OR_RETURN(const int64_t version,
                            opened.connection->ReadInt("PRAGMA user_version"));
  // A negative number can only be damage; as unsigned it is refused like a newer one.
  HOLDFAST_RETURN_IF_ERROR(
      CheckSchemaVersion(static_cast<uint32_t>(version), kind.newest_schema(), path));
  if (*size + wal_size.value_or(0) <= check_bytes_max) {
    HOLDFAST_RETURN_IF_ERROR(CheckStructure(*opened.connection, kind));
  }
  HOLDFAST_RETURN_IF_ERROR(Migrate(*opened.connection, kind, static_cast<uint64_t>(version)));
  return opened;
}

absl::Status CheckFreeSpace(const std::string& path, uint64_t free_bytes_min) {
  struct statvfs info {};
  const std::string folder = path.substr(0, path.rfind('/') + 1);
  if (statvfs(folder.empty() ? "." : folder.c_str(), &info) != 0) {
    return ErrnoStatus("ask for free space at " + path);
  }
  const uint64_t free_bytes = static_cast<uint64_t>(info.f_bavail) * info.f_frsize;
  if (free_bytes >= free_bytes_min) return absl::OkStatus();
  return absl::ResourceExhaustedError(
      fmt::format("{}: {} bytes are free on its file system, expected at least {}", path,
                  free_bytes, free_bytes_min));
}

}  // namespace holdfast::storage::sqlite
