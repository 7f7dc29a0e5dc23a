#ifndef HOLDFAST_SERVER_AUDIT_JOURNAL_H_
#define HOLDFAST_SERVER_AUDIT_JOURNAL_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "holdfast/v1/audit.pb.h"
#include "server/audit/collectors.h"
#include "server/audit/journal_report.h"
#include "server/audit/unrecorded.h"
#include "server/base/clock.h"
#include "server/base/mutex.h"
#include "server/crypto/hash.h"

namespace holdfast::audit {

class JournalFolder;

// What becomes of a record when there is no room for it, and none can be made.
enum class WhenFull {
  kRefuse,        // AUDIT_UNAVAILABLE
  kServeAndMark,  // counted durably; the count becomes one record when there is room again
};

struct JournalOptions {
  std::string path;  // a folder of its own; made when it is not there
  std::string node_id;
  uint64_t bytes_max = 1024ull << 20;  // of all segments; the oldest go for new ones
  int keep_days = 0;                   // older records go once everybody has them; 0: by size alone
  WhenFull when_full = WhenFull::kRefuse;
  uint64_t segment_bytes = 4ull << 20;
  size_t pending_max = 16384;  // records that wait for the disk; beyond it appends are refused
};

// One record, serialized. Larger ones are INVALID_ARGUMENT.
inline constexpr size_t kJournalRecordBytesMax = 32 * 1024;
// A segment holds at least a record of that size.
inline constexpr uint64_t kSegmentBytesMin = 64 * 1024;
inline constexpr size_t kJournalGroupBytesMax = 1024 * 1024;  // of one write and fdatasync

// How full it is.
struct JournalRoom {
  uint64_t bytes_used = 0;  // by segments that hold records
  uint64_t bytes_max = 0;
  uint64_t bytes_ready = 0;        // allocated, not yet used: they take records on a full disk, too
  uint64_t bytes_uncollected = 0;  // of bytes_used: somebody has yet to copy them
  uint64_t trimmed_uncollected = 0;  // records that went all the same, since the start
  bool full = false;                 // the last record found no room
  uint64_t unrecorded = 0;           // requests that were served and counted only, not marked yet
  absl::Status cannot_grow;          // why the next segment could not be made at the last try
  double uncollected_share() const;  // 0 to 1
};

struct CollectedView {
  uint64_t by_all = 0;  // the highest number that everybody has
  std::map<std::string, uint64_t> marks;
};

// The record that stands for what was only counted: `repeated` of them.
inline constexpr char kUnrecordedOperation[] = "audit.unrecorded";

// The audit journal of this node: docs/formats/journal.md.
//
// Relies on   A file system on which allocated blocks can be overwritten when it is full (ext4,
//             xfs; not btrfs or zfs).
// Invariants  1. Numbers are contiguous from 1; only retention takes records away, the oldest
//                first: by age once every collector has them; by size also when only one that
//                keeps them has. What nobody else has stays.
//             2. `durable` hears OK only after the record is on disk, with everything before it;
//             or,
//                with kServeAndMark and no room, after it was counted on disk.
//             3. Each record is chained by HMAC to the one before it.
//             4. The next segment is allocated before the current one is full, so at least
//                segment_bytes of records go on after the disk is full.
// Threading   Thread-safe. One thread of its own writes; whoever waits meanwhile shares one
//             fdatasync. Another makes the next segment and lets the oldest go.
// Ownership   Owns the folder at `path`, which it locks.
// Failure     Refusals AUDIT_UNAVAILABLE (no room, or closed for good by a failed write) and
//             OVERLOADED. After a failed write or fdatasync nothing more is written until the node
//             starts again: the kernel may have dropped the page.
class Journal {
 public:
  // Creates the first segment, or goes on after the last whole record: what a crash tore was never
  // acknowledged and is cut off. DATA_LOSS, naming the number, when a record is damaged that was
  // durable before a later one was written, or a segment is of another node or cluster;
  // FAILED_PRECONDITION when the folder is in use or of a newer format. `clock` outlives the
  // journal.
  static absl::StatusOr<std::unique_ptr<Journal>> Open(const JournalOptions& options,
                                                       crypto::Mac mac, const Clock& clock);
  ~Journal();  // what was appended is written first
  Journal(const Journal&) = delete;
  Journal& operator=(const Journal&) = delete;

  // number, node_id and wall_ms are filled in; in a text that is not UTF-8 the bytes above 0x7f
  // become \xNN. `durable` is called exactly once: on the writer
  // thread, or before Append returns when the record is refused at once. It must be quick and must
  // not call AppendAndWait.
  void Append(v1::AuditRecord record, std::function<void(absl::Status)> durable);
  absl::Status AppendAndWait(v1::AuditRecord record);

  // Durable records from `first_number` on: at most `records_max`, and no more than `bytes_max` of
  // them except that one always fits. Empty beyond head. OUT_OF_RANGE, naming the oldest, below it.
  // DATA_LOSS naming the number of the first record that does not verify.
  absl::StatusOr<v1::AuditRecords> Read(uint64_t first_number, size_t records_max,
                                        size_t bytes_max) const;

  uint64_t head() const;    // newest durable number, 0 when there is none
  uint64_t oldest() const;  // oldest kept number, head() + 1 when none is kept
  JournalRoom room() const;
  // OK, or why it is closed for good.
  absl::Status failure() const;
  // Records that did not become durable, since the start: refused, failed, or only counted.
  uint64_t write_failures() const { return write_failures_; }
  // When the oldest record was written that somebody has yet to copy; 0: there is none.
  int64_t OldestUncollectedMs() const;

  // Reads all of it, up to head().
  absl::StatusOr<JournalReport> Verify() const;

  // Removes the oldest segments whose records were all written before `before`, whoever has them.
  // Never the one that is written to. The number of records that went.
  absl::StatusOr<uint64_t> TrimOlderThan(WallTime before);

  // For retention, which does nothing by itself before it knows who collects.
  void SetCollectors(const std::vector<Collector>& collectors);
  void Collected(const std::string& name, uint64_t number);
  CollectedView collected() const;
  // What happens by itself every second: what is too old, and collected, goes.
  void RetainNow();

 private:
  struct Pending {
    v1::AuditRecord record;
    std::function<void(absl::Status)> durable;
  };
  Journal(const JournalOptions& options, std::unique_ptr<JournalFolder> folder,
          std::unique_ptr<UnrecordedFile> unrecorded, const Clock& clock);

  void Run();
  void RunSpares();
  void Write(std::deque<Pending>& group);
  // OK: it is staged in the folder. Writes and tells `staged` when that is in its way.
  absl::Status StageOne(Pending& pending, std::vector<Pending>& staged);
  absl::Status FlushAndTell(std::vector<Pending>& staged);
  void Count(std::vector<Pending>& counted);
  void Mark();
  absl::Status SaveCount(const UnrecordedCount& count);
  absl::Status Fail(absl::Status refusal);
  bool serves_when_full() const { return options_.when_full == WhenFull::kServeAndMark; }
  void Close(const absl::Status& cause);

  const JournalOptions options_;
  const std::unique_ptr<JournalFolder> folder_;
  const std::unique_ptr<UnrecordedFile> unrecorded_;  // writer thread only; null: never needed
  const Clock& clock_;
  std::atomic<uint64_t> write_failures_{0};
  std::atomic<uint64_t> unrecorded_total_{0};

  mutable Mutex mu_;
  CondVar work_;
  CondVar spare_work_;
  std::deque<Pending> pending_ ABSL_GUARDED_BY(mu_);
  bool spare_wanted_ ABSL_GUARDED_BY(mu_) = false;
  bool mark_wanted_ ABSL_GUARDED_BY(mu_) = false;
  bool stop_ ABSL_GUARDED_BY(mu_) = false;
  absl::Status failure_ ABSL_GUARDED_BY(mu_);
  std::thread spares_;
  std::thread writer_;
};

}  // namespace holdfast::audit

#endif  // HOLDFAST_SERVER_AUDIT_JOURNAL_H_
