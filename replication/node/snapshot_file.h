#ifndef HOLDFAST_REPLICATION_NODE_SNAPSHOT_FILE_H_
#define HOLDFAST_REPLICATION_NODE_SNAPSHOT_FILE_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "holdfast/v1/peer.pb.h"
#include "replication/ledger/ledger.h"
#include "server/base/file.h"
#include "server/crypto/key_ring.h"

namespace holdfast::replication {

inline constexpr size_t kSnapshotChunkBytes = 256 * 1024;

// A snapshot on the way, in a file without a name: it goes with the process. Its bytes are rows,
// each behind its size (4 bytes, big-endian), in the order of table and key. Chunks are chained:
// chain = SHA-256(chain before, chunk); the MAC at the end is over the header, the size and the
// chain (docs/formats/stream.md). Secrets in it are sealed, as in the rows.
//
// Threading   Thread-compatible.
class SnapshotFile {
 public:
  static absl::StatusOr<SnapshotFile> Make(const std::string& folder);

  // ---- Writing. Chunks but the last are kSnapshotChunkBytes long.
  absl::Status AddRow(const v1::Row& row);
  absl::Status FinishRows();  // the last chunk
  absl::Status AddChunk(std::string_view chunk);

  // ---- Reading.
  uint64_t bytes() const { return bytes_; }
  absl::StatusOr<std::string> ReadAt(uint64_t offset, size_t size) const;
  // The rows from the beginning on; nullopt at the end.
  absl::StatusOr<std::optional<v1::Row>> NextRow();

  Digest MacOf(const v1::SnapshotBegin& begin, const crypto::KeyRing& keys) const;

 private:
  explicit SnapshotFile(UniqueFd fd) : fd_(std::move(fd)) {}
  UniqueFd fd_;
  uint64_t bytes_ = 0;
  Digest chain_{};
  std::string buffer_;    // being written, or read ahead
  size_t buffer_at_ = 0;  // of reading
  uint64_t read_at_ = 0;
};

}  // namespace holdfast::replication

#endif  // HOLDFAST_REPLICATION_NODE_SNAPSHOT_FILE_H_
