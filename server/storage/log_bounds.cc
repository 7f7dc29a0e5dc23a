#include "server/storage/log_bounds.h"

#include <fmt/format.h>

#include <algorithm>

#include "server/base/limits.h"
#include "server/base/status_macros.h"
#include "server/storage/row_table.h"

namespace holdfast::storage {
namespace {

absl::Status CheckEntries(const LogBounds& bounds, absl::Span<const EntryPtr> entries) {
  uint64_t seq = bounds.last.seq;
  uint64_t epoch = bounds.last.epoch.number;
  for (const EntryPtr& entry : entries) {
    if (entry == nullptr) return absl::InvalidArgumentError("append: an entry is null");
    if (entry->seq != seq + 1) {
      return absl::InvalidArgumentError(
          fmt::format("append: expected seq {}, got {}", seq + 1, entry->seq));
    }
    if (entry->epoch.number < epoch) {
      return absl::InvalidArgumentError(
          fmt::format("append: seq {} has epoch {}, below epoch {} of the entry before it",
                      entry->seq, entry->epoch.number, epoch));
    }
    if (entry->record.size() > limits::kRecordBytesMax) {
      return absl::InvalidArgumentError(fmt::format("append: record {} has {} bytes, at most {}",
                                                    entry->seq, entry->record.size(),
                                                    limits::kRecordBytesMax));
    }
    seq = entry->seq;
    epoch = entry->epoch.number;
  }
  return absl::OkStatus();
}

}  // namespace

LogPoint PointOf(const LogEntry& entry) {
  return {.seq = entry.seq, .epoch = entry.epoch, .digest = entry.digest};
}

absl::StatusOr<LogBounds> LogBounds::AfterAppend(const AppendBatch& batch,
                                                 const PointAt& point_at) const {
  HOLDFAST_RETURN_IF_ERROR(CheckEntries(*this, batch.entries));
  for (const v1::RowChange* change : batch.rows) {
    if (change == nullptr) return absl::InvalidArgumentError("append: a row change is null");
    HOLDFAST_RETURN_IF_ERROR(CheckChange(*change));
  }
  LogBounds after = *this;
  if (!batch.entries.empty()) after.last = PointOf(*batch.entries.back());
  if (!batch.applied.has_value()) {
    if (batch.rows.empty()) return after;
    return absl::InvalidArgumentError("append: rows without the position that they bring");
  }
  const Position to = batch.applied->position;
  if (to.seq < applied.position.seq || to.seq > after.last.seq) {
    return absl::InvalidArgumentError(
        fmt::format("append: applied {} is not within {} (applied so far) and {} (last entry)",
                    to.seq, applied.position.seq, after.last.seq));
  }
  LogPoint point = applied.position.seq == to.seq
                       ? LogPoint{.seq = to.seq, .epoch = {}, .digest = applied.digest}
                       : LogPoint{};
  if (to.seq == applied.position.seq) {
    point.epoch.number = applied.position.epoch;
  } else if (to.seq > last.seq) {
    point = PointOf(*batch.entries[to.seq - last.seq - 1]);
  } else {
    HOLDFAST_ASSIGN_OR_RETURN(point, point_at(to.seq));
  }
  if (point.epoch.number != to.epoch || point.digest != batch.applied->digest) {
    return absl::InvalidArgumentError(
        fmt::format("append: applied {} with another epoch or digest than entry {}.{}",
                    holdfast::ToText(to), point.epoch.number, point.seq));
  }
  after.applied = *batch.applied;
  return after;
}

absl::StatusOr<LogBounds> LogBounds::AfterCut(uint64_t seq, const PointAt& point_at) const {
  HOLDFAST_RETURN_IF_ERROR(CheckCut(seq));
  LogBounds after = *this;
  if (seq >= last.seq) return after;
  after.last = before_first;
  if (seq > before_first.seq) {
    HOLDFAST_ASSIGN_OR_RETURN(after.last, point_at(seq));
  }
  return after;
}

absl::StatusOr<LogBounds> LogBounds::AfterTrimStep(uint64_t seq, const PointAt& point_at) const {
  HOLDFAST_RETURN_IF_ERROR(CheckTrim(seq));
  LogBounds after = *this;
  if (seq < first_seq()) return after;
  HOLDFAST_ASSIGN_OR_RETURN(after.before_first,
                            point_at(std::min(seq, first_seq() + kTrimStepRecords - 1)));
  return after;
}

absl::Status LogBounds::CheckCut(uint64_t seq) const {
  if (seq >= applied.position.seq) return absl::OkStatus();
  return absl::FailedPreconditionError(
      fmt::format("cut after {}: the rows are already at {}; only a snapshot goes back", seq,
                  applied.position.seq));
}

absl::Status LogBounds::CheckTrim(uint64_t seq) const {
  if (seq <= applied.position.seq) return absl::OkStatus();
  return absl::FailedPreconditionError(
      fmt::format("trim up to {}: the rows are only at {}, what lies beyond is pending", seq,
                  applied.position.seq));
}

absl::Status LogBounds::CheckRead(uint64_t first_seq_wanted) const {
  if (first_seq_wanted >= first_seq()) return absl::OkStatus();
  return absl::OutOfRangeError(fmt::format("log entry {} is not kept any more, the oldest is {}",
                                           first_seq_wanted, first_seq()));
}

absl::StatusOr<LogBounds> LogBounds::OfSnapshot(const Applied& applied, const Epoch& last_epoch) {
  if (applied.position.epoch != last_epoch.number) {
    return absl::InvalidArgumentError(fmt::format("snapshot at {} with last epoch {}",
                                                  holdfast::ToText(applied.position),
                                                  last_epoch.number));
  }
  const LogPoint point{.seq = applied.position.seq, .epoch = last_epoch, .digest = applied.digest};
  return LogBounds{.applied = applied, .before_first = point, .last = point};
}

absl::Status LogBounds::CheckSound() const {
  if (before_first.seq <= applied.position.seq && applied.position.seq <= last.seq &&
      before_first.epoch.number <= applied.position.epoch &&
      applied.position.epoch <= last.epoch.number) {
    return absl::OkStatus();
  }
  return absl::DataLossError(
      fmt::format("the log from {} to {} and the rows at {} contradict each other",
                  before_first.seq + 1, last.seq, holdfast::ToText(applied.position)));
}

LoadResult LogBounds::ToLoadResult() const {
  return {.applied = applied, .before_first = before_first, .first_seq = first_seq(), .last = last};
}

absl::Status CheckSchemaVersion(uint64_t found, uint64_t newest, const std::string& where) {
  if (found <= newest) return absl::OkStatus();
  return absl::FailedPreconditionError(fmt::format(
      "{}: schema version {} is newer than {}, the newest that this program knows; use the "
      "program that wrote it, or a newer one",
      where, found, newest));
}

}  // namespace holdfast::storage
