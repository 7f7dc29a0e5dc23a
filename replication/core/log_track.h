#ifndef HOLDFAST_REPLICATION_CORE_LOG_TRACK_H_
#define HOLDFAST_REPLICATION_CORE_LOG_TRACK_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <vector>

#include "absl/types/span.h"
#include "replication/core/messages.h"

namespace holdfast::replication {

// What a store says of its log when a node starts. All of it is durable.
struct LogStart {
  EntryMeta committed;              // the position that this node has shown, and its digest
  std::vector<EntryMeta> pending;   // dense, right after `committed`
  std::vector<EpochStart> history;  // oldest first
};

enum class BatchRefusal {
  kNotAfterHello,   // no primary was accepted yet, or the link was dropped: drop the link
  kOldEpoch,        // the sender is not the primary this node follows: drop the link
  kGap,             // first_seq is not next: say hello again
  kDigestMismatch,  // same place, other bytes: this log or the sender's is not what it was:
                    // diverged
  kBadEntries,      // not dense, epochs that go back or lie beyond the sender's: drop the link
  kTooManyPending,  // committed does not move: wait, then say hello again
  kNoRoom,          // the shell's disk is full: wait, then say hello again
};

// Null when it can be the log of a node; else what is wrong with it. LogTrack aborts on such a log.
const char* LogStartFault(const LogStart& start);

// Either a refusal that changes nothing, or what the shell must append: entries[skip, skip +
// append) of the batch, together with `new_epochs` in the persisted history, in one store
// transaction.
struct BatchOutcome {
  std::optional<BatchRefusal> refusal;
  std::string detail;  // expected and got
  size_t skip = 0;     // duplicates that match what is here
  size_t append = 0;
  std::vector<EpochStart> new_epochs;
};

struct CutOutcome {
  bool refused = false;  // below committed: what was shown is never cut
  std::string detail;
  uint64_t first_dropped_seq = 0;  // the shell deletes [first_dropped_seq, last_dropped_seq],
  uint64_t last_dropped_seq = 0;   // durably, before the next append; 0, 0: nothing to do
};

// What the log of one node is: applied <= committed <= durable <= head, the digests of the pending
// tail, and the epoch history. The primary and the secondary keep the same one.
//
// Room        replication/core: no disk. Answers say what to write; OnDurable and OnApplied say
// that
//             it was done.
// Relies on   A store that keeps what it called durable.
// Invariants  1. applied <= committed <= durable <= head; committed and applied never go down,
//                except by Reset with a snapshot.
//             2. Entries at or below committed are never cut.
//             3. Under a primary of epoch e, committed does not move before e's start record is
//                committed: what older epochs left pending is not shown on its own.
// Threading   Thread-compatible. The one thread that appends owns it.
// Ownership   Holds values only.
// Failure     What comes from outside is refused; a broken order of calls is our bug and aborts.
class LogTrack {
 public:
  explicit LogTrack(LogStart start);

  // ---- Whose log this is a prefix of, or that it is our own.
  // After the hello was answered with continue, or after the cut it asked for. `epoch_first_seq` is
  // where the primary's epoch began (the last one of the answer's history).
  void Follow(const Epoch& epoch, uint64_t epoch_first_seq);
  void Unfollow();  // the link is gone, or a newer epoch was granted: batches are refused
  // This node is primary: the next AppendOwn is the start record of `epoch`.
  void Lead(const Epoch& epoch);
  void StopLeading();

  // ---- Growing and cutting.
  // The batch's committed position counts as OnCommitted.
  BatchOutcome OnBatch(const BatchInfo& batch);
  // On the primary. Returns the epoch start when this entry began a new epoch: persist it with it.
  std::optional<EpochStart> AppendOwn(const EntryMeta& entry);
  CutOutcome CutAfter(uint64_t seq);
  // A snapshot replaced everything; `history` is that of the log that ends in `at`.
  void Reset(const EntryMeta& at, std::vector<EpochStart> history);

  // ---- Progress. Each returns committed() after it: the shell persists that position, then shows
  // it.
  uint64_t OnDurable(uint64_t seq);
  // The primary's word (or, on the primary, CommitRule's). May lie beyond the head: it is kept, and
  // counts as far as this log is durable. An older word changes nothing.
  uint64_t OnCommitted(uint64_t seq);
  // Whether a word of the source about `seq` counts: by then its epoch's start record is committed.
  bool Heeds(uint64_t seq) const { return source_ != Source::kNone && seq >= source_first_seq_; }
  void OnApplied(uint64_t seq);
  // The store holds the rows up to `seq`, as it would say at a start: so that is committed.
  void OnStoredRows(uint64_t seq);
  // What committed() would become if everything up to `seq` were durable: so that one store
  // transaction can hold the entries and the position they move.
  uint64_t CommittedOnceDurable(uint64_t seq) const;

  uint64_t head_seq() const { return head_.seq; }
  const EntryMeta& head() const { return head_; }
  uint64_t durable_seq() const { return durable_; }
  uint64_t committed_seq() const { return committed_.seq; }
  const EntryMeta& committed() const { return committed_; }
  uint64_t applied_seq() const { return applied_; }
  const std::vector<EpochStart>& history() const { return history_; }
  LogShape Shape() const { return {history_, head_}; }
  bool following() const { return source_ == Source::kPrimary; }
  // Known for seq in [committed, head].
  std::optional<EntryMeta> MetaAt(uint64_t seq) const;

 private:
  enum class Source { kNone, kPrimary, kSelf };
  BatchOutcome CheckEntries(const BatchInfo& batch) const;
  BatchOutcome CheckOverlap(const BatchInfo& batch) const;
  std::optional<EpochStart> Push(const EntryMeta& entry);
  uint64_t MoveCommitted();

  EntryMeta committed_;
  std::deque<EntryMeta> pending_;  // (committed_, head_]
  EntryMeta head_;
  uint64_t durable_ = 0;
  uint64_t applied_ = 0;
  uint64_t told_committed_ = 0;  // the source's word; may be beyond durable_
  std::vector<EpochStart> history_;
  Source source_ = Source::kNone;
  Epoch source_epoch_;
  uint64_t source_first_seq_ = 0;  // words below it do not move committed_
};

}  // namespace holdfast::replication

#endif  // HOLDFAST_REPLICATION_CORE_LOG_TRACK_H_
