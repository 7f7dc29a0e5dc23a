// The reading half of JournalFolder.
#include <fcntl.h>
#include <fmt/format.h>

#include <algorithm>

#include "server/audit/journal_folder.h"
#include "server/base/status_macros.h"

namespace holdfast::audit {
namespace {

absl::Status NotReadable(uint64_t number, const std::string& path, std::string_view what) {
  return absl::DataLossError(
      fmt::format("{}: record {} of the journal cannot be read: {}", path, number, what));
}

absl::Status NoLongerKept(uint64_t number, uint64_t oldest) {
  return absl::OutOfRangeError(
      fmt::format("record {} of the journal is no longer kept, the oldest is {}", number, oldest));
}

}  // namespace

absl::StatusOr<v1::AuditRecords> JournalFolder::Read(uint64_t first_number, size_t records_max,
                                                     size_t bytes_max) const {
  std::vector<Segment> segments;
  ReadJob job{.next = std::max<uint64_t>(first_number, 1),
              .last = 0,
              .records_left = records_max,
              .bytes_left = bytes_max,
              .out = {}};
  {
    MutexLock lock(mu_);
    job.last = head_;
    segments = segments_;
  }
  const uint64_t oldest = segments.front().header.first;
  if (job.next < oldest) return NoLongerKept(job.next, oldest);
  for (size_t i = 0; i < segments.size() && job.next <= job.last && job.records_left > 0; ++i) {
    if (i + 1 < segments.size() && segments[i + 1].header.first <= job.next) continue;
    const uint64_t last = i + 1 < segments.size() ? segments[i + 1].header.first - 1 : job.last;
    const absl::StatusOr<UniqueFd> fd = OpenFile(segments[i].path, O_RDONLY);
    // Retention was faster.
    if (absl::IsNotFound(fd.status())) return NoLongerKept(job.next, this->oldest());
    HOLDFAST_RETURN_IF_ERROR(fd.status());
    const absl::Status read = ReadFrom(segments[i], fd->get(), last, job);
    // The blocks of a segment that goes are written over by the next one.
    if (!read.ok() && this->oldest() > job.next) return NoLongerKept(job.next, this->oldest());
    HOLDFAST_RETURN_IF_ERROR(read);
  }
  return std::move(job.out);
}

absl::Status JournalFolder::ReadFrom(const Segment& segment, int fd, uint64_t last,
                                     ReadJob& job) const {
  Place place{.segment_first = segment.header.first,
              .number = segment.header.first,
              .offset = kSegmentHeaderBytes};
  {
    MutexLock lock(mu_);
    if (place_.segment_first == place.segment_first && place_.number <= job.next) place = place_;
  }
  FrameReader reader(fd, segment.path, place.offset);
  while (place.number <= last && job.records_left > 0) {
    const absl::StatusOr<std::string_view> bytes = reader.Next();
    if (!bytes.ok()) {
      return NotReadable(place.number, segment.path, std::string(bytes.status().message()));
    }
    if (place.number == job.next) {
      const absl::Status taken = Take(*bytes, job);
      if (!taken.ok()) {
        return NotReadable(place.number, segment.path, std::string(taken.message()));
      }
      if (job.records_left == 0) break;
    }
    ++place.number;
    place.offset = reader.offset();
  }
  MutexLock lock(mu_);
  place_ = place;
  return absl::OkStatus();
}

// Ends the job, without the record, when it is too much for the answer.
absl::Status JournalFolder::Take(std::string_view frame_bytes, ReadJob& job) const {
  const std::optional<Frame> frame = ParseFrame(frame_bytes, mac_);
  if (!frame.has_value()) return absl::DataLossError("it is not what was written");
  if (frame->number != job.next) {
    return absl::DataLossError(fmt::format("record {} stands in its place", frame->number));
  }
  if (frame->record.size() > job.bytes_left && job.out.records_size() > 0) {
    job.records_left = 0;
    return absl::OkStatus();
  }
  if (!job.out.add_records()->ParseFromArray(frame->record.data(),
                                             static_cast<int>(frame->record.size()))) {
    return absl::DataLossError("it is no audit record");
  }
  job.bytes_left -= std::min(job.bytes_left, frame->record.size());
  --job.records_left;
  ++job.next;
  return absl::OkStatus();
}

}  // namespace holdfast::audit
