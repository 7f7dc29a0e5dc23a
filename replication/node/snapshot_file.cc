#include "replication/node/snapshot_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "server/base/crash_point.h"
#include "server/base/encoding.h"
#include "server/base/limits.h"
#include "server/base/status_macros.h"
#include "server/crypto/fields.h"
#include "server/crypto/hash.h"

namespace holdfast::replication {
namespace {

constexpr size_t kSizeBytes = 4;

std::string SizeOf(uint32_t size) {
  std::string bytes(kSizeBytes, '\0');
  for (size_t i = 0; i < kSizeBytes; ++i) {
    bytes[i] = static_cast<char>((size >> (8 * (kSizeBytes - 1 - i))) & 0xff);
  }
  return bytes;
}

uint32_t ReadSize(std::string_view bytes) {
  uint32_t size = 0;
  for (size_t i = 0; i < kSizeBytes; ++i) size = size << 8 | static_cast<uint8_t>(bytes[i]);
  return size;
}

}  // namespace

absl::StatusOr<SnapshotFile> SnapshotFile::Make(const std::string& folder) {
  UniqueFd fd(open(folder.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
  if (!fd.valid()) return ErrnoStatus(fmt::format("a snapshot in {}", folder));
  return SnapshotFile(std::move(fd));
}

absl::Status SnapshotFile::AddRow(const v1::Row& row) {
  const std::string bytes = row.SerializeAsString();
  buffer_ += SizeOf(static_cast<uint32_t>(bytes.size()));
  buffer_ += bytes;
  HOLDFAST_CRASH_POINT("snapshot.make.in_rows");
  while (buffer_.size() >= kSnapshotChunkBytes) {
    HOLDFAST_RETURN_IF_ERROR(AddChunk(std::string_view(buffer_).substr(0, kSnapshotChunkBytes)));
    buffer_.erase(0, kSnapshotChunkBytes);
  }
  return absl::OkStatus();
}

absl::Status SnapshotFile::FinishRows() {
  if (!buffer_.empty()) HOLDFAST_RETURN_IF_ERROR(AddChunk(buffer_));
  buffer_.clear();
  return absl::OkStatus();
}

absl::Status SnapshotFile::AddChunk(std::string_view chunk) {
  if (chunk.empty() || chunk.size() > kSnapshotChunkBytes) {
    return absl::InvalidArgumentError(fmt::format(
        "snapshot: expected a chunk of 1 to {} bytes, got {}", kSnapshotChunkBytes, chunk.size()));
  }
  size_t done = 0;
  while (done < chunk.size()) {
    const ssize_t n = pwrite(fd_.get(), chunk.data() + done, chunk.size() - done,
                             static_cast<off_t>(bytes_ + done));
    if (n <= 0) return ErrnoStatus("write of a snapshot");
    done += static_cast<size_t>(n);
  }
  bytes_ += chunk.size();
  chain_ = crypto::Sha256({AsText(chain_), chunk});
  return absl::OkStatus();
}

absl::StatusOr<std::string> SnapshotFile::ReadAt(uint64_t offset, size_t size) const {
  std::string out(std::min<uint64_t>(size, bytes_ - std::min(offset, bytes_)), '\0');
  size_t done = 0;
  while (done < out.size()) {
    const ssize_t n =
        pread(fd_.get(), out.data() + done, out.size() - done, static_cast<off_t>(offset + done));
    if (n <= 0) return ErrnoStatus("read of a snapshot");
    done += static_cast<size_t>(n);
  }
  return out;
}

absl::StatusOr<std::optional<v1::Row>> SnapshotFile::NextRow() {
  const auto need = [this](size_t size) -> absl::Status {
    if (buffer_.size() - buffer_at_ >= size) return absl::OkStatus();
    buffer_.erase(0, buffer_at_);
    buffer_at_ = 0;
    HOLDFAST_ASSIGN_OR_RETURN(const std::string more,
                              ReadAt(read_at_, std::max(size, kSnapshotChunkBytes)));
    read_at_ += more.size();
    buffer_ += more;
    if (buffer_.size() >= size) return absl::OkStatus();
    return absl::DataLossError("the snapshot ends within a row");
  };
  if (buffer_at_ == buffer_.size() && read_at_ == bytes_) return std::optional<v1::Row>();
  HOLDFAST_RETURN_IF_ERROR(need(kSizeBytes));
  const uint32_t size = ReadSize(std::string_view(buffer_).substr(buffer_at_));
  if (size > limits::kRecordBytesMax)
    return absl::DataLossError("the snapshot holds a row too large");
  buffer_at_ += kSizeBytes;
  HOLDFAST_RETURN_IF_ERROR(need(size));
  std::optional<v1::Row> row(std::in_place);
  if (!row->ParseFromArray(buffer_.data() + buffer_at_, static_cast<int>(size))) {
    return absl::DataLossError("the snapshot holds what is not a row");
  }
  buffer_at_ += size;
  return row;
}

Digest SnapshotFile::MacOf(const v1::SnapshotBegin& begin, const crypto::KeyRing& keys) const {
  crypto::Fields fields("holdfast snapshot 1");
  fields.Text(begin.snapshot_id())
      .U64(begin.last_epoch().number())
      .Text(begin.last_epoch().node_id())
      .U64(begin.seq())
      .Text(begin.digest())
      .Text(begin.state_digest())
      .U64(begin.rows())
      .U64(bytes_)
      .Text(AsText(chain_));
  return keys.SnapshotMac().Compute({fields.bytes()});
}

}  // namespace holdfast::replication
