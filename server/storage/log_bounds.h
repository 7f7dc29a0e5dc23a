#ifndef HOLDFAST_SERVER_STORAGE_LOG_BOUNDS_H_
#define HOLDFAST_SERVER_STORAGE_LOG_BOUNDS_H_

#include "server/storage/store.h"

namespace holdfast::storage {

// What a store knows of its log without reading it, and the rules of store.h over it: the same code
// for all stores, so that they refuse the same things with the same words.
//
// Room        Pure. A store asks Check... first, writes, and takes the new bounds after the commit.
// Threading   Value type.
struct LogBounds {
  Applied applied;
  LogPoint before_first;
  LogPoint last;

  // Reads digest and epoch of an entry that is stored.
  using PointAt = std::function<absl::StatusOr<LogPoint>(uint64_t seq)>;

  uint64_t first_seq() const { return before_first.seq + 1; }

  // The bounds after `batch`, or why it is refused: applied must name the chain that is there.
  absl::StatusOr<LogBounds> AfterAppend(const AppendBatch& batch, const PointAt& point_at) const;
  // The bounds once what lies beyond `seq` is cut: the same when nothing does.
  absl::StatusOr<LogBounds> AfterCut(uint64_t seq, const PointAt& point_at) const;
  // The same for one step of a trim up to `seq`.
  absl::StatusOr<LogBounds> AfterTrimStep(uint64_t seq, const PointAt& point_at) const;
  absl::Status CheckCut(uint64_t seq) const;
  absl::Status CheckTrim(uint64_t seq) const;
  // OUT_OF_RANGE when first_seq was trimmed away.
  absl::Status CheckRead(uint64_t first_seq) const;
  static absl::StatusOr<LogBounds> OfSnapshot(const Applied& applied, const Epoch& last_epoch);

  // What a store that was written by this program always fulfils; DATA_LOSS otherwise.
  absl::Status CheckSound() const;
  LoadResult ToLoadResult() const;
};

LogPoint PointOf(const LogEntry& entry);

}  // namespace holdfast::storage

#endif  // HOLDFAST_SERVER_STORAGE_LOG_BOUNDS_H_
