#include "replication/node/snapshot_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/statvfs.h>
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
constexpr uint64_t kFreeBytesMin = 96ULL << 20;  // above what the stores leave free themselves

void AppendSize(uint32_t size, std::string& to) {
  for (size_t i = 0; i < kSizeBytes; ++i) {
    to.push_back(static_cast<char>((size >> (8 * (kSizeBytes - 1 - i))) & 0xff));
  }
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

absl::StatusOr<SnapshotFile> SnapshotFile::Create(const std::string& path) {
  UniqueFd fd(open(path.c_str(), O_CREAT | O_TRUNC | O_RDWR | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!fd.valid()) return ErrnoStatus(path);
  return SnapshotFile(std::move(fd));
}

absl::StatusOr<SnapshotFile> SnapshotFile::Reopen(const std::string& path) {
  UniqueFd fd(open(path.c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW));
  if (!fd.valid()) return ErrnoStatus(path);
  const off_t size = lseek(fd.get(), 0, SEEK_END);
  if (size < 0) return ErrnoStatus(path);
  const uint64_t whole = static_cast<uint64_t>(size) / kSnapshotChunkBytes * kSnapshotChunkBytes;
  if (ftruncate(fd.get(), static_cast<off_t>(whole)) != 0) return ErrnoStatus(path);
  SnapshotFile file(std::move(fd));
  file.bytes_ = whole;
  for (uint64_t at = 0; at < whole; at += kSnapshotChunkBytes) {
    HOLDFAST_ASSIGN_OR_RETURN(const std::string chunk, file.ReadAt(at, kSnapshotChunkBytes));
    file.chain_ = crypto::Sha256({AsText(file.chain_), chunk});
  }
  return file;
}

absl::Status SnapshotFile::AddChange(const v1::RowChange& change) {
  AppendSize(static_cast<uint32_t>(change.ByteSizeLong()), buffer_);
  change.AppendToString(&buffer_);
  HOLDFAST_CRASH_POINT("snapshot.make.in_rows");
  if (buffer_.size() < kSnapshotChunkBytes) return absl::OkStatus();
  size_t done = 0;
  for (; buffer_.size() - done >= kSnapshotChunkBytes; done += kSnapshotChunkBytes) {
    HOLDFAST_RETURN_IF_ERROR(AddChunk(std::string_view(buffer_).substr(done, kSnapshotChunkBytes)));
  }
  buffer_.erase(0, done);
  return absl::OkStatus();
}

absl::Status SnapshotFile::Finish() {
  if (!buffer_.empty()) HOLDFAST_RETURN_IF_ERROR(AddChunk(buffer_));
  buffer_ = {};
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

Digest SnapshotFile::MacOf(const v1::SnapshotBegin& begin, const crypto::KeyRing& keys) const {
  crypto::Fields fields("holdfast snapshot 3");
  fields.Text(begin.snapshot_id())
      .U64(begin.last_epoch().number())
      .Text(begin.last_epoch().node_id())
      .U64(begin.seq())
      .Text(begin.digest())
      .Text(begin.state_digest())
      .U64(begin.rows())
      .U64(begin.pending() ? 1 : 0)
      .U64(bytes_)
      .Text(AsText(chain_));
  return keys.SnapshotMac().Compute({fields.bytes()});
}

absl::Status ChangeParser::Take(std::string_view piece, Each each) {
  std::string_view bytes = piece;
  if (!rest_.empty()) {
    rest_ += piece;
    bytes = rest_;
  }
  v1::RowChange change;
  while (bytes.size() >= kSizeBytes) {
    const uint32_t size = ReadSize(bytes);
    if (size > limits::kRecordBytesMax) {
      return absl::DataLossError(
          fmt::format("snapshot: expected a change of at most {} bytes, got "
                      "{}",
                      limits::kRecordBytesMax, size));
    }
    if (bytes.size() - kSizeBytes < size) break;
    if (!change.ParseFromArray(bytes.data() + kSizeBytes, static_cast<int>(size))) {
      return absl::DataLossError("the snapshot holds what is not a change of a row");
    }
    HOLDFAST_RETURN_IF_ERROR(each(change));
    bytes.remove_prefix(kSizeBytes + size);
  }
  rest_ = std::string(bytes);
  return absl::OkStatus();
}

absl::Status ChangeParser::End() const {
  if (rest_.empty()) return absl::OkStatus();
  return absl::DataLossError("the snapshot ends within a change");
}

absl::Status CheckRoomFor(uint64_t bytes, const std::string& folder) {
  struct statvfs info {};
  if (statvfs(folder.c_str(), &info) != 0) return ErrnoStatus("ask for free space in " + folder);
  const uint64_t free_bytes = static_cast<uint64_t>(info.f_bavail) * info.f_frsize;
  if (free_bytes >= bytes + kFreeBytesMin) return absl::OkStatus();
  return absl::ResourceExhaustedError(
      fmt::format("a snapshot needs {} bytes in {}, where {} are free and {} must stay so", bytes,
                  folder, free_bytes, kFreeBytesMin));
}

}  // namespace holdfast::replication
