#ifndef HOLDFAST_REPLICATION_LEDGER_LEDGER_H_
#define HOLDFAST_REPLICATION_LEDGER_LEDGER_H_

#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "replication/core/commit_rule.h"
#include "replication/core/log_track.h"
#include "replication/ledger/changed_keys.h"
#include "replication/ledger/committed_file.h"
#include "replication/ledger/entry_ring.h"
#include "replication/ledger/log_sizes.h"
#include "replication/ledger/log_window.h"
#include "replication/ledger/snapshot_rows.h"
#include "server/base/clock.h"
#include "server/base/limits.h"
#include "server/base/mutex.h"
#include "server/crypto/key_ring.h"
#include "server/storage/store.h"
#include "server/vault/pending_state.h"
#include "server/vault/plan.h"
#include "server/vault/state.h"

namespace holdfast::replication {

// How far the log of this node is.
struct LedgerProgress {
  uint64_t head_seq = 0;  // appended; on the primary perhaps not durable yet
  uint64_t durable_seq = 0;
  uint64_t committed_seq = 0;  // shown
  Position shown;
  bool leading = false;
  bool epoch_start_committed = false;  // of the epoch that it leads
  bool degraded = false;               // leading, policy degrade: acknowledges alone at the moment
  absl::Status store_fault;            // why what was sent waits to be stored, or found out about
  bool ended = false;                  // leading, and a hand-over or clean-stop record is appended
  LogTail end;                         // of what is durable
  absl::Status failure;                // not OK: closed, reads go on
  // Not empty: the rows cannot be trusted, and why. Nothing of them is to be served; the log, which
  // was checked, is good for a vote. Only a snapshot ends it.
  std::string distrust;
  // The rows are those of a snapshot at shown.seq that is not known to be committed. Nothing of
  // them is to be served until it is; the log is as good as any.
  bool unconfirmed = false;
};

// The state digest at a committed position.
struct StatePoint {
  uint64_t seq = 0;
  Digest state_digest{};
};

struct LevelAsk {
  Level level = Level::kLocal;
  uint32_t k = 0;
  auto operator<=>(const LevelAsk&) const = default;
};
struct WriteOptions {
  std::optional<LevelAsk> level;  // in place of the cluster's; never answered before its commit
};

struct WriteResult {
  vault::Planned planned;  // without its changes
  Position position;
  LevelAsk level;         // that it was answered at
  bool degraded = false;  // by the primary alone: policy degrade
};
using WriteDone = std::function<void(absl::StatusOr<WriteResult>)>;

// A batch of the stream, its entries verified and parsed (CheckEntries).
struct ForeignBatch {
  BatchInfo info;
  std::vector<WindowItem> items;  // one for each of info.entries
};
struct ForeignOutcome {
  std::optional<BatchRefusal> refusal;
  std::string detail;
  absl::Status failure;  // of this node's own disk: the ledger is closed; no room is a refusal
};

// What a voter tells with a grant.
struct HeldLog {
  EntryMeta last;  // durable
  LogTail end;     // what the record at `last` says; kOpen when it is not kept (after a snapshot)
  uint32_t setting_k = 0;
  std::vector<uint32_t> pending_k;
  uint64_t committed_seq = 0;  // shown
  bool degrade = false;        // one of these settings has the policy `degrade`
};

// Who votes, this node included when it does; sorted.
struct Membership {
  std::vector<std::string> committed;             // by the rows that are shown
  std::vector<std::vector<std::string>> pending;  // after each later change of a member, in order
};

// What a snapshot holds beside its rows.
struct SnapshotPoint {
  Epoch last_epoch;
  uint64_t seq = 0;
  Digest digest{};
  Digest state_digest{};
  uint64_t changes = 0;             // given to make it; a row may be in several
  std::vector<EpochStart> history;  // up to seq, oldest first
  bool pending = false;             // the record there begins an epoch, and is not committed yet
  TableSizes tables;                // about; the large ones
};

// The one place where a write becomes durable, committed and visible, on the primary and on the
// secondaries alike.
//
// Room        replication/ledger.
// Promises    1. One writer at a time: what waits while a batch is in its fsync is the next batch.
//             2. A record is shown, and answered, only when it is committed, and that position is
//                on this disk; shown never goes back.
//             3. Readers see committed rows only; planning sees everything appended.
//             4. Rows of committed records are in the store not later than with the next batch.
//             5. A failed append or fsync closes the ledger: whoever waits for an appended record
//                hears OUTCOME_UNKNOWN, later writes LEDGER_CLOSED; reads go on. No room on the
//                disk is no failure: what was sent to others is tried again with the same bytes,
//                new writes are refused meanwhile (OVERLOADED); a follower refuses its batch.
//             6. A write that the store could not answer is found out, whatever it was, and counts
//                as what is there; nothing else is written before.
//             7. A write is answered when its time is over, also while the store lets the writer
//                wait.
//             8. While records wait to be committed, the next ones are planned once they are as
//                many, or have waited for group_wait_max.
// Relies on   A store of its own (storage/store.h).
// Threading   Thread-safe. Callbacks run on the writer thread, on that of whoever calls while it is
//             idle (OnAck, what says "waits"), or on that which watches deadlines: they must not
//             block or call back into a method that says "waits".
// Ownership   Borrows store, keys and clock, which must outlive it. Owns the state.
class Ledger {
 public:
  struct Options {
    std::string node_id;
    std::string committed_path;  // the file of the committed position
    size_t ring_bytes = limits::kEntryRingBytesMax;
    std::chrono::milliseconds commit_wait_max = limits::kCommitWaitMax;
    // Appended and not committed. Below what a log may start with: a restart adds a start record.
    size_t pending_writes_max = kPendingRecordsMax - 1024;
    // How long a write waits for its group, whatever the followers do.
    std::chrono::milliseconds group_wait_max{5};
    // Of each append of records: how long the store took to make it durable. On the writer thread.
    std::function<void(std::chrono::nanoseconds)> stored = nullptr;
  };
  // Loads rows and log, and proves them: the state digest of the rows, chain and MAC of each entry.
  // DATA_LOSS: the log in the store is not what this cluster has written, or less than was shown.
  // Rows that are not: opened without them, see LedgerProgress::distrust.
  static absl::StatusOr<std::unique_ptr<Ledger>> Open(Options options, storage::Store& store,
                                                      crypto::KeyRing& keys, const Clock& clock);
  ~Ledger();  // Close

  // Ends the writer thread; what waits is answered. Rows that are owed are written.
  void Close();

  // ---- Reading, on any thread. `read` runs under the reader lock: keep it short.
  void Read(absl::FunctionRef<void(const vault::StateReader&, Position shown)> read) const;
  LedgerProgress progress() const;
  LogShape Shape() const;  // of everything appended; its tail: of what is durable
  // Known for the shown position, and for the newest kDigestMarks multiples of kDigestEvery below.
  std::optional<Digest> StateDigestAt(uint64_t seq) const;
  StatePoint ShownDigest() const;
  std::optional<StatePoint> NewestDigestMark() const;
  // The state differs from the primary's: see LedgerProgress::distrust. Durable, as far as it can.
  void Distrust(const std::string& why);
  HeldLog Held();  // of what is durable; waits
  // Called on the writer thread whenever progress() moved, and when the ledger closes.
  uint64_t Subscribe(std::function<void()> moved);
  // Waits until a call of it that is under way has returned.
  void Unsubscribe(uint64_t id);

  // ---- As primary.
  // Appends the epoch-start record; waits until it is durable here. Epoch must be claimed and on
  // disk. It is committed later: see progress(). `lowered` is put into the record and counts at
  // once, for that very record. A refusal of the vault, RESOURCE_EXHAUSTED: it does not lead; after
  // RESOURCE_EXHAUSTED this epoch must not be started again, for others may have its record.
  // FAILED_PRECONDITION: the log does not end at `after`, as it did when others were asked about
  // it.
  absl::Status StartEpoch(const Epoch& epoch,
                          const std::optional<vault::SetSettings>& lowered = std::nullopt,
                          const std::optional<EntryMeta>& after = std::nullopt);
  // Ends leading: waiting writes are answered OUTCOME_UNKNOWN, queued ones NOT_PRIMARY. Waits.
  void StepDown();
  // OK: what the store holds is known. UNAVAILABLE: the answer to a write was lost, and the store
  // is still away. Waits.
  absl::Status Settle();
  // Refusals of the vault, NOT_PRIMARY, NOT_ENOUGH_SECONDARIES, OVERLOADED, LEDGER_CLOSED: nothing
  // was written. OUTCOME_UNKNOWN: see there.
  void Submit(vault::Command command, WriteOptions options, WriteDone done);
  void Submit(vault::Command command, WriteDone done) {
    Submit(std::move(command), {}, std::move(done));
  }
  // From now on new writes wait in the queue, neither planned nor refused (a full queue refuses),
  // until ReleaseWrites or StepDown. A batch that has left the queue is still appended.
  void HoldWrites();
  void ReleaseWrites();
  // The last record of this epoch: nothing is planned after it, what is queued waits for StepDown.
  // Returns its seq once it is durable here; RESOURCE_EXHAUSTED or FAILED_PRECONDITION, and nothing
  // was appended, while the store takes no writes, and when this node does not lead or has ended
  // its epoch otherwise already. UNAVAILABLE: its answer was lost, and writes are held; once
  // store_fault is over, the same call again tells. Waits.
  absl::StatusOr<uint64_t> AppendHandOver(const std::string& target);
  absl::StatusOr<uint64_t> AppendCleanStop();
  void OnConnected(const std::string& node_id);
  void OnAck(const std::string& node_id, const AckInfo& ack);
  void OnDisconnected(const std::string& node_id);
  bool ConnectedEnough() const;  // false: policy block refuses writes

  // ---- As secondary. All wait for the writer thread.
  // Nothing comes of it when a newer epoch was granted: see HoldAppends.
  void Follow(const Epoch& epoch, uint64_t epoch_first_seq);
  void Unfollow();
  // Durable on return, as far as there is no refusal.
  ForeignOutcome AppendForeign(const ForeignBatch& batch);
  void CommitForeign(uint64_t committed_seq);
  absl::Status CutAfter(uint64_t seq);
  // For a candidate, neither leading nor following: dense entries of another member's log, behind
  // `previous`. They are verified here; where this log differs it is cut first. Durable on return.
  // FAILED_PRECONDITION, and nothing changed: a gap, or they differ at or below what was shown.
  absl::Status AppendFetched(const Digest& previous, const std::vector<EntryPtr>& entries);
  // Who votes by this log; waits.
  Membership Members();
  // Unfollow, and what the log was at that moment: from then on nothing of an epoch older than
  // `granted` comes in, also when somebody was about to follow it.
  HeldLog HoldAppends(const Epoch& granted);
  // For SnapshotRows; null: the store has no place beside its tables.
  absl::StatusOr<std::unique_ptr<storage::StagedRows>> StageRows() { return store_.StageRows(); }
  // Replaces everything; the old state is served meanwhile. DATA_LOSS, and nothing changed, when
  // the rows do not give the state digest. Calls `alive` now and then: it takes a while.
  absl::Status ReplaceBySnapshot(const SnapshotPoint& point, SnapshotRows rows,
                                 const std::function<void()>& alive);

  // ---- For streams and snapshots, on any thread.
  // Entries from `first_seq` on, also those not durable yet. OUT_OF_RANGE when trimmed away.
  absl::StatusOr<std::vector<EntryPtr>> ReadLog(uint64_t first_seq, size_t records_max,
                                                size_t bytes_max);
  // nullopt when not retained.
  std::optional<Digest> DigestAt(uint64_t seq);
  uint64_t oldest_seq() const;
  // Gives all rows of one committed position as changes to nothing, of which later ones win: each
  // row as it was at some moment, then what changed meanwhile. Writers wait for short slices only.
  // The sink may be called on another thread. One copy at a time. ABORTED: a snapshot replaced
  // everything meanwhile.
  // `with_start`: leading, and while the epoch's start record waits to be committed, up to that
  // record (SnapshotPoint::pending); it may wait for whoever gets this copy.
  using ChangeSink = absl::FunctionRef<absl::Status(const v1::RowChange&)>;
  absl::StatusOr<SnapshotPoint> CopyRows(ChangeSink sink, bool with_start = false);
  uint64_t rows() const;
  absl::StatusOr<LogSizes::Order> Trim(const Retention& retention);
  LogSize log_size() const;

 private:
  struct Waiting {
    MonoTime since;
    vault::Command command;
    WriteOptions options;
    WriteDone done;
  };
  struct Answer {  // of an appended record
    uint64_t seq = 0;
    MonoTime deadline;
    bool block = true;  // the policy
    WriteResult result;
    WriteDone done;
  };
  struct Wait {
    LevelAsk level;
    std::chrono::milliseconds longest{};
    auto operator<=>(const Wait&) const = default;
  };
  struct Setting {
    LevelAsk level;
    uint32_t k = 0;  // of the commit rule
    bool block = true;
    std::chrono::milliseconds wait{};  // for the level
  };

  Ledger(Options options, storage::Store& store, crypto::KeyRing& keys, const Clock& clock,
         CommittedFile committed_file);

  // ---- open_ledger.cc
  absl::Status Load();
  absl::Status LoadRows(storage::LoadResult& loaded);
  absl::Status CheckStoredLog(const storage::LoadResult& loaded);
  absl::Status LoadLog(const storage::LoadResult& loaded, uint64_t committed_seq,
                       const std::vector<EpochStart>& history);
  absl::Status LoadEntries(const std::vector<EntryPtr>& entries);
  absl::Status StartTrack(const storage::LoadResult& loaded, std::vector<EpochStart> history);

  // ---- ledger.cc: the writer, a thread, or whoever finds it idle
  void Run();
  void WatchDeadlines();
  bool NextWork(std::vector<std::function<void()>>& tasks, std::vector<Waiting>& writes);
  bool RunOnWriter(const std::function<void()>& task);
  bool HasWork() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  bool MayPlan() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  bool GroupGathers() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  bool TakeTurn() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void EndTurn();
  void CloseWith(const absl::Status& why);
  void Moved();

  // ---- ledger_lead.cc: the beginning and the end of leading
  absl::Status StartNow(const Epoch& epoch, const std::optional<vault::SetSettings>& lowered,
                        const std::optional<EntryMeta>& after);
  absl::StatusOr<v1::Record> StartRecord(const std::optional<vault::SetSettings>& lowered) const;
  absl::StatusOr<uint64_t> AppendLast(v1::Record record);
  absl::Status AppendDurablyFirst(v1::Record record);
  absl::Status FinishLast(uint64_t seq) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void StepDownNow();

  // ---- ledger_write.cc
  void WriteBatch(std::vector<Waiting> writes);
  absl::Status MayWrite(const Setting& setting, const LevelAsk& level) const;
  absl::StatusOr<vault::Planned> PlanAndPush(const vault::Command& command);
  absl::Status PushRecord(v1::Record record);
  absl::Status AppendPushed(size_t count);
  void TellRule(uint64_t seq, const v1::Record& record) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  absl::Status StorePushed();
  void RetryStore();
  void DropUnstored();

  // ---- ledger_answers.cc
  MonoTime WakeAt() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  bool AnswerableNow(const LevelAsk& level, uint64_t seq) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void Expire(Answer answer);
  void ExpireAnswers();
  void ExpireQueued();
  void AnswerReady();
  void FailAnswers(const absl::Status& why);

  // ---- ledger_find_out.cc
  // A write that the store could not answer. Nothing else is written before FindOut has said
  // whether it is there; the log is what it was, and of what was appended nothing is durable.
  struct LostWrite {
    std::vector<EntryPtr> appended = {};
    uint64_t commits = 0;  // with the rows up to here
    std::optional<uint64_t> cut_after = {};
    std::unique_ptr<vault::State> rows = {};  // of a snapshot, and where it is
    SnapshotPoint point = {};
  };
  void NoteFault(const absl::Status& stored);
  absl::Status NoteLost(LostWrite lost, const absl::Status& status);
  absl::Status FindOut();
  bool lost() const;
  EntryMeta ToldHead() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  absl::Status FoundThere(LostWrite lost);
  absl::Status FoundNotThere(const LostWrite& lost);

  // ---- ledger_commit.cc
  bool distrusted() const;
  void NoteStored(const std::vector<EntryPtr>& entries, uint64_t commits);
  absl::Status StoreAppend(const std::vector<EntryPtr>& entries, uint64_t commits,
                           const std::vector<EpochStart>& history);
  void Advance();
  bool ShowCommitted();
  absl::Status Show(uint64_t seq);
  void ApplyShown(uint64_t seq);
  void Confirm(uint64_t committed_seq);
  void LearnFrom(const v1::Record& record);
  Setting SettingOf(const v1::ClusterRow& row) const;
  static KSetting RuleSetting(uint64_t seq, const Setting& setting) {
    return {.seq = seq, .k = setting.k, .degrade = !setting.block, .wait = setting.wait};
  }
  void ReadSetting();
  const Setting& SettingNow() const { return lowered_ ? *lowered_ : setting_; }
  static std::vector<const v1::DataKeyRow*> AllDataKeys(const vault::State& state);
  Membership MembersNow() const;
  std::vector<KSetting> PendingSettings() const;

  // ---- ledger_follow.cc
  ForeignOutcome AppendForeignNow(const ForeignBatch& batch);
  void TakeBack(uint64_t head);
  absl::Status PushForeign(const ForeignBatch& batch, const BatchOutcome& outcome);
  absl::Status CutNow(uint64_t seq);
  absl::Status FinishCut(uint64_t seq);
  absl::Status ReplaceNow(const SnapshotPoint& point, SnapshotRows rows,
                          const std::function<void()>& alive);
  absl::Status StoreSnapshot(const SnapshotPoint& point, const SnapshotRows& rows,
                             const std::function<void()>& alive);
  absl::Status StoreRows(const vault::State& state, const storage::Applied& applied,
                         const Epoch& last_epoch, const storage::Facts& facts,
                         const std::function<void()>& alive);
  absl::Status SwapIn(std::unique_ptr<vault::State> fresh, const SnapshotPoint& point);
  void RebuildPending();
  HeldLog HeldNow() const;

  // ---- copy_rows.cc
  class Slice;
  TableSizes LargeTables() const;
  absl::Status CopyTable(v1::Table table, Slice& slice);
  absl::StatusOr<std::vector<uint64_t>> IdsOf(v1::Table table) const;
  absl::Status CopyChanged(const ChangedKeys& keys, Slice& slice);
  absl::Status CopyPending(SnapshotPoint& point, ChangeSink sink);
  absl::Status CheckCopied() const ABSL_SHARED_LOCKS_REQUIRED(state_mu_);
  // ---- ledger_fetched.cc
  absl::Status AppendFetchedNow(const Digest& previous, const std::vector<WindowItem>& items);
  absl::StatusOr<size_t> CutWhereTheyDiffer(const Digest& previous,
                                            const std::vector<WindowItem>& items);
  absl::Status ReadEnd();

  const Options options_;
  storage::Store& store_;
  crypto::KeyRing& keys_;
  const Clock& clock_;

  // The writer's own.
  CommittedFile committed_file_;
  LogWindow window_;         // (rows in the store, head]
  uint64_t stored_seq_ = 0;  // the store has the rows up to here; ahead of window_ until shown
  std::unique_ptr<vault::PendingState> pending_;
  Setting setting_;                 // by the rows that are shown
  std::optional<Setting> lowered_;  // by the start record of our epoch, until that is shown
  // The newest records of the window that are sent and not stored, for want of room.
  size_t unstored_ = 0;
  MonoTime store_again_at_;
  std::chrono::milliseconds store_again_after_{};
  Epoch held_for_;              // no older epoch is followed
  bool degraded_told_ = false;  // in the node's log

  EntryRing ring_;

  mutable SharedMutex state_mu_;
  std::unique_ptr<vault::State> state_ ABSL_GUARDED_BY(state_mu_);
  EntryMeta shown_ ABSL_GUARDED_BY(state_mu_);
  Digest shown_state_digest_ ABSL_GUARDED_BY(state_mu_){};
  std::deque<StatePoint> digest_marks_ ABSL_GUARDED_BY(state_mu_);
  std::optional<ChangedKeys> changed_ ABSL_GUARDED_BY(state_mu_);  // while a copy is made
  Mutex copy_mu_;                                                  // one copy at a time

  mutable Mutex mu_;
  CondVar wake_;
  std::unique_ptr<LogTrack> track_ ABSL_GUARDED_BY(mu_);
  std::unique_ptr<CommitRule> rule_ ABSL_GUARDED_BY(mu_);  // null: not leading
  Epoch leading_epoch_ ABSL_GUARDED_BY(mu_);
  uint64_t epoch_start_seq_ ABSL_GUARDED_BY(mu_) = 0;
  LogTail end_ ABSL_GUARDED_BY(mu_);         // of the durable log
  bool ended_ ABSL_GUARDED_BY(mu_) = false;  // by us, in the epoch that we lead
  bool held_ ABSL_GUARDED_BY(mu_) = false;
  absl::Status store_fault_ ABSL_GUARDED_BY(mu_);
  std::optional<LostWrite> lost_ ABSL_GUARDED_BY(mu_);
  // By what they wait for, and how long: within one they are ready, and late, in the order of their
  // seqs.
  std::map<Wait, std::deque<Answer>> answers_ ABSL_GUARDED_BY(mu_);
  std::chrono::milliseconds queue_wait_ ABSL_GUARDED_BY(mu_){};  // for a write to be looked at
  CondVar leads_;                                                // or stops: WatchDeadlines
  // Policy degrade: a level was given up once, and too few have come back since.
  bool gave_up_ ABSL_GUARDED_BY(mu_) = false;
  bool busy_ ABSL_GUARDED_BY(mu_) = true;     // somebody is the writer at the moment
  bool wanted_ ABSL_GUARDED_BY(mu_) = false;  // and its thread waits for that to end
  MonoTime watched_ ABSL_GUARDED_BY(mu_){};   // until when that thread sleeps, unless it is woken
  std::deque<Waiting> queue_ ABSL_GUARDED_BY(mu_);
  std::deque<std::function<void()>> tasks_ ABSL_GUARDED_BY(mu_);
  bool acked_ ABSL_GUARDED_BY(mu_) = false;
  bool level_awaited_ ABSL_GUARDED_BY(mu_) = false;  // by what is committed
  bool stop_ ABSL_GUARDED_BY(mu_) = false;
  uint64_t oldest_seq_ ABSL_GUARDED_BY(mu_) = 1;
  LogSizes log_sizes_ ABSL_GUARDED_BY(mu_);
  std::string distrust_ ABSL_GUARDED_BY(mu_);
  uint64_t unconfirmed_seq_ ABSL_GUARDED_BY(mu_) = 0;  // of a snapshot; 0: none
  absl::Status failure_ ABSL_GUARDED_BY(mu_);

  Mutex subscribers_mu_;
  uint64_t next_subscriber_ ABSL_GUARDED_BY(subscribers_mu_) = 1;
  std::map<uint64_t, std::function<void()>> subscribers_ ABSL_GUARDED_BY(subscribers_mu_);

  std::thread writer_;
  std::thread deadlines_;
};

inline constexpr uint64_t kDigestEvery = 1024;
inline constexpr size_t kDigestMarks = 64;
LogTail EndOf(const v1::Record& record);
// What failed to be stored may be given to the store again: no room, or its server is away.
bool MayStoreLater(const absl::Status& stored);
std::string FaultText(const absl::Status& fault);  // as a clause; empty: no fault

// The row of the cluster that a record puts, or nullptr; and the k of the commit rule in it.
const v1::ClusterRow* ClusterRowIn(const v1::Record& record);
uint32_t KOf(const v1::ClusterRow& row);

}  // namespace holdfast::replication

#endif  // HOLDFAST_REPLICATION_LEDGER_LEDGER_H_
