// The half of JournalFolder that makes room: what goes, when, and the next segment.
#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>

#include "server/audit/journal_folder.h"
#include "server/base/status_macros.h"
#include "server/observe/log.h"

namespace holdfast::audit {
namespace {

// A full disk is asked again that often, not at every record.
constexpr std::chrono::seconds kSpareRetryEvery{1};

}  // namespace

bool JournalFolder::has_spare() const {
  MutexLock lock(mu_);
  return spare_;
}

void JournalFolder::KeepSpare() {
  MutexLock spare_lock(spare_mu_);
  if (has_spare()) return;
  if (spare_tried_.has_value() && clock_.Mono() - *spare_tried_ < kSpareRetryEvery) return;
  const absl::Status made = TryMakeSpare();
  spare_tried_ = made.ok() ? std::nullopt : std::optional(clock_.Mono());
  MutexLock lock(mu_);
  if (!made.ok() && cannot_grow_.ok()) {
    LogWarning("the audit journal cannot grow, {} bytes are left: {}",
               segments_.empty() ? 0 : segments_.back().header.segment_bytes - last_used_,
               ToText(made));
  }
  cannot_grow_ = made.ok() ? made : absl::ResourceExhaustedError(std::string(made.message()));
  if (made.ok()) full_ = false;
}

absl::Status JournalFolder::TryMakeSpare() {
  while (true) {
    {
      MutexLock lock(mu_);
      if (spare_) return absl::OkStatus();
      uint64_t bytes = options_.segment_bytes;
      for (const Segment& segment : segments_) bytes += segment.header.segment_bytes;
      if (bytes <= options_.bytes_max) break;
    }
    if (!RecycleOldest()) {
      return absl::ResourceExhaustedError(
          fmt::format("{}: the journal has reached its {} bytes, and nobody else has its oldest "
                      "records; raise limits.journal_megabytes, or bring another node back",
                      options_.path, options_.bytes_max));
    }
  }
  absl::Status made = MakeSpareFile(options_.path, options_.segment_bytes);
  // The blocks of a segment that may go are taken over: whoever has filled the disk gets none.
  if (!made.ok() && RecycleOldest()) made = MakeSpareFile(options_.path, options_.segment_bytes);
  HOLDFAST_RETURN_IF_ERROR(made);
  MutexLock lock(mu_);
  spare_ = true;
  return absl::OkStatus();
}

// False when no record may go. What is taken becomes the beginnings of the next spare.
bool JournalFolder::RecycleOldest() {
  MutexLock trim_lock(trim_mu_);
  Segment oldest;
  uint64_t last = 0;
  {
    MutexLock lock(mu_);
    if (segments_.size() < 2) return false;
    last = segments_[1].header.first - 1;
    if (last > collectors_.by_all() && last > collectors_.by_keeper()) return false;
    oldest = segments_.front();
    segments_.erase(segments_.begin());
  }
  // Durably gone before it is written over: under its own name it would pass for damage.
  absl::Status gone = absl::OkStatus();
  if (rename(oldest.path.c_str(), SpareInTheMakingPath(options_.path).c_str()) != 0) {
    gone = ErrnoStatus("rename " + oldest.path);
  } else {
    gone = FsyncFolder(options_.path);
  }
  if (!gone.ok()) {
    LogError("audit journal: its oldest segment cannot go: {}", ToText(gone));
    return false;
  }
  TellGone(oldest.header.first, last);
  return true;
}

// Says what goes uncollected; the gap in the others' copies is found by its numbers.
void JournalFolder::TellGone(uint64_t first, uint64_t last) {
  uint64_t lost = 0;
  std::vector<std::string> lacking;
  {
    MutexLock lock(mu_);
    const uint64_t collected = std::max(collectors_.by_all(), first - 1);
    if (last > collected) lost = last - collected;
    trimmed_uncollected_ += lost;
    lacking = collectors_.Lacking(last);
  }
  if (lost == 0) {
    LogInfo("audit journal: records {} to {} have gone by retention", first, last);
  } else {
    LogWarning(
        "audit journal: records {} to {} have gone for want of room, {} of them not "
        "collected by {}",
        first, last, lost, fmt::join(lacking, ", "));
  }
}

void JournalFolder::Retain() {
  if (options_.keep_days == 0) return;
  uint64_t collected = 0;
  {
    MutexLock lock(mu_);
    collected = collectors_.by_all();
  }
  const WallTime before = clock_.Wall() - std::chrono::hours(24) * options_.keep_days;
  const absl::StatusOr<uint64_t> gone = Trim(before, collected);
  if (!gone.ok()) LogError("audit journal: old records cannot go: {}", ToText(gone.status()));
}

absl::StatusOr<uint64_t> JournalFolder::TrimOlderThan(WallTime before) {
  return Trim(before, UINT64_MAX);
}

absl::StatusOr<uint64_t> JournalFolder::Trim(WallTime before, uint64_t last_number) {
  MutexLock trim_lock(trim_mu_);
  std::vector<Segment> removed;
  {
    MutexLock lock(mu_);
    size_t count = 0;
    // The next one was begun after all of this one's records were written.
    while (count + 1 < segments_.size() &&
           FromMillis(segments_[count + 1].header.started_ms) <= before &&
           segments_[count + 1].header.first - 1 <= last_number) {
      ++count;
    }
    const auto end = segments_.begin() + static_cast<ptrdiff_t>(count);
    removed.assign(segments_.begin(), end);
    segments_.erase(segments_.begin(), end);
  }
  if (removed.empty()) return 0;
  // From the oldest on: whatever interrupts this leaves no gap.
  for (const Segment& segment : removed) {
    if (unlink(segment.path.c_str()) != 0) return ErrnoStatus("remove " + segment.path);
  }
  HOLDFAST_RETURN_IF_ERROR(FsyncFolder(options_.path));
  const uint64_t last = oldest() - 1;
  TellGone(removed.front().header.first, last);
  return last + 1 - removed.front().header.first;
}

void JournalFolder::SetCollectors(const std::vector<Collector>& collectors) {
  MutexLock lock(mu_);
  collectors_.Set(collectors);
}

void JournalFolder::Collected(const std::string& name, uint64_t number) {
  MutexLock lock(mu_);
  collectors_.Collected(name, number);
}

CollectedView JournalFolder::collected() const {
  MutexLock lock(mu_);
  return {.by_all = collectors_.by_all(), .marks = collectors_.marks()};
}

// What a segment holds above `collected`, by its share of the records.
uint64_t JournalFolder::UncollectedBytes(uint64_t collected) const {
  uint64_t bytes = 0;
  for (size_t i = 0; i < segments_.size(); ++i) {
    const bool last = i + 1 == segments_.size();
    const uint64_t first = segments_[i].header.first;
    const uint64_t end = last ? head_ + 1 : segments_[i + 1].header.first;
    const uint64_t used = last ? last_used_ : segments_[i].header.segment_bytes;
    if (end <= collected + 1 || end <= first) continue;
    const uint64_t left = end - std::max(first, collected + 1);
    bytes += used * left / (end - first);
  }
  return bytes;
}

JournalRoom JournalFolder::room() const {
  MutexLock lock(mu_);
  JournalRoom room{.bytes_used = last_used_,
                   .bytes_max = options_.bytes_max,
                   .bytes_ready = segments_.back().header.segment_bytes - last_used_,
                   .bytes_uncollected = UncollectedBytes(collectors_.by_all()),
                   .trimmed_uncollected = trimmed_uncollected_,
                   .full = full_,
                   .cannot_grow = cannot_grow_};
  for (size_t i = 0; i + 1 < segments_.size(); ++i) {
    room.bytes_used += segments_[i].header.segment_bytes;
  }
  if (spare_) room.bytes_ready += options_.segment_bytes;
  return room;
}

}  // namespace holdfast::audit
