#include "server/audit/journal_folder.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "server/base/check.h"
#include "server/base/status_macros.h"
#include "server/base/utf8.h"

namespace holdfast::audit {
namespace {

constexpr size_t kNodeIdBytesMax = 63;

absl::Status CheckOptions(const JournalOptions& options) {
  if (options.node_id.empty() || options.node_id.size() > kNodeIdBytesMax) {
    return absl::InvalidArgumentError(
        fmt::format("journal: expected a node id of 1 to {} bytes", kNodeIdBytesMax));
  }
  if (options.segment_bytes < kSegmentBytesMin || options.segment_bytes % kFrameAlignment != 0) {
    return absl::InvalidArgumentError(
        fmt::format("journal: expected segments of at least {} bytes, got {}", kSegmentBytesMin,
                    options.segment_bytes));
  }
  if (options.bytes_max < 2 * options.segment_bytes) {
    return absl::InvalidArgumentError(
        fmt::format("journal: expected room for two segments of {} bytes, got {}",
                    options.segment_bytes, options.bytes_max));
  }
  return absl::OkStatus();
}

absl::StatusOr<UniqueFd> TakeLock(const std::string& folder) {
  HOLDFAST_ASSIGN_OR_RETURN(UniqueFd fd, OpenFile(folder + "/lock", O_RDWR | O_CREAT));
  if (flock(fd.get(), LOCK_EX | LOCK_NB) == 0) return fd;
  if (errno != EWOULDBLOCK) return ErrnoStatus("lock " + folder);
  return absl::FailedPreconditionError(folder + ": in use by another process; stop it first");
}

absl::Status Damaged(const std::string& path, uint64_t number, uint64_t byte,
                     std::string_view what) {
  return absl::DataLossError(
      fmt::format("{}: record {} at byte {}: {}; nothing was changed; keep the folder as evidence "
                  "and start with an empty one",
                  path, number, byte, what));
}

// A protobuf text that is not UTF-8 could be written but not read back; names come from strangers.
void EscapeTextsThatAreNotUtf8(v1::AuditRecord& record) {
  const google::protobuf::Descriptor& type = *v1::AuditRecord::descriptor();
  for (int i = 0; i < type.field_count(); ++i) {
    if (type.field(i)->type() != google::protobuf::FieldDescriptor::TYPE_STRING) continue;
    const std::string text = record.GetReflection()->GetString(record, type.field(i));
    if (Utf8Chars(text).has_value()) continue;
    std::string escaped;
    for (const char c : text) {
      const bool ascii = static_cast<unsigned char>(c) < 0x80;
      escaped += ascii ? std::string(1, c) : fmt::format("\\x{:02x}", static_cast<uint8_t>(c));
    }
    record.GetReflection()->SetString(&record, type.field(i), escaped);
  }
}

}  // namespace

absl::StatusOr<std::unique_ptr<JournalFolder>> JournalFolder::Open(const JournalOptions& options,
                                                                   crypto::Mac mac,
                                                                   const Clock& clock) {
  HOLDFAST_RETURN_IF_ERROR(CheckOptions(options));
  std::unique_ptr<JournalFolder> folder(new JournalFolder(options, std::move(mac), clock));
  HOLDFAST_RETURN_IF_ERROR(folder->Start());
  return folder;
}

absl::Status JournalFolder::Start() {
  HOLDFAST_RETURN_IF_ERROR(MakeFolder(options_.path, 0700));
  HOLDFAST_ASSIGN_OR_RETURN(lock_, TakeLock(options_.path));
  HOLDFAST_ASSIGN_OR_RETURN(SegmentList list, ListSegments(options_.path, options_.node_id, mac_));
  if (list.problem.has_value()) return list.problem->status;
  struct stat info {};
  const std::string spare_path = SparePath(options_.path);
  if (stat(spare_path.c_str(), &info) == 0) {
    // A header that an unfinished Activate has left is overwritten by the next.
    const bool fits = static_cast<uint64_t>(info.st_size) == options_.segment_bytes;
    if (!fits && unlink(spare_path.c_str()) != 0) return ErrnoStatus("remove " + spare_path);
    MutexLock lock(mu_);
    spare_ = fits;
  }
  if (!list.segments.empty()) {
    HOLDFAST_RETURN_IF_ERROR(Continue(std::move(list)));
    KeepSpare();
    return absl::OkStatus();
  }
  {
    MutexLock lock(spare_mu_);
    HOLDFAST_RETURN_IF_ERROR(TryMakeSpare());
  }
  HOLDFAST_RETURN_IF_ERROR(Activate());
  KeepSpare();
  return absl::OkStatus();
}

absl::Status JournalFolder::Continue(SegmentList list) {
  const Segment& last = list.segments.back();
  HOLDFAST_ASSIGN_OR_RETURN(const std::string bytes, ReadSegment(last));
  const SegmentScan scan = ScanSegment(bytes, StartOf(last), mac_);
  if (scan.damage.has_value()) {
    return Damaged(last.path, scan.end.number + 1, scan.end_byte, *scan.damage);
  }
  HOLDFAST_ASSIGN_OR_RETURN(fd_, OpenFile(last.path, O_RDWR));
  if (scan.tail) HOLDFAST_RETURN_IF_ERROR(CutTail(fd_.get(), last, scan.end_byte));
  // The last records may have been written, and not synced, by a process that was killed.
  HOLDFAST_RETURN_IF_ERROR(Sync(fd_.get(), last.path));
  offset_ = scan.end_byte;
  end_ = staged_end_ = scan.end;
  MutexLock lock(mu_);
  head_ = end_.number;
  last_used_ = offset_;
  segments_ = std::move(list.segments);
  return absl::OkStatus();
}

// With zeroes: a whole frame of the torn group must not be found behind what is written next.
absl::Status JournalFolder::CutTail(int fd, const Segment& segment, uint64_t from) const {
  const std::string zeroes(static_cast<size_t>(segment.header.segment_bytes - from), '\0');
  return WriteAt(fd, zeroes, from, segment.path);
}

absl::StatusOr<bool> JournalFolder::Stage(v1::AuditRecord& record) {
  record.set_node_id(options_.node_id);
  record.set_number(staged_end_.number + 1);
  record.set_wall_ms(ToMillis(clock_.Wall()));
  EscapeTextsThatAreNotUtf8(record);
  const size_t bytes = record.ByteSizeLong();
  if (bytes > kJournalRecordBytesMax) {
    return absl::InvalidArgumentError(fmt::format("audit record of {} bytes, expected at most {}",
                                                  bytes, kJournalRecordBytesMax));
  }
  const size_t after = staged_.size() + FrameBytes(bytes);
  if (after > kJournalGroupBytesMax) return false;
  // The last segment keeps its own size when the option has changed since.
  uint64_t segment_bytes = 0;
  {
    MutexLock lock(mu_);
    segment_bytes = segments_.back().header.segment_bytes;
  }
  if (offset_ + after > segment_bytes) return false;
  AppendFrame(record.SerializeAsString(), end_.number + 1, mac_, staged_end_, staged_);
  return true;
}

absl::Status JournalFolder::Flush() {
  if (staged_.empty()) return absl::OkStatus();
  HOLDFAST_RETURN_IF_ERROR(WriteAt(fd_.get(), staged_, offset_, options_.path));
  HOLDFAST_RETURN_IF_ERROR(Sync(fd_.get(), options_.path));
  offset_ += staged_.size();
  end_ = staged_end_;
  staged_.clear();
  MutexLock lock(mu_);
  head_ = end_.number;
  last_used_ = offset_;
  return absl::OkStatus();
}

absl::Status JournalFolder::Roll() {
  HOLDFAST_CHECK(staged_.empty());
  KeepSpare();
  {
    MutexLock lock(mu_);
    if (!spare_) {
      full_ = true;
      return cannot_grow_.ok() ? absl::ResourceExhaustedError("no segment is ready") : cannot_grow_;
    }
  }
  return Activate();
}

absl::Status JournalFolder::Activate() {
  Segment next{.path = SegmentPath(options_.path, end_.number + 1),
               .header = {.node_id = options_.node_id,
                          .first = end_.number + 1,
                          .previous_first = 0,
                          .started_ms = ToMillis(clock_.Wall()),
                          .segment_bytes = options_.segment_bytes,
                          .previous = end_.chain}};
  {
    MutexLock lock(mu_);
    if (!segments_.empty()) next.header.previous_first = segments_.back().header.first;
  }
  const std::string spare_path = SparePath(options_.path);
  HOLDFAST_ASSIGN_OR_RETURN(UniqueFd fd, OpenFile(spare_path, O_RDWR));
  HOLDFAST_RETURN_IF_ERROR(WriteAt(fd.get(), EncodeHeader(next.header, mac_), 0, spare_path));
  HOLDFAST_RETURN_IF_ERROR(Sync(fd.get(), spare_path));
  // Under its name only with a whole header, and durably so before the first record.
  if (rename(spare_path.c_str(), next.path.c_str()) != 0)
    return ErrnoStatus("rename " + spare_path);
  HOLDFAST_RETURN_IF_ERROR(FsyncFolder(options_.path));
  fd_ = std::move(fd);
  offset_ = kSegmentHeaderBytes;
  MutexLock lock(mu_);
  last_used_ = offset_;
  spare_ = false;
  segments_.push_back(std::move(next));
  return absl::OkStatus();
}

uint64_t JournalFolder::head() const {
  MutexLock lock(mu_);
  return head_;
}

uint64_t JournalFolder::oldest() const {
  MutexLock lock(mu_);
  return segments_.front().header.first;
}

absl::StatusOr<JournalReport> JournalFolder::Verify() const {
  MutexLock lock(trim_mu_);
  return VerifyJournal(options_.path, options_.node_id, mac_);
}

}  // namespace holdfast::audit
