#ifndef HOLDFAST_SERVER_STORAGE_SQLITE_WAL_ROOM_H_
#define HOLDFAST_SERVER_STORAGE_SQLITE_WAL_ROOM_H_

#include <cstdint>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/base/file.h"

namespace holdfast::storage::sqlite {

// Zeroes at the end of a WAL, ahead of the frames that SQLite writes into it. A commit that makes
// the file longer waits for its new size too, which on ext4 takes twice as long as the sync of what
// it overwrites. SQLite takes zeroes for the end of the WAL: no frame has their checksum.
//
// Threading   Thread-compatible; Grow only while nothing else writes to the WAL.
// Failure     No room on the disk is no error: the file stays as long as it is.
class WalRoom {
 public:
  // A file of `bytes_max` is long enough.
  WalRoom(std::string path, uint64_t bytes_max) : path_(std::move(path)), bytes_max_(bytes_max) {}

  // Whether `used_bytes` of frames are near the end of the file.
  absl::StatusOr<bool> IsShort(uint64_t used_bytes);
  // One step, of at most kStepBytes, at the end of the file.
  absl::Status Grow();
  // Makes what was grown durable. DATA_LOSS: it may not be, and nor may any frame.
  absl::Status Sync();

  static constexpr uint64_t kStepBytes = 1 << 20;
  static constexpr uint64_t kAheadBytes = 16 * kStepBytes;

 private:
  absl::Status Open();
  absl::StatusOr<uint64_t> Size();

  const std::string path_;
  const uint64_t bytes_max_;
  UniqueFd fd_;
};

}  // namespace holdfast::storage::sqlite

#endif  // HOLDFAST_SERVER_STORAGE_SQLITE_WAL_ROOM_H_
