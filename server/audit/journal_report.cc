#include "server/audit/journal_report.h"

#include <fmt/format.h>

#include "server/audit/segment_file.h"
#include "server/base/file.h"
#include "server/base/status_macros.h"

namespace holdfast::audit {
namespace {

std::string At(const Segment& segment, size_t byte, std::string_view what) {
  return fmt::format("{} at byte {}: {}", segment.path, byte, what);
}

// A segment with another one behind it has no torn end.
std::optional<JournalReport::Break> CheckEnd(const Segment& segment, const SegmentScan& scan,
                                             const SegmentHeader& next) {
  const uint64_t number = scan.end.number + 1;
  if (scan.damage.has_value()) {
    return JournalReport::Break{.number = number, .what = At(segment, scan.end_byte, *scan.damage)};
  }
  if (number < next.first || scan.tail) {
    return JournalReport::Break{.number = number,
                                .what = At(segment, scan.end_byte,
                                           fmt::format("record {} is damaged or missing, and the "
                                                       "next segment begins with record {}",
                                                       number, next.first))};
  }
  if (number > next.first || scan.end.chain != next.previous) {
    return JournalReport::Break{
        .number = next.first,
        .what = fmt::format("{}: the segment after it does not continue its chain", segment.path)};
  }
  return std::nullopt;
}

absl::Status Check(const Segment& segment, const Segment* next, const crypto::Mac& mac,
                   JournalReport& report) {
  HOLDFAST_ASSIGN_OR_RETURN(const std::string bytes, ReadSegment(segment));
  const SegmentScan scan = ScanSegment(bytes, StartOf(segment), mac);
  report.last = scan.end.number;
  ++report.segments;
  if (next != nullptr) {
    report.first_break = CheckEnd(segment, scan, next->header);
  } else if (scan.damage.has_value()) {
    report.first_break = JournalReport::Break{.number = scan.end.number + 1,
                                              .what = At(segment, scan.end_byte, *scan.damage)};
  } else {
    report.torn_end = scan.tail;
  }
  // The node itself may have taken its blocks for the next segment meanwhile.
  if (report.first_break.has_value() && !FileExists(segment.path)) {
    return absl::NotFoundError(segment.path + ": removed by retention while it was read");
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<JournalReport> VerifyJournal(const std::string& path, const std::string& node_id,
                                            const crypto::Mac& mac,
                                            const VerifyProgress& progress) {
  HOLDFAST_ASSIGN_OR_RETURN(const SegmentList list, ListSegments(path, node_id, mac));
  JournalReport report;
  if (!list.segments.empty()) {
    report.first = list.segments.front().header.first;
    report.last = report.first - 1;
  }
  uint64_t total = 0;
  for (const Segment& segment : list.segments) total += segment.header.segment_bytes;
  uint64_t done = 0;
  for (size_t i = 0; i < list.segments.size() && !report.first_break.has_value(); ++i) {
    const Segment* next = i + 1 < list.segments.size() ? &list.segments[i + 1] : nullptr;
    HOLDFAST_RETURN_IF_ERROR(Check(list.segments[i], next, mac, report));
    done += list.segments[i].header.segment_bytes;
    if (progress) progress(done, total);
  }
  if (!report.first_break.has_value() && list.problem.has_value()) {
    report.first_break = JournalReport::Break{.number = report.last + 1,
                                              .what = std::string(list.problem->status.message())};
  }
  return report;
}

}  // namespace holdfast::audit
