#ifndef HOLDFAST_REPLICATION_NODE_SNAPSHOT_FILE_H_
#define HOLDFAST_REPLICATION_NODE_SNAPSHOT_FILE_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "holdfast/v1/peer.pb.h"
#include "server/base/file.h"
#include "server/base/position.h"
#include "server/crypto/key_ring.h"

namespace holdfast::replication {

inline constexpr size_t kSnapshotChunkBytes = 256 * 1024;

// The byte stream of a snapshot in a file: changes, each behind its size (4 bytes, big-endian), of
// which later ones win. Chunks are chained: chain = SHA-256(chain before, chunk); the MAC at the
// end is over the header, the size and the chain (docs/formats/stream.md). Secrets in it are
// sealed, as in the rows.
//
// Threading   Thread-compatible; ReadAt and MacOf from any thread once it is finished.
// Failure     RESOURCE_EXHAUSTED: no room on the disk.
class SnapshotFile {
 public:
  // Without a name: it goes with the process.
  static absl::StatusOr<SnapshotFile> Make(const std::string& folder);
  static absl::StatusOr<SnapshotFile> Create(const std::string& path);
  // What is there up to the last whole chunk; the rest is cut. Reads all of it, for the chain.
  static absl::StatusOr<SnapshotFile> Reopen(const std::string& path);

  // ---- Writing. Chunks but the last are kSnapshotChunkBytes long.
  absl::Status AddChange(const v1::RowChange& change);
  absl::Status Finish();  // the last chunk
  absl::Status AddChunk(std::string_view chunk);

  // ---- Reading.
  uint64_t bytes() const { return bytes_; }
  absl::StatusOr<std::string> ReadAt(uint64_t offset, size_t size) const;

  Digest MacOf(const v1::SnapshotBegin& begin, const crypto::KeyRing& keys) const;

 private:
  explicit SnapshotFile(UniqueFd fd) : fd_(std::move(fd)) {}
  UniqueFd fd_;
  uint64_t bytes_ = 0;
  Digest chain_{};
  std::string buffer_;  // not a whole chunk yet
};

// The changes in a byte stream that comes in pieces.
//
// Failure     DATA_LOSS: what came cannot be such a stream.
class ChangeParser {
 public:
  using Each = absl::FunctionRef<absl::Status(v1::RowChange&)>;
  absl::Status Take(std::string_view piece, Each each);
  absl::Status End() const;  // no change is cut off

 private:
  std::string rest_;
};

// RESOURCE_EXHAUSTED when the folder's file system has not `bytes` free, and some more
// for everything else that is written there.
absl::Status CheckRoomFor(uint64_t bytes, const std::string& folder);

}  // namespace holdfast::replication

#endif  // HOLDFAST_REPLICATION_NODE_SNAPSHOT_FILE_H_
