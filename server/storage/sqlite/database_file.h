#ifndef HOLDFAST_SERVER_STORAGE_SQLITE_DATABASE_FILE_H_
#define HOLDFAST_SERVER_STORAGE_SQLITE_DATABASE_FILE_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "server/base/file.h"
#include "server/storage/sqlite/connection.h"
#include "server/storage/sqlite/schema.h"

namespace holdfast::storage::sqlite {

struct OpenedFile {
  UniqueFd lock;  // keep it as long as the database is used
  std::unique_ptr<Connection> connection;
};

// Opens the database at `path`, or creates it whole (made beside, then renamed, mode 0600). Takes
// <path>.lock, so that no second process opens it; checks what the file is, that it is not cut, its
// schema version and, up to `check_bytes_max`, its structure; then brings an older schema up to
// date.
//
// Failure   Nothing was changed. FAILED_PRECONDITION: in use, or a newer schema. DATA_LOSS: not
//           such a file, or damaged; the message names the file and what to do.
absl::StatusOr<OpenedFile> OpenDatabaseFile(const std::string& path, const DatabaseKind& kind,
                                            Connection::Journal journal, uint64_t check_bytes_max);

// RESOURCE_EXHAUSTED, naming both numbers, when the file system of `path` has less.
absl::Status CheckFreeSpace(const std::string& path, uint64_t free_bytes_min);

}  // namespace holdfast::storage::sqlite

#endif  // HOLDFAST_SERVER_STORAGE_SQLITE_DATABASE_FILE_H_
