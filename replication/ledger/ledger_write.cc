#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "replication/ledger/ledger.h"
#include "server/base/check.h"
#include "server/base/crash_point.h"
#include "server/base/status_macros.h"
#include "server/crypto/record_chain.h"
#include "server/observe/log.h"
#include "server/vault/refusal.h"

namespace holdfast::replication {
namespace {

using std::chrono::milliseconds;

// With policy degrade the commit rule speaks first, and then the answer is no longer unknown.
constexpr milliseconds kGrace{200};

}  // namespace

void Ledger::Submit(vault::Command command, WriteOptions options, WriteDone done) {
  command.primary = options_.node_id;
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
      queue_.push_back({clock_.Mono(), std::move(command), std::move(options), std::move(done)});
      // The first of a group has the writer look when its time is over; who is the writer looks.
      if (!busy_ && (queue_.size() == 1 || MayPlan())) wake_.NotifyAll();
    }
  }
  if (!refused.ok()) done(refused);
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
  if (!store_fault_.ok()) {
    return vault::Refuse(vault::Refusal::kOverloaded,
                         FaultText(store_fault_) + "; nothing was written");
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
  if (planned.repeated) return planned;
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
  if (command.request_key) record.set_idempotency_key(command.request_key->key);
  for (v1::RowChange& change : planned.changes) *record.add_changes() = std::move(change);
  planned.changes.clear();
  HOLDFAST_RETURN_IF_ERROR(PushRecord(std::move(record)));
  return planned;
}

// The newest `count` entries of the window: into track, ring and store.
absl::Status Ledger::AppendPushed(size_t count) {
  const uint64_t first = window_.head_seq() - count + 1;
  for (uint64_t seq = first; seq <= window_.head_seq(); ++seq) {
    ring_.Push(window_.at(seq).entry);  // before the head moves: a stream reads what it names
  }
  {
    MutexLock lock(mu_);
    for (uint64_t seq = first; seq <= window_.head_seq(); ++seq) {
      const WindowItem& item = window_.at(seq);
      track_->AppendOwn(MetaOf(*item.entry));
      TellRule(seq, *item.record);
    }
  }
  unstored_ += count;
  Moved();
  return StorePushed();
}

// What a record changes about who must have those that follow it.
void Ledger::TellRule(uint64_t seq, const v1::Record& record) {
  for (const v1::RowChange& change : record.changes()) {
    if (change.has_put() && change.put().has_cluster()) {
      rule_->OnSettingAppended(RuleSetting(seq, SettingOf(change.put().cluster())));
    } else if (change.has_put() && change.put().has_member()) {
      const v1::MemberRow& member = change.put().member();
      if (member.node_id() == options_.node_id) continue;
      rule_->OnVoterAppended(seq, member.node_id(), !member.never_primary());
    } else if (change.delete_().table() == v1::TABLE_MEMBER) {
      rule_->OnVoterAppended(seq, change.delete_().name(), false);
    }
  }
}

absl::Status Ledger::StorePushed() {
  const uint64_t head = window_.head_seq();
  const uint64_t first = head - unstored_ + 1;
  std::vector<EntryPtr> entries;
  for (uint64_t seq = first; seq <= head; ++seq) entries.push_back(window_.at(seq).entry);
  std::vector<EpochStart> history;
  uint64_t commits = 0;
  {
    MutexLock lock(mu_);
    if (epoch_start_seq_ >= first) history = track_->history();
    // What a durable append will commit rides along with it: not while that is so for want of
    // secondaries only, for they may come back before it is durable.
    commits = rule_->degraded() ? rule_->committed_seq() : CommitRule(*rule_).OnOwnDurable(head);
  }
  const absl::Status stored = StoreAppend(entries, commits, history);
  if (!stored.ok() && !MayStoreLater(stored)) return stored;
  if (absl::IsResourceExhausted(stored)) NoteFault(stored);
  if (!stored.ok()) return absl::OkStatus();
  LogTail end = EndOf(*window_.at(head).record);
  unstored_ = 0;
  bool again = false;
  {
    MutexLock lock(mu_);
    rule_->OnOwnDurable(head);
    track_->OnDurable(head);
    end_ = std::move(end);
    again = !store_fault_.ok();
  }
  if (again) NoteFault(absl::OkStatus());
  return absl::OkStatus();
}

// What was sent has its place: the same bytes again, until they are there.
void Ledger::RetryStore() {
  {
    MutexLock lock(mu_);
    if (unstored_ == 0 && !lost_) return;
    if (!failure_.ok() || clock_.Mono() < store_again_at_) return;
  }
  if (!FindOut().ok() || unstored_ == 0) return;
  if (const absl::Status status = StorePushed(); !status.ok()) CloseWith(status);
}

// No longer leading: nothing more is planned in that epoch, so what could not be stored may go.
// What may be stored all the same stays until that is found out.
void Ledger::DropUnstored() {
  if (unstored_ == 0) return;
  const uint64_t seq = window_.head_seq() - unstored_;
  unstored_ = 0;
  if (lost()) return ring_.CutAfter(seq);
  {
    MutexLock lock(mu_);
    store_fault_ = absl::OkStatus();
    if (!failure_.ok()) return;
    HOLDFAST_CHECK(!track_->CutAfter(seq).refused);
  }
  ring_.CutAfter(seq);
  window_.CutAfter(seq);
  RebuildPending();
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
    if (!planned->repeated) ++pushed;
    // A repeated one is answered once everything is committed that was appended by now: what it did
    // the first time is among it.
    const EntryMeta head = window_.head();
    const Wait wait{level, setting.wait + (setting.block ? milliseconds(0) : kGrace)};
    MutexLock lock(mu_);
    answers_[wait].push_back({.seq = head.seq,
                              .deadline = clock_.Mono() + wait.longest,
                              .block = setting.block,
                              .result = {.planned = *std::move(planned),
                                         .position = {head.epoch.number, head.seq},
                                         .level = level},
                              .done = std::move(waiting.done)});
  }
  if (pushed == 0) return;
  if (const absl::Status status = AppendPushed(pushed); !status.ok()) CloseWith(status);
}

}  // namespace holdfast::replication
