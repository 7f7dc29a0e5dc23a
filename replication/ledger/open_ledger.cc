#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "replication/core/history.h"
#include "replication/ledger/history_fact.h"
#include "replication/ledger/ledger.h"
#include "server/base/status_macros.h"
#include "server/crypto/record_chain.h"
#include "server/observe/log.h"
#include "server/vault/row_key.h"

namespace holdfast::replication {
namespace {

constexpr size_t kLoadRecords = 1024;
constexpr size_t kLoadBytes = 4 << 20;

int64_t WallOf(const LogEntry& entry) {
  v1::Record record;
  return record.ParseFromString(entry.record) ? record.wall_ms() : 0;
}

// A new file would say that nothing was ever shown; only a store without any epoch has none.
absl::Status CheckNotLost(const std::string& committed_path, storage::Store& store) {
  if (FileExists(committed_path)) return absl::OkStatus();
  HOLDFAST_ASSIGN_OR_RETURN(const std::optional<std::string> history, store.GetFact(kHistoryFact));
  if (!history.has_value()) return absl::OkStatus();
  return absl::DataLossError(
      fmt::format("{}: not there, though the store holds a log; restore the file from the node's "
                  "backup, or join the node anew",
                  committed_path));
}

}  // namespace

absl::StatusOr<std::unique_ptr<Ledger>> Ledger::Open(Options options, storage::Store& store,
                                                     crypto::KeyRing& keys, const Clock& clock) {
  HOLDFAST_RETURN_IF_ERROR(CheckNotLost(options.committed_path, store));
  HOLDFAST_ASSIGN_OR_RETURN(CommittedFile file, CommittedFile::Open(options.committed_path));
  auto ledger =
      std::unique_ptr<Ledger>(new Ledger(std::move(options), store, keys, clock, std::move(file)));
  HOLDFAST_RETURN_IF_ERROR(ledger->Load());
  ledger->writer_ = std::thread([raw = ledger.get()] { raw->Run(); });
  ledger->deadlines_ = std::thread([raw = ledger.get()] { raw->WatchDeadlines(); });
  return ledger;
}

absl::Status Ledger::Load() {
  storage::LoadResult loaded;
  HOLDFAST_RETURN_IF_ERROR(LoadRows(loaded));
  HOLDFAST_ASSIGN_OR_RETURN(const std::optional<std::string> fact, store_.GetFact(kHistoryFact));
  HOLDFAST_ASSIGN_OR_RETURN(std::vector<EpochStart> history, DecodeHistory(fact.value_or("")));
  // A cut may have been interrupted before the history followed: it follows now, for once the log
  // has grown again nothing shows that it is too long.
  const size_t told = history.size();
  history = HistoryUpTo(history, loaded.last.seq);
  if (history.size() != told) {
    HOLDFAST_RETURN_IF_ERROR(store_.PutFact(kHistoryFact, EncodeHistory(history)));
  }
  // As pairs: a snapshot of a newer epoch may lie at a lower seq than what a diverged node had
  // shown.
  const uint64_t committed_seq = std::max(committed_file_.committed(), loaded.applied.position).seq;
  if (committed_seq > loaded.last.seq) {
    return absl::DataLossError(fmt::format(
        "the log ends at {}, but this node has shown everything up to {}: records are missing; "
        "restore the store, or join this node anew",
        loaded.last.seq, committed_seq));
  }
  HOLDFAST_RETURN_IF_ERROR(CheckStoredLog(loaded));
  HOLDFAST_RETURN_IF_ERROR(LoadLog(loaded, committed_seq, history));
  return StartTrack(loaded, std::move(history));
}

// Rows that cannot be right are no reason to stop for ever: the log may be whole, and a primary has
// the rows. What a newer program wrote is left alone.
absl::Status Ledger::LoadRows(storage::LoadResult& loaded) {
  StateDigest digest;
  absl::Status fault;
  auto rows = std::make_unique<vault::State>();
  HOLDFAST_ASSIGN_OR_RETURN(loaded, store_.Load([&](v1::Row&& row) -> absl::Status {
    if (!fault.ok()) return absl::OkStatus();
    fault = vault::CheckRow(row);
    if (absl::IsUnimplemented(fault)) return fault;
    if (!fault.ok()) return absl::OkStatus();
    digest.Add(MacOfRow(keys_, vault::KeyOf(row).table(), vault::InnerOf(row)));
    fault = rows->Put(std::move(row));
    return absl::OkStatus();
  }));
  if (fault.ok() && digest.value() != loaded.applied.state_digest) {
    fault = absl::DataLossError(fmt::format(
        "the rows in the store are not those that this cluster has written (state digest at "
        "position {}): a row was added, changed or removed beside Holdfast",
        ToText(loaded.applied.position)));
  }
  for (const v1::DataKeyRow* key : AllDataKeys(*rows)) {
    if (fault.ok()) fault = keys_.Load(*key);
  }
  HOLDFAST_ASSIGN_OR_RETURN(const std::optional<std::string> told, store_.GetFact(kDistrustFact));
  std::string distrust = told.value_or("");
  if (!fault.ok()) distrust = std::string(fault.message());
  if (!distrust.empty()) {
    LogError("nothing is served from this store until a primary has sent a snapshot: {}", distrust);
    rows = std::make_unique<vault::State>();
    MutexLock lock(mu_);
    distrust_ = std::move(distrust);
  }
  WriterLock lock(state_mu_);
  state_ = std::move(rows);
  pending_ = std::make_unique<vault::PendingState>(*state_);
  shown_state_digest_ = loaded.applied.state_digest;
  return absl::OkStatus();
}

// The part whose rows are stored: this node does not read it again, but sends it to others.
absl::Status Ledger::CheckStoredLog(const storage::LoadResult& loaded) {
  Digest before = loaded.before_first.digest;
  uint64_t seq = loaded.before_first.seq;
  const uint64_t end = loaded.applied.position.seq;
  while (seq < end) {
    HOLDFAST_ASSIGN_OR_RETURN(
        const std::vector<EntryPtr> entries,
        store_.ReadLog(seq + 1, std::min<uint64_t>(kLoadRecords, end - seq), kLoadBytes));
    if (entries.empty()) return absl::DataLossError("the log ends before its last entry");
    const int64_t wall_ms = WallOf(*entries.back());  // of each of them it would take longer
    for (const EntryPtr& entry : entries) {
      HOLDFAST_RETURN_IF_ERROR(crypto::VerifyEntry(*entry, before, keys_));
      before = entry->digest;
      seq = entry->seq;
      MutexLock lock(mu_);
      log_sizes_.Add(seq, entry->record.size(), wall_ms);
    }
  }
  if (before == loaded.applied.digest) return absl::OkStatus();
  return absl::DataLossError(
      fmt::format("the log in the store does not end where its rows do, at {}",
                  ToText(loaded.applied.position)));
}

// Everything behind the rows: what was shown goes into the state, the rest is pending.
absl::Status Ledger::LoadLog(const storage::LoadResult& loaded, uint64_t committed_seq,
                             const std::vector<EpochStart>& history) {
  const Position& rows = loaded.applied.position;
  EntryMeta at{.seq = rows.seq, .digest = loaded.applied.digest};
  for (const EpochStart& start : history) {
    if (start.epoch.number == rows.epoch) at.epoch = start.epoch;
  }
  window_.Start(at, loaded.applied.state_digest);
  stored_seq_ = rows.seq;
  {
    WriterLock lock(state_mu_);
    shown_ = at;
  }
  while (window_.head_seq() < loaded.last.seq) {
    HOLDFAST_ASSIGN_OR_RETURN(std::vector<EntryPtr> entries,
                              store_.ReadLog(window_.head_seq() + 1, kLoadRecords, kLoadBytes));
    if (entries.empty()) return absl::DataLossError("the log ends before its last entry");
    HOLDFAST_RETURN_IF_ERROR(LoadEntries(entries));
    if (!distrusted()) ApplyShown(std::min(window_.head_seq(), committed_seq));
  }
  if (distrusted()) {
    WriterLock lock(state_mu_);
    shown_ = window_.MetaAt(std::max(rows.seq, committed_seq));
  }
  const EntryMeta head = window_.head();
  if (head.seq != loaded.last.seq || head.digest != loaded.last.digest) {
    return absl::DataLossError("the end of the log is not what the store says it is");
  }
  return absl::OkStatus();
}

absl::Status Ledger::LoadEntries(const std::vector<EntryPtr>& entries) {
  HOLDFAST_ASSIGN_OR_RETURN(std::vector<WindowItem> items,
                            CheckEntries(entries, window_.head().digest, keys_));
  for (WindowItem& item : items) {
    {
      MutexLock lock(mu_);
      log_sizes_.Add(item.entry->seq, item.entry->record.size(), item.record->wall_ms());
    }
    if (distrusted()) {
      window_.Push(std::move(item));
      continue;
    }
    HOLDFAST_ASSIGN_OR_RETURN(
        item.digest_change,
        DigestChange(*pending_, *item.record, keys_, [&](const v1::RowChange& change) {
          return pending_->Apply(item.entry->seq, change);
        }));
    window_.Push(std::move(item));
  }
  return absl::OkStatus();
}

absl::Status Ledger::StartTrack(const storage::LoadResult& loaded,
                                std::vector<EpochStart> history) {
  ReadSetting();
  LogStart start{.history = std::move(history)};
  {
    ReaderLock lock(state_mu_);
    start.committed = shown_;
  }
  for (uint64_t seq = start.committed.seq + 1; seq <= window_.head_seq(); ++seq) {
    start.pending.push_back(window_.MetaAt(seq));
  }
  if (const char* fault = LogStartFault(start)) {
    return absl::DataLossError(fmt::format("the log in the store is not whole: {}", fault));
  }
  HOLDFAST_ASSIGN_OR_RETURN(const std::optional<std::string> unconfirmed,
                            store_.GetFact(kUnconfirmedFact));
  {
    MutexLock lock(mu_);
    // Rows of a later position were stored once it was known to be committed.
    const uint64_t rows_seq = loaded.applied.position.seq;
    if (unconfirmed == std::to_string(rows_seq)) unconfirmed_seq_ = rows_seq;
    track_ = std::make_unique<LogTrack>(std::move(start));
    oldest_seq_ = loaded.first_seq;
  }
  return ReadEnd();
}

}  // namespace holdfast::replication
