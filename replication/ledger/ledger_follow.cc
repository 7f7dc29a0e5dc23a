#include <fmt/format.h>

#include <utility>

#include "replication/core/history.h"
#include "replication/ledger/history_fact.h"
#include "replication/ledger/ledger.h"
#include "replication/ledger/row_feed.h"
#include "server/base/check.h"
#include "server/base/crash_point.h"
#include "server/base/status_macros.h"
#include "server/vault/row_key.h"

namespace holdfast::replication {
namespace {

constexpr uint64_t kAliveEveryRows = 4096;

absl::Status Stopping() { return absl::UnavailableError("the ledger stops"); }

}  // namespace

void Ledger::Follow(const Epoch& epoch, uint64_t epoch_first_seq) {
  RunOnWriter([&] {
    if (epoch.number < held_for_.number) return;
    const uint64_t told = progress().head_seq;
    const absl::Status known = FindOut();
    MutexLock lock(mu_);
    // The sender was told of another log than was found: the next hello says which.
    if (!known.ok() || track_->head_seq() != told) return;
    track_->Follow(epoch, epoch_first_seq);
  });
}

void Ledger::Unfollow() {
  RunOnWriter([&] {
    MutexLock lock(mu_);
    track_->Unfollow();
  });
}

HeldLog Ledger::Held() {
  HeldLog held;
  RunOnWriter([&] {
    FindOut().IgnoreError();  // else: as if it were not there; nobody was told that it is
    held = HeldNow();
  });
  return held;
}

HeldLog Ledger::HoldAppends(const Epoch& granted) {
  HeldLog held;
  RunOnWriter([&] {
    if (granted.number > held_for_.number) held_for_ = granted;
    {
      MutexLock lock(mu_);
      track_->Unfollow();
    }
    FindOut().IgnoreError();
    held = HeldNow();
  });
  return held;
}

HeldLog Ledger::HeldNow() const {
  HeldLog held;
  held.setting_k = setting_.k;
  held.degrade = !setting_.block;
  for (const KSetting& setting : PendingSettings()) {
    held.pending_k.push_back(setting.k);
    held.degrade = held.degrade || setting.degrade;
  }
  MutexLock lock(mu_);
  held.end = end_;
  held.committed_seq = track_->applied_seq();
  // Between two tasks nothing is half appended: what is in the window is durable, or the ledger has
  // failed and only what was durable before counts.
  held.last = track_->durable_seq() == track_->head_seq()
                  ? track_->head()
                  : track_->MetaAt(track_->durable_seq()).value_or(track_->committed());
  return held;
}

ForeignOutcome Ledger::AppendForeign(const ForeignBatch& batch) {
  ForeignOutcome outcome{.failure = Stopping()};
  RunOnWriter([&] {
    outcome = AppendForeignNow(batch);
    if (!outcome.failure.ok()) return;
    if (!outcome.refusal) Confirm(batch.info.committed_seq);
    Advance();
    MutexLock lock(mu_);
    outcome.failure = failure_;
  });
  return outcome;
}

ForeignOutcome Ledger::AppendForeignNow(const ForeignBatch& batch) {
  if (distrusted()) return {.failure = absl::FailedPreconditionError("a snapshot must come first")};
  if (lost()) {
    const absl::Status known = FindOut();
    MutexLock lock(mu_);
    track_->Unfollow();
    if (!failure_.ok()) return {.failure = failure_};
    return {.refusal = known.ok() ? BatchRefusal::kNotAfterHello : BatchRefusal::kNoRoom,
            .detail = std::string(known.message())};
  }
  BatchOutcome judged;
  {
    MutexLock lock(mu_);
    if (!failure_.ok()) return {.failure = failure_};
    judged = track_->OnBatch(batch.info);
  }
  if (judged.refusal) return {.refusal = judged.refusal, .detail = judged.detail};
  if (judged.append == 0) return {};
  const uint64_t head = window_.head_seq();
  absl::Status status = PushForeign(batch, judged);
  if (MayStoreLater(status)) {
    if (absl::IsResourceExhausted(status)) TakeBack(head);
    MutexLock lock(mu_);
    track_->Unfollow();
    return {.refusal = BatchRefusal::kNoRoom, .detail = std::string(status.message())};
  }
  if (!status.ok()) CloseWith(status);
  return {.failure = status};
}

// A batch that did not go into the store: as if it had not come. Nothing is followed until the next
// hello.
void Ledger::TakeBack(uint64_t head) {
  {
    MutexLock lock(mu_);
    track_->Unfollow();
    HOLDFAST_CHECK(!track_->CutAfter(head).refused);
  }
  window_.CutAfter(head);
  RebuildPending();
}

absl::Status Ledger::PushForeign(const ForeignBatch& batch, const BatchOutcome& outcome) {
  std::vector<EntryPtr> entries;
  for (size_t i = outcome.skip; i < outcome.skip + outcome.append; ++i) {
    WindowItem item = batch.items[i];
    HOLDFAST_ASSIGN_OR_RETURN(
        item.digest_change,
        DigestChange(*pending_, *item.record, keys_, [&](const v1::RowChange& change) {
          return pending_->Apply(item.entry->seq, change);
        }));
    entries.push_back(item.entry);
    window_.Push(std::move(item));
  }
  uint64_t commits = 0;
  std::vector<EpochStart> history;
  {
    MutexLock lock(mu_);
    commits = track_->CommittedOnceDurable(window_.head_seq());
    if (!outcome.new_epochs.empty()) history = track_->history();
  }
  HOLDFAST_RETURN_IF_ERROR(StoreAppend(entries, commits, history));
  for (const EntryPtr& entry : entries) ring_.Push(entry);
  {
    MutexLock lock(mu_);
    track_->OnDurable(window_.head_seq());
  }
  return ReadEnd();
}

void Ledger::CommitForeign(uint64_t committed_seq) {
  RunOnWriter([&] {
    {
      MutexLock lock(mu_);
      if (!track_->following()) return;
      track_->OnCommitted(committed_seq);
    }
    Confirm(committed_seq);
    Advance();
  });
}

absl::Status Ledger::CutAfter(uint64_t seq) {
  absl::Status status = Stopping();
  RunOnWriter([&] { status = CutNow(seq); });
  return status;
}

absl::Status Ledger::CutNow(uint64_t seq) {
  HOLDFAST_RETURN_IF_ERROR(FindOut());
  std::vector<EpochStart> history;  // in the same transaction
  {
    MutexLock lock(mu_);
    HOLDFAST_RETURN_IF_ERROR(failure_);
    if (seq >= track_->head_seq()) return absl::OkStatus();
    if (seq < track_->committed_seq()) {
      return absl::FailedPreconditionError(track_->CutAfter(seq).detail);
    }
    history = HistoryUpTo(track_->history(), seq);
  }
  const absl::Status status = store_.CutAfter(seq, {{kHistoryFact, EncodeHistory(history)}});
  if (MayStoreLater(status)) return NoteLost({.cut_after = seq}, status);
  if (!status.ok()) {
    CloseWith(status);
    return status;
  }
  const absl::Status done = FinishCut(seq);
  if (!done.ok()) CloseWith(done);
  Moved();
  return done;
}

// The store has cut: so does what this node knows of its log.
absl::Status Ledger::FinishCut(uint64_t seq) {
  {
    MutexLock lock(mu_);
    track_->Unfollow();
    HOLDFAST_CHECK(!track_->CutAfter(seq).refused);
  }
  ring_.CutAfter(seq);
  window_.CutAfter(seq);
  {
    MutexLock lock(mu_);
    log_sizes_.CutAfter(seq);
  }
  RebuildPending();
  return ReadEnd();
}

void Ledger::RebuildPending() {
  pending_->Clear();
  if (distrusted()) return;
  uint64_t shown = 0;
  {
    ReaderLock lock(state_mu_);
    shown = shown_.seq;
  }
  for (uint64_t seq = shown + 1; seq <= window_.head_seq(); ++seq) {
    for (const v1::RowChange& change : window_.at(seq).record->changes()) {
      HOLDFAST_CHECK(pending_->Apply(seq, change).ok());
    }
  }
}

absl::Status Ledger::ReplaceBySnapshot(const SnapshotPoint& point, SnapshotRows rows,
                                       const std::function<void()>& alive) {
  // Here, not on the writer: others wait for that one, and the rows take their time.
  HOLDFAST_RETURN_IF_ERROR(rows.Finish(alive));
  absl::Status status = Stopping();
  RunOnWriter([&] { status = ReplaceNow(point, std::move(rows), alive); });
  return status;
}

absl::Status Ledger::ReplaceNow(const SnapshotPoint& point, SnapshotRows rows,
                                const std::function<void()>& alive) {
  HOLDFAST_RETURN_IF_ERROR(FindOut());
  {
    MutexLock lock(mu_);
    HOLDFAST_RETURN_IF_ERROR(failure_);
  }
  // What was shown is given up for a newer epoch only: a diverged node. Shown never goes back.
  const Position to{.epoch = point.last_epoch.number, .seq = point.seq};
  if (const Position shown = progress().shown; to < shown) {
    return absl::DataLossError(
        fmt::format("a snapshot at {}, but this node has shown {}", ToText(to), ToText(shown)));
  }
  if (rows.digest() != point.state_digest) {
    return absl::DataLossError("the rows of the snapshot do not give its state digest");
  }
  for (const v1::DataKeyRow* key : AllDataKeys(rows.state())) {
    HOLDFAST_RETURN_IF_ERROR(keys_.Load(*key));
  }
  HOLDFAST_CRASH_POINT("snapshot.install.begin");
  uint64_t before = 0;
  {
    MutexLock lock(mu_);
    before = unconfirmed_seq_;
    if (point.pending) unconfirmed_seq_ = point.seq;  // Readers are turned away before it comes.
  }
  if (point.pending) Moved();
  const absl::Status stored = StoreSnapshot(point, rows, alive);
  if (stored.ok()) return SwapIn(rows.Take(), point);
  {
    MutexLock lock(mu_);
    unconfirmed_seq_ = before;
  }
  Moved();
  return NoteLost({.rows = rows.Take(), .point = point}, stored);
}

absl::Status Ledger::StoreSnapshot(const SnapshotPoint& point, const SnapshotRows& rows,
                                   const std::function<void()>& alive) {
  const storage::Applied applied{.position = {.epoch = point.last_epoch.number, .seq = point.seq},
                                 .digest = point.digest,
                                 .state_digest = point.state_digest};
  // The history in the same transaction: one that is not the log's is refused at the next start.
  const storage::Facts facts{
      {kHistoryFact, EncodeHistory(point.history)},
      {kDistrustFact, ""},
      {kUnconfirmedFact, point.pending ? std::to_string(point.seq) : std::string()}};
  if (storage::StagedRows* staged = rows.staged()) {
    HOLDFAST_CRASH_POINT("snapshot.stage.before_swap");
    HOLDFAST_RETURN_IF_ERROR(store_.ReplaceByStaged(*staged, applied, point.last_epoch, facts));
  } else {
    HOLDFAST_RETURN_IF_ERROR(StoreRows(rows.state(), applied, point.last_epoch, facts, alive));
  }
  HOLDFAST_CRASH_POINT("snapshot.install.after_swap");
  return absl::OkStatus();
}

// Into a store that has no place beside its tables.
absl::Status Ledger::StoreRows(const vault::State& state, const storage::Applied& applied,
                               const Epoch& last_epoch, const storage::Facts& facts,
                               const std::function<void()>& alive) {
  RowFeed feed(state);
  uint64_t given = 0;
  const auto next = [&]() -> absl::StatusOr<std::optional<v1::Row>> {
    if (++given % kAliveEveryRows == 0) alive();
    std::optional<v1::Row> row = feed.Next();
    if (row) {
      HOLDFAST_CRASH_POINT("snapshot.install.in_rows");
    } else {
      HOLDFAST_CRASH_POINT("snapshot.install.before_swap");
    }
    return row;
  };
  return store_.ReplaceBySnapshot(next, applied, last_epoch, facts);
}

absl::Status Ledger::SwapIn(std::unique_ptr<vault::State> fresh, const SnapshotPoint& point) {
  const EntryMeta at{.epoch = point.last_epoch, .seq = point.seq, .digest = point.digest};
  if (const absl::Status status = committed_file_.Save({at.epoch.number, at.seq}); !status.ok()) {
    CloseWith(status);
    return status;
  }
  HOLDFAST_CRASH_POINT("snapshot.install.after_save");
  {
    WriterLock lock(state_mu_);
    if (changed_) changed_->NoteReplaced();
    fresh.swap(state_);
    shown_ = at;
    shown_state_digest_ = point.state_digest;
    digest_marks_.clear();
    pending_ = std::make_unique<vault::PendingState>(*state_);
  }
  window_.Start(at, point.state_digest);
  stored_seq_ = at.seq;
  ring_.Clear();
  ReadSetting();
  {
    MutexLock lock(mu_);
    track_->Reset(at, point.history);
    end_ = {};
    oldest_seq_ = at.seq + 1;
    log_sizes_.Clear();
    distrust_.clear();
    unconfirmed_seq_ = point.pending ? point.seq : 0;
  }
  Moved();
  return absl::OkStatus();
}

}  // namespace holdfast::replication
