#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "replication/ledger/ledger.h"
#include "server/base/check.h"
#include "server/base/crash_point.h"
#include "server/base/status_macros.h"
#include "server/crypto/record_chain.h"
#include "server/vault/refusal.h"

namespace holdfast::replication {

void Ledger::Submit(vault::Command command, WriteOptions options, WriteDone done) {
  absl::Status refused;
  {
    MutexLock lock(mu_);
    if (stop_ || !failure_.ok()) {
      refused =
          vault::Refuse(vault::Refusal::kLedgerClosed, "the change log of this node is closed");
    } else if (rule_ == nullptr) {
      refused = vault::Refuse(vault::Refusal::kNotPrimary, "this node is not primary");
    } else if (queue_.size() >= limits::kLedgerQueueMax) {
      refused = vault::Refuse(vault::Refusal::kOverloaded,
                              fmt::format("{} writes are waiting", queue_.size()));
    } else {
      queue_.push_back({std::move(command), std::move(options), std::move(done)});
    }
  }
  if (!refused.ok()) return done(refused);
  wake_.NotifyAll();
}

absl::Status Ledger::MayWrite(const Setting& setting, const LevelAsk& level) const {
  MutexLock lock(mu_);
  if (!failure_.ok()) {
    return vault::Refuse(vault::Refusal::kLedgerClosed, "the change log of this node is closed");
  }
  if (rule_ == nullptr) {
    return vault::Refuse(vault::Refusal::kNotPrimary, "this node is not primary");
  }
  if (ended_) {
    return vault::Refuse(vault::Refusal::kNotPrimary, "this node gives up being primary");
  }
  // Enough secondaries, and yet they confirm nothing; or a policy that does not ask for them.
  const uint64_t pending = window_.head_seq() - track_->committed_seq();
  if (pending >= options_.pending_writes_max) {
    return vault::Refuse(
        vault::Refusal::kOverloaded,
        fmt::format("{} writes wait for secondaries to confirm them; nothing was written",
                    pending));
  }
  const uint32_t needed = std::max({setting.k, setting.level.k, level.k});
  if (setting.block && !rule_->ConnectedEnough(needed)) {
    return vault::Refuse(vault::Refusal::kNotEnoughSecondaries,
                         fmt::format("{} of {} secondaries are connected; nothing was written",
                                     rule_->connected(), needed));
  }
  return absl::OkStatus();
}

// Makes the record's entry, lays it over the pending state and hands it to the streams. From here
// on its seq is taken: what goes wrong later closes the ledger.
absl::Status Ledger::PushRecord(v1::Record record) {
  const EntryMeta head = window_.head();
  Epoch epoch;
  {
    MutexLock lock(mu_);
    epoch = leading_epoch_;
  }
  record.mutable_epoch()->set_number(epoch.number);
  record.mutable_epoch()->set_node_id(epoch.node_id);
  record.set_seq(head.seq + 1);
  std::string bytes = record.SerializeAsString();
  if (bytes.size() > limits::kRecordBytesMax) {
    return vault::Refuse(vault::Refusal::kLimitReached,
                         fmt::format("this write has {} bytes, at most {} are allowed",
                                     bytes.size(), limits::kRecordBytesMax));
  }
  auto entry = std::make_shared<const LogEntry>(
      crypto::MakeEntry(epoch, head.seq + 1, head.digest, std::move(bytes), keys_));
  auto parsed = std::make_shared<const v1::Record>(std::move(record));
  auto change = DigestChange(*pending_, *parsed, keys_, [&](const v1::RowChange& row) {
    return pending_->Apply(parsed->seq(), row);
  });
  // A plan that was accepted applies; if not, the state over the log is no longer what it says.
  HOLDFAST_CHECK(change.ok());
  window_.Push({entry, parsed, *change});
  return absl::OkStatus();
}

absl::StatusOr<vault::Planned> Ledger::PlanAndPush(const vault::Command& command) {
  HOLDFAST_ASSIGN_OR_RETURN(vault::Planned planned, vault::Plan(*pending_, command));
  if (planned.changes.size() > limits::kChangesPerRecordMax) {
    return vault::Refuse(vault::Refusal::kLimitReached,
                         fmt::format("this write changes {} rows, at most {} are allowed",
                                     planned.changes.size(), limits::kChangesPerRecordMax));
  }
  v1::Record record;
  record.set_kind(v1::RECORD_KIND_CHANGES);
  record.set_wall_ms(command.now_ms);
  *record.mutable_actor() = command.actor;
  record.set_operation(planned.operation);
  for (v1::RowChange& change : planned.changes) *record.add_changes() = std::move(change);
  planned.changes.clear();
  HOLDFAST_RETURN_IF_ERROR(PushRecord(std::move(record)));
  return planned;
}

// The newest `count` entries of the window: into track, ring and store.
absl::Status Ledger::AppendPushed(size_t count) {
  std::vector<EntryPtr> entries;
  for (uint64_t seq = window_.head_seq() - count + 1; seq <= window_.head_seq(); ++seq) {
    entries.push_back(window_.at(seq).entry);
    ring_.Push(entries.back());  // before the head moves: a stream reads what the head names
  }
  std::vector<EpochStart> history;
  uint64_t commits = 0;
  {
    MutexLock lock(mu_);
    for (uint64_t seq = window_.head_seq() - count + 1; seq <= window_.head_seq(); ++seq) {
      const WindowItem& item = window_.at(seq);
      if (track_->AppendOwn(MetaOf(*item.entry))) history = track_->history();
      const v1::ClusterRow* row = ClusterRowIn(*item.record);
      if (row != nullptr && seq > epoch_start_seq_) rule_->OnSettingAppended({seq, KOf(*row)});
    }
    CommitRule then = *rule_;  // what a durable append will commit rides along with it
    commits = then.OnOwnDurable(window_.head_seq());
  }
  Moved();
  HOLDFAST_RETURN_IF_ERROR(StoreAppend(entries, commits, history));
  LogTail end = EndOf(*window_.at(window_.head_seq()).record);
  MutexLock lock(mu_);
  rule_->OnOwnDurable(window_.head_seq());
  track_->OnDurable(window_.head_seq());
  end_ = std::move(end);
  return absl::OkStatus();
}

void Ledger::WriteBatch(std::vector<Waiting> writes) {
  size_t pushed = 0;
  for (Waiting& waiting : writes) {
    const Setting& setting = SettingNow();
    const LevelAsk level = waiting.options.level.value_or(setting.level);
    if (const absl::Status may = MayWrite(setting, level); !may.ok()) {
      waiting.done(may);
      continue;
    }
    absl::StatusOr<vault::Planned> planned = PlanAndPush(waiting.command);
    if (!planned.ok()) {
      waiting.done(std::move(planned).status());
      continue;
    }
    ++pushed;
    const EntryMeta head = window_.head();
    answers_[{level.level, level.k}].push_back(
        {.seq = head.seq,
         .deadline = clock_.Mono() + options_.commit_wait_max,
         .result = {.planned = *std::move(planned),
                    .position = {head.epoch.number, head.seq},
                    .level = level},
         .done = std::move(waiting.done)});
  }
  if (pushed == 0) return;
  if (const absl::Status status = AppendPushed(pushed); !status.ok()) CloseWith(status);
}

}  // namespace holdfast::replication
