#ifndef HOLDFAST_SERVER_AUDIT_JOURNAL_FOLDER_H_
#define HOLDFAST_SERVER_AUDIT_JOURNAL_FOLDER_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "holdfast/v1/audit.pb.h"
#include "server/audit/collectors.h"
#include "server/audit/journal.h"
#include "server/audit/segment.h"
#include "server/audit/segment_file.h"
#include "server/base/clock.h"
#include "server/base/file.h"
#include "server/base/mutex.h"

namespace holdfast::audit {

// The files of a journal: the segment that is written to, those before it and the spare that comes
// next. Journal adds the thread and the queue.
//
// Invariants  As of Journal. What is staged is invisible until Flush has made it durable.
// Threading   Stage, Flush and Roll by one writer thread; the others from any thread.
// Failure     Statuses as of Journal, not yet refusals. After an error of Flush or Roll other than
//             RESOURCE_EXHAUSTED the writer must stop.
class JournalFolder {
 public:
  static absl::StatusOr<std::unique_ptr<JournalFolder>> Open(const JournalOptions& options,
                                                             crypto::Mac mac, const Clock& clock);

  // Fills the record in and puts it into the group that is being built. False when that group or
  // the segment has no room for it. INVALID_ARGUMENT when it is too long for any.
  absl::StatusOr<bool> Stage(v1::AuditRecord& record);
  // Writes what is staged with one fdatasync.
  absl::Status Flush();
  // Goes on in the spare; nothing may be staged. RESOURCE_EXHAUSTED when there is none.
  absl::Status Roll();
  // Makes the spare when there is none and it may be; waits for somebody who does.
  void KeepSpare();
  bool has_spare() const;

  absl::StatusOr<v1::AuditRecords> Read(uint64_t first_number, size_t records_max,
                                        size_t bytes_max) const;
  const crypto::Mac& mac() const { return mac_; }
  uint64_t head() const;
  uint64_t oldest() const;
  JournalRoom room() const;
  absl::StatusOr<JournalReport> Verify() const;

  // What is older than keep_days and collected by everybody goes.
  void Retain();
  absl::StatusOr<uint64_t> TrimOlderThan(WallTime before);
  void SetCollectors(const std::vector<Collector>& collectors);
  void Collected(const std::string& name, uint64_t number);
  CollectedView collected() const;

 private:
  // Where a reader left off, so that the next one need not walk the segment from its start.
  struct Place {
    uint64_t segment_first = 0;
    uint64_t number = 0;  // of the record at `offset`
    uint64_t offset = 0;
  };
  struct ReadJob {
    uint64_t next = 0;  // number
    uint64_t last = 0;
    size_t records_left = 0;
    size_t bytes_left = 0;
    v1::AuditRecords out;
  };

  JournalFolder(const JournalOptions& options, crypto::Mac mac, const Clock& clock)
      : options_(options), mac_(std::move(mac)), clock_(clock) {}
  absl::Status Start();
  absl::Status Continue(SegmentList list);
  absl::Status CutTail(int fd, const Segment& segment, uint64_t from) const;
  absl::Status TryMakeSpare() ABSL_EXCLUSIVE_LOCKS_REQUIRED(spare_mu_);
  bool RecycleOldest();
  void TellGone(uint64_t first, uint64_t last);
  absl::StatusOr<uint64_t> Trim(WallTime before, uint64_t last_number);
  uint64_t UncollectedBytes(uint64_t collected) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  absl::Status Activate();
  // Up to record `last`, which is in the segment.
  absl::Status ReadFrom(const Segment& segment, int fd, uint64_t last, ReadJob& job) const;
  absl::Status Take(std::string_view frame_bytes, ReadJob& job) const;

  const JournalOptions options_;
  const crypto::Mac mac_;
  const Clock& clock_;
  UniqueFd lock_;

  // Writer thread only.
  UniqueFd fd_;  // of the last segment
  uint64_t offset_ = 0;
  ChainEnd end_;         // durable
  ChainEnd staged_end_;  // with what is staged
  std::string staged_;

  // Held while the spare is made, which takes tens of milliseconds.
  Mutex spare_mu_ ABSL_ACQUIRED_BEFORE(mu_);
  std::optional<MonoTime> spare_tried_ ABSL_GUARDED_BY(spare_mu_);

  mutable Mutex mu_;
  std::vector<Segment> segments_ ABSL_GUARDED_BY(mu_);
  uint64_t head_ ABSL_GUARDED_BY(mu_) = 0;
  uint64_t last_used_ ABSL_GUARDED_BY(mu_) = 0;  // bytes of the last segment
  bool spare_ ABSL_GUARDED_BY(mu_) = false;
  bool full_ ABSL_GUARDED_BY(mu_) = false;  // a record has found no room since the last spare
  absl::Status cannot_grow_ ABSL_GUARDED_BY(mu_);
  Collectors collectors_ ABSL_GUARDED_BY(mu_);
  uint64_t trimmed_uncollected_ ABSL_GUARDED_BY(mu_) = 0;
  mutable Place place_ ABSL_GUARDED_BY(mu_);
  // Keeps segments from being removed while all are read.
  mutable Mutex trim_mu_ ABSL_ACQUIRED_BEFORE(mu_);
};

}  // namespace holdfast::audit

#endif  // HOLDFAST_SERVER_AUDIT_JOURNAL_FOLDER_H_
