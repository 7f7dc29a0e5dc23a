#include "server/audit/segment_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <filesystem>
#include <system_error>

#include "server/base/status_macros.h"

namespace holdfast::audit {
namespace {

constexpr std::string_view kSuffix = ".segment";
constexpr size_t kNameDigits = 20;
constexpr size_t kReadAheadBytes = 256 * 1024;
constexpr size_t kZeroChunkBytes = 1024 * 1024;

std::optional<uint64_t> FirstOfName(std::string_view name) {
  uint64_t first = 0;
  if (name.size() != kNameDigits + kSuffix.size() || !name.ends_with(kSuffix)) return std::nullopt;
  const char* const end = name.data() + kNameDigits;
  const auto [stopped, error] = std::from_chars(name.data(), end, first);
  if (error != std::errc() || stopped != end) return std::nullopt;
  return first;
}

absl::StatusOr<std::vector<uint64_t>> FirstsIn(const std::string& folder) {
  std::vector<uint64_t> firsts;
  std::error_code error;
  std::filesystem::directory_iterator entries(folder, error);
  for (; !error && entries != std::filesystem::directory_iterator(); entries.increment(error)) {
    const std::optional<uint64_t> first = FirstOfName(entries->path().filename().string());
    if (first.has_value()) firsts.push_back(*first);
  }
  if (error) return absl::InternalError(fmt::format("list {}: {}", folder, error.message()));
  std::sort(firsts.begin(), firsts.end());
  return firsts;
}

absl::StatusOr<uint64_t> SizeOf(int fd, const std::string& path) {
  struct stat info {};
  if (fstat(fd, &info) != 0) return ErrnoStatus("stat " + path);
  return static_cast<uint64_t>(info.st_size);
}

// What is wrong with a header whose MAC is right.
absl::Status CheckHeader(const SegmentHeader& header, uint64_t first, const std::string& node_id,
                         uint64_t file_bytes, const Segment* previous) {
  if (header.node_id != node_id) {
    return absl::FailedPreconditionError(
        fmt::format("the journal of node {}, expected {}", header.node_id, node_id));
  }
  if (header.first != first) {
    return absl::DataLossError(fmt::format("begins with record {}, not its name's", header.first));
  }
  if (header.segment_bytes != file_bytes) {
    return absl::DataLossError(
        fmt::format("cut: {} bytes, expected {}", file_bytes, header.segment_bytes));
  }
  if (previous != nullptr && header.previous_first != previous->header.first) {
    return absl::DataLossError(
        fmt::format("the segment before it, with record {}, is missing", header.previous_first));
  }
  return absl::OkStatus();
}

absl::Status WithPath(const absl::Status& status, const std::string& path) {
  return {status.code(), fmt::format("{}: {}", path, std::string(status.message()))};
}

absl::StatusOr<SegmentHeader> ReadHeader(int fd, const std::string& path, uint64_t first,
                                         const std::string& node_id, const Segment* previous,
                                         const crypto::Mac& mac) {
  HOLDFAST_ASSIGN_OR_RETURN(const uint64_t file_bytes, SizeOf(fd, path));
  HOLDFAST_ASSIGN_OR_RETURN(const std::string bytes, ReadAt(fd, 0, kSegmentHeaderBytes, path));
  const absl::StatusOr<SegmentHeader> header = DecodeHeader(bytes, mac);
  if (!header.ok()) return WithPath(header.status(), path);
  const absl::Status checked = CheckHeader(*header, first, node_id, file_bytes, previous);
  if (!checked.ok()) return WithPath(checked, path);
  return *header;
}

absl::Status FillWithZeroes(int fd, uint64_t bytes, const std::string& path) {
  // posix_fallocate first: a full disk is then known before anything is written.
  const int error = posix_fallocate(fd, 0, static_cast<off_t>(bytes));
  if (error != 0) {
    errno = error;
    return ErrnoStatus(fmt::format("allocate {} bytes for {}", bytes, path));
  }
  // Blocks that were only allocated cost a transaction of the file system at their first write.
  const std::string zeroes(static_cast<size_t>(std::min<uint64_t>(bytes, kZeroChunkBytes)), '\0');
  for (uint64_t offset = 0; offset < bytes; offset += zeroes.size()) {
    const size_t step = static_cast<size_t>(std::min<uint64_t>(zeroes.size(), bytes - offset));
    HOLDFAST_RETURN_IF_ERROR(WriteAt(fd, std::string_view(zeroes).substr(0, step), offset, path));
  }
  if (fsync(fd) != 0) return ErrnoStatus("fsync " + path);
  return absl::OkStatus();
}

}  // namespace

std::string SegmentPath(const std::string& folder, uint64_t first) {
  return fmt::format("{}/{:020}{}", folder, first, kSuffix);
}

std::string SparePath(const std::string& folder) { return folder + "/spare"; }

std::string SpareInTheMakingPath(const std::string& folder) { return SparePath(folder) + ".new"; }

absl::Status WriteAt(int fd, std::string_view bytes, uint64_t offset, const std::string& path) {
  while (!bytes.empty()) {
    const ssize_t n = pwrite(fd, bytes.data(), bytes.size(), static_cast<off_t>(offset));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return ErrnoStatus("write " + path);
    bytes.remove_prefix(static_cast<size_t>(n));
    offset += static_cast<uint64_t>(n);
  }
  return absl::OkStatus();
}

absl::StatusOr<std::string> ReadAt(int fd, uint64_t offset, size_t bytes, const std::string& path) {
  std::string out(bytes, '\0');
  size_t done = 0;
  while (done < bytes) {
    const ssize_t n = pread(fd, out.data() + done, bytes - done, static_cast<off_t>(offset + done));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return ErrnoStatus("read " + path);
    if (n == 0) break;
    done += static_cast<size_t>(n);
  }
  out.resize(done);
  return out;
}

absl::Status Sync(int fd, const std::string& path) {
  if (fdatasync(fd) != 0) return ErrnoStatus("fdatasync " + path);
  return absl::OkStatus();
}

absl::StatusOr<UniqueFd> OpenFile(const std::string& path, int flags) {
  UniqueFd fd(open(path.c_str(), flags | O_CLOEXEC, 0600));
  if (!fd.valid()) return ErrnoStatus("open " + path);
  return fd;
}

absl::Status MakeSpareFile(const std::string& folder, uint64_t bytes) {
  const std::string path = SparePath(folder);
  const std::string making = SpareInTheMakingPath(folder);
  // What is there keeps its blocks: on a full disk they could not be had again.
  HOLDFAST_ASSIGN_OR_RETURN(const UniqueFd fd, OpenFile(making, O_RDWR | O_CREAT));
  HOLDFAST_ASSIGN_OR_RETURN(const uint64_t old_bytes, SizeOf(fd.get(), making));
  if (old_bytes > bytes && ftruncate(fd.get(), static_cast<off_t>(bytes)) != 0) {
    return ErrnoStatus("cut " + making);
  }
  const absl::Status filled = FillWithZeroes(fd.get(), bytes, making);
  if (!filled.ok()) {
    if (old_bytes < bytes) unlink(making.c_str());
    return filled;
  }
  if (rename(making.c_str(), path.c_str()) != 0) return ErrnoStatus("rename " + making);
  return FsyncFolder(folder);
}

absl::StatusOr<SegmentList> ListSegments(const std::string& folder, const std::string& node_id,
                                         const crypto::Mac& mac) {
  SegmentList list;
  HOLDFAST_ASSIGN_OR_RETURN(const std::vector<uint64_t> firsts, FirstsIn(folder));
  for (const uint64_t first : firsts) {
    const std::string path = SegmentPath(folder, first);
    HOLDFAST_ASSIGN_OR_RETURN(const UniqueFd fd, OpenFile(path, O_RDONLY));
    const Segment* previous = list.segments.empty() ? nullptr : &list.segments.back();
    absl::StatusOr<SegmentHeader> header =
        ReadHeader(fd.get(), path, first, node_id, previous, mac);
    if (!header.ok()) {
      list.problem = SegmentList::Problem{.number = first, .status = header.status()};
      break;
    }
    list.segments.push_back(Segment{.path = path, .header = *std::move(header)});
  }
  return list;
}

absl::StatusOr<std::string> ReadSegment(const Segment& segment) {
  HOLDFAST_ASSIGN_OR_RETURN(const UniqueFd fd, OpenFile(segment.path, O_RDONLY));
  return ReadAt(fd.get(), 0, static_cast<size_t>(segment.header.segment_bytes), segment.path);
}

ChainEnd StartOf(const Segment& segment) {
  return ChainEnd{.number = segment.header.first - 1, .chain = segment.header.previous};
}

absl::StatusOr<std::string_view> FrameReader::Next() {
  if (buffer_.size() - at_ < kFrameHeaderBytes) HOLDFAST_RETURN_IF_ERROR(Fill());
  const std::optional<size_t> bytes = PeekFrameBytes(std::string_view(buffer_).substr(at_));
  if (bytes.has_value() && buffer_.size() - at_ < *bytes) HOLDFAST_RETURN_IF_ERROR(Fill());
  if (!bytes.has_value() || buffer_.size() - at_ < *bytes) {
    return absl::DataLossError(fmt::format("{}: no record at byte {}", path_, offset()));
  }
  const std::string_view frame = std::string_view(buffer_).substr(at_, *bytes);
  at_ += *bytes;
  return frame;
}

absl::Status FrameReader::Fill() {
  buffer_.erase(0, at_);
  offset_ += at_;
  at_ = 0;
  HOLDFAST_ASSIGN_OR_RETURN(const std::string more,
                            ReadAt(fd_, offset_ + buffer_.size(), kReadAheadBytes, path_));
  buffer_ += more;
  return absl::OkStatus();
}

}  // namespace holdfast::audit
