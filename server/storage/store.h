#ifndef HOLDFAST_SERVER_STORAGE_STORE_H_
#define HOLDFAST_SERVER_STORAGE_STORE_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "holdfast/v1/rows.pb.h"
#include "server/base/position.h"

namespace holdfast::storage {

// How far the row tables are: they hold the rows of exactly the log up to `position`.
struct Applied {
  Position position;
  Digest digest{};        // the chain digest at `position`
  Digest state_digest{};  // over all rows; the ledger's, the store only keeps it
  bool operator==(const Applied&) const = default;
};

// An entry without its record: where a log ends, or what lies before its first entry.
struct LogPoint {
  uint64_t seq = 0;  // 0: before the first record
  Epoch epoch;
  Digest digest{};
  bool operator==(const LogPoint&) const = default;
};

using Facts = std::vector<std::pair<std::string, std::string>>;  // name and value

struct AppendBatch {
  absl::Span<const EntryPtr> entries = {};           // follow the last one without a gap
  absl::Span<const v1::RowChange* const> rows = {};  // of records now committed, in order
  std::optional<Applied> applied = {};  // where `rows` bring the tables; needed with rows
  Facts facts = {};
};

struct LoadResult {
  Applied applied;
  LogPoint before_first;   // the entry before the oldest kept one, so that the chain can be checked
  uint64_t first_seq = 1;  // the oldest kept entry; last.seq + 1 when none is kept
  LogPoint last;           // the newest entry, known also when it is not kept
};

// Of a snapshot, in which later ones win. A row that is not set: that of `key` goes.
struct StagedChange {
  v1::RowKey key;
  v1::Row row;
};

// The rows of a snapshot beside those in use, while the rest of it still comes.
//
// Invariants  1. Nothing of it is seen by anybody before Store::ReplaceByStaged.
//             2. What was not put in place is removed: with this, or by the next opening.
//             3. One at a time: a newer one of the same store takes the place of this one, which
//                then fails with FAILED_PRECONDITION.
// Threading   Thread-compatible, on any thread.
// Ownership   Goes before its store.
// Failure     As of an Append. Once it has failed it is of no use any more.
class StagedRows {
 public:
  virtual ~StagedRows() = default;
  // Deleting what is not there is nothing. Durable by ReplaceByStaged only.
  virtual absl::Status Apply(absl::Span<const StagedChange> changes) = 0;
};

// Where a node keeps rows, log and node-local facts. It holds ciphertext only, and is not trusted:
// the ledger checks digests and MACs of what it returns.
//
// Relies on   One process per store (an implementation on disk locks it).
// Invariants  1. Append is one transaction: durable on return, all of it or none.
//             2. seq is dense; epochs do not go down along the log.
//             3. applied never goes back, and is never beyond the last entry.
//             4. Rows are those of the log up to applied; nothing pending is in a row table.
//             5. Facts survive everything, snapshots included.
// Threading   One writer thread for Load, Append, CutAfter, ReplaceBySnapshot, ReplaceByStaged,
//             FindOut. All others from any thread, at any time.
// Failure     INVALID_ARGUMENT or FAILED_PRECONDITION: refused before anything was written.
//             RESOURCE_EXHAUSTED: no room; nothing was written, try again later.
//             UNAVAILABLE: the server of the store is away, and the write may be there all the
//             same. Of Append, CutAfter and a replacement FindOut says which, and until it has
//             none of them writes (FAILED_PRECONDITION). A fact is put again, a trim repeated.
//             DATA_LOSS: a commit failed, and whether it is on disk is unknown until the store is
//             opened again: from then on every write fails with DATA_LOSS that names the first
//             error, reads go on. Also what is read and cannot be right.
class Store {
 public:
  virtual ~Store() = default;

  // Calls `row` for every row, in no order that may be relied on; its error ends the load.
  virtual absl::StatusOr<LoadResult> Load(const std::function<absl::Status(v1::Row&&)>& row) = 0;

  virtual absl::Status Append(const AppendBatch& batch) = 0;

  // Entries from `first_seq` on: at most `records_max`, and no more than `bytes_max` of records
  // except that one always fits. Empty when first_seq is beyond the last. OUT_OF_RANGE, naming the
  // oldest kept, when it was trimmed away.
  virtual absl::StatusOr<std::vector<EntryPtr>> ReadLog(uint64_t first_seq, size_t records_max,
                                                        size_t bytes_max) = 0;

  // Drops entries beyond `seq`, and puts `facts`. FAILED_PRECONDITION when that would cut below
  // applied: what was shown is not cut. Nothing happens when `seq` is not below the last.
  virtual absl::Status CutAfter(uint64_t seq, const Facts& facts = {}) = 0;

  // Drops entries up to `seq`, at most kTrimStepRecords in one transaction so that appends go
  // between the steps. FAILED_PRECONDITION beyond applied.
  virtual absl::Status TrimUpTo(uint64_t seq) = 0;

  // Replaces all rows by those that `next` gives until nullopt, and the log by an empty one that
  // goes on behind `applied`, whose epoch is `last_epoch`, and puts `facts`. All or nothing: an
  // error of `next` is returned and changes nothing. May go back: whether it may is the caller's
  // rule.
  virtual absl::Status ReplaceBySnapshot(
      const std::function<absl::StatusOr<std::optional<v1::Row>>()>& next, const Applied& applied,
      const Epoch& last_epoch, const Facts& facts) = 0;

  // An empty place for the rows of a snapshot; null: this store has none beside its tables, and
  // takes them by ReplaceBySnapshot.
  virtual absl::StatusOr<std::unique_ptr<StagedRows>> StageRows() {
    return std::unique_ptr<StagedRows>();
  }
  // As ReplaceBySnapshot, by the rows in `staged`, one of this store. They stay there when it fails
  // and can be put in place again, unless the store has failed.
  virtual absl::Status ReplaceByStaged(StagedRows& staged, const Applied& applied,
                                       const Epoch& last_epoch, const Facts& facts) {
    static_cast<void>(staged), static_cast<void>(applied);
    static_cast<void>(last_epoch), static_cast<void>(facts);
    return absl::FailedPreconditionError("this store keeps no rows beside its tables");
  }

  // Durable on return.
  virtual absl::Status PutFact(const std::string& name, const std::string& value) = 0;
  virtual absl::StatusOr<std::optional<std::string>> GetFact(const std::string& name) = 0;

  // Whether the last Append, CutAfter or replacement, which was UNAVAILABLE, is there: read
  // from the store, never guessed. UNAVAILABLE: it cannot be asked yet. False when none was.
  virtual absl::StatusOr<bool> FindOut() { return false; }

  // OK, or why writes fail until the store is opened again.
  virtual absl::Status failure() const = 0;

  // The process ends: nothing waits for a server that is away any more. From any thread.
  virtual void StopWaiting() {}
};

inline constexpr uint64_t kTrimStepRecords = 4096;
inline constexpr uint64_t kSchemaVersion = 2;  // docs/formats/store.md

// FAILED_PRECONDITION naming both numbers when `found` is above `newest`, which this program knows.
absl::Status CheckSchemaVersion(uint64_t found, uint64_t newest, const std::string& where);

}  // namespace holdfast::storage

#endif  // HOLDFAST_SERVER_STORAGE_STORE_H_
