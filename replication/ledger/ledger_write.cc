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

void Ledger::Submit(vault::Command command, WriteDone done) {
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
      queue_.push_back({std::move(command), std::move(done)});
    }
  }
  if (!refused.ok()) return done(refused);
  wake_.NotifyAll();
}

absl::Status Ledger::StartEpoch(const Epoch& epoch) {
  absl::Status result = absl::UnavailableError("the ledger stops");
  RunOnWriter([&] {
    CommitStart start{.epoch = epoch,
                      .start_seq = window_.head_seq() + 1,
                      .k = setting_.k,
                      .pending = PendingSettings(),
                      .voters = Voters()};
    {
      MutexLock lock(mu_);
      if (result = failure_; !result.ok()) return;
      if (!distrust_.empty()) {
        result = absl::FailedPreconditionError("the rows cannot be trusted: " + distrust_);
        return;
      }
      track_->Lead(epoch);
      leading_epoch_ = epoch;
      epoch_start_seq_ = start.start_seq;
      start.committed_seq = track_->committed_seq();
      rule_ = std::make_unique<CommitRule>(std::move(start));
    }
    HOLDFAST_CRASH_POINT("epoch.start.before_record");
    v1::Record record;
    record.set_kind(v1::RECORD_KIND_EPOCH_START);
    record.set_operation("epoch.start");
    record.set_wall_ms(ToMillis(clock_.Wall()));
    result = PushRecord(std::move(record));
    if (result.ok()) result = AppendPushed(1);
    HOLDFAST_CRASH_POINT("epoch.start.after_record");
    if (!result.ok()) CloseWith(result);
  });
  return result;
}

void Ledger::StepDown() {
  RunOnWriter([&] {
    std::deque<Waiting> queued;
    {
      MutexLock lock(mu_);
      if (rule_ == nullptr) return;
      rule_ = nullptr;
      epoch_start_seq_ = 0;
      track_->StopLeading();
      queued.swap(queue_);
    }
    FailAnswers(vault::Refuse(vault::Refusal::kOutcomeUnknown,
                              "this node is no longer primary; the write may or may not be kept"));
    for (Waiting& waiting : queued) {
      waiting.done(vault::Refuse(vault::Refusal::kNotPrimary, "this node is no longer primary"));
    }
    Moved();
  });
}

void Ledger::OnConnected(const std::string& node_id) {
  MutexLock lock(mu_);
  if (rule_) rule_->OnConnected(node_id);
}

void Ledger::OnDisconnected(const std::string& node_id) {
  MutexLock lock(mu_);
  if (rule_) rule_->OnDisconnected(node_id);
}

void Ledger::OnAck(const std::string& node_id, const AckInfo& ack) {
  {
    MutexLock lock(mu_);
    if (!rule_) return;
    rule_->OnAck(node_id, ack);
    acked_ = true;
  }
  wake_.NotifyAll();
}

bool Ledger::ConnectedEnough() const {
  MutexLock lock(mu_);
  return rule_ == nullptr || rule_->ConnectedEnough();
}

absl::Status Ledger::MayWrite(const Setting& setting) const {
  MutexLock lock(mu_);
  if (!failure_.ok()) {
    return vault::Refuse(vault::Refusal::kLedgerClosed, "the change log of this node is closed");
  }
  if (rule_ == nullptr) {
    return vault::Refuse(vault::Refusal::kNotPrimary, "this node is not primary");
  }
  // Enough secondaries, and yet they confirm nothing; or a policy that does not ask for them.
  const uint64_t pending = window_.head_seq() - track_->committed_seq();
  if (pending >= options_.pending_writes_max) {
    return vault::Refuse(
        vault::Refusal::kOverloaded,
        fmt::format("{} writes wait for secondaries to confirm them; nothing was written",
                    pending));
  }
  if (setting.block && !rule_->ConnectedEnough(setting.level_k)) {
    return vault::Refuse(vault::Refusal::kNotEnoughSecondaries,
                         fmt::format("{} of {} secondaries are connected; nothing was written",
                                     rule_->connected(), setting.level_k));
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
      if (const v1::ClusterRow* row = ClusterRowIn(*item.record)) {
        rule_->OnSettingAppended({seq, KOf(*row)});
      }
    }
    CommitRule then = *rule_;  // what a durable append will commit rides along with it
    commits = then.OnOwnDurable(window_.head_seq());
  }
  Moved();
  HOLDFAST_RETURN_IF_ERROR(StoreAppend(entries, commits, history));
  MutexLock lock(mu_);
  rule_->OnOwnDurable(window_.head_seq());
  track_->OnDurable(window_.head_seq());
  return absl::OkStatus();
}

void Ledger::WriteBatch(std::vector<Waiting> writes) {
  size_t pushed = 0;
  for (Waiting& waiting : writes) {
    if (const absl::Status may = MayWrite(setting_); !may.ok()) {
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
    answers_.push_back({.seq = head.seq,
                        .level = setting_.level,
                        .level_k = setting_.level_k,
                        .deadline = clock_.Mono() + options_.commit_wait_max,
                        .result = {*std::move(planned), {head.epoch.number, head.seq}},
                        .done = std::move(waiting.done)});
  }
  if (pushed == 0) return;
  if (const absl::Status status = AppendPushed(pushed); !status.ok()) CloseWith(status);
}

void Ledger::AnswerReady() {
  std::vector<Answer> ready;
  {
    MutexLock lock(mu_);
    if (rule_ == nullptr) return;
    const uint64_t committed = track_->applied_seq();  // shown here, and so on this disk
    while (
        !answers_.empty() && answers_.front().seq <= committed &&
        rule_->Answerable(answers_.front().level, answers_.front().level_k, answers_.front().seq)) {
      ready.push_back(std::move(answers_.front()));
      answers_.pop_front();
    }
  }
  if (!ready.empty()) HOLDFAST_CRASH_POINT("ledger.apply.before_answer");
  for (Answer& answer : ready) answer.done(std::move(answer.result));
}

void Ledger::ExpireAnswers() {
  const MonoTime now = clock_.Mono();
  while (!answers_.empty() && answers_.front().deadline <= now) {
    Answer answer = std::move(answers_.front());
    answers_.pop_front();
    answer.done(vault::Refuse(
        vault::Refusal::kOutcomeUnknown,
        fmt::format("durable on this node at position {}, not confirmed by {} secondaries in time; "
                    "it may or may not be kept",
                    ToText(answer.result.position), answer.level_k)));
  }
}

void Ledger::FailAnswers(const absl::Status& why) {
  std::deque<Answer> failed;
  failed.swap(answers_);
  for (Answer& answer : failed) {
    answer.done(vault::Refuse(vault::Refusal::kOutcomeUnknown,
                              fmt::format("{} (position {})", std::string(why.message()),
                                          ToText(answer.result.position))));
  }
}

}  // namespace holdfast::replication
