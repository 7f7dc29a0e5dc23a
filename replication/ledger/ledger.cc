#include "replication/ledger/ledger.h"

#include <algorithm>
#include <utility>

#include "replication/core/history.h"
#include "replication/ledger/history_fact.h"
#include "server/observe/log.h"
#include "server/vault/refusal.h"

namespace holdfast::replication {

Ledger::Ledger(Options options, storage::Store& store, crypto::KeyRing& keys, const Clock& clock,
               CommittedFile committed_file)
    : options_(std::move(options)),
      store_(store),
      keys_(keys),
      clock_(clock),
      committed_file_(std::move(committed_file)),
      ring_(options_.ring_bytes),
      state_(std::make_unique<vault::State>()) {}

Ledger::~Ledger() { Close(); }

void Ledger::Close() {
  {
    MutexLock lock(mu_);
    stop_ = true;
  }
  wake_.NotifyAll();
  leads_.NotifyAll();
  if (writer_.joinable()) writer_.join();
  if (deadlines_.joinable()) deadlines_.join();
}

void Ledger::Read(absl::FunctionRef<void(const vault::StateReader&, Position)> read) const {
  ReaderLock lock(state_mu_);
  read(*state_, Position{shown_.epoch.number, shown_.seq});
}

LedgerProgress Ledger::progress() const {
  LedgerProgress progress;
  {
    ReaderLock lock(state_mu_);
    progress.shown = {shown_.epoch.number, shown_.seq};
  }
  MutexLock lock(mu_);
  progress.head_seq = ToldHead().seq;
  progress.durable_seq = track_->durable_seq();
  progress.committed_seq = progress.shown.seq;
  progress.leading = rule_ != nullptr;
  progress.epoch_start_committed =
      rule_ != nullptr && epoch_start_seq_ != 0 && progress.shown.seq >= epoch_start_seq_;
  progress.degraded = rule_ != nullptr && (rule_->degraded() || gave_up_);
  progress.store_fault = store_fault_;
  progress.ended = ended_;
  progress.end = end_;
  progress.failure = failure_;
  progress.distrust = distrust_;
  progress.unconfirmed = unconfirmed_seq_ != 0;
  return progress;
}

LogShape Ledger::Shape() const {
  MutexLock lock(mu_);
  LogShape shape = track_->Shape();
  if (const EntryMeta head = ToldHead(); head != shape.last) {
    shape = {.history = HistoryUpTo(shape.history, head.seq), .last = head};
  }
  shape.tail = end_;
  return shape;
}

uint64_t Ledger::Subscribe(std::function<void()> moved) {
  MutexLock lock(subscribers_mu_);
  subscribers_.emplace(next_subscriber_, std::move(moved));
  return next_subscriber_++;
}

void Ledger::Unsubscribe(uint64_t id) {
  MutexLock lock(subscribers_mu_);
  subscribers_.erase(id);
}

void Ledger::Moved() {
  MutexLock lock(subscribers_mu_);
  for (auto& [id, moved] : subscribers_) moved();
}

// Whoever calls becomes the writer for a moment, when nobody is it and nothing waits for it: two
// hand-offs less.
bool Ledger::TakeTurn() {
  if (busy_ || wanted_ || HasWork()) return false;
  busy_ = true;
  return true;
}

void Ledger::EndTurn() {
  Advance();
  {
    MutexLock lock(mu_);
    busy_ = false;
    // When to ask the store or the rule again is the thread's to watch.
    if (!wanted_ && !HasWork() && WakeAt() >= watched_) return;
  }
  wake_.NotifyAll();
}

bool Ledger::RunOnWriter(const std::function<void()>& task) {
  Mutex done_mu;
  CondVar done_cv;
  bool done = false;
  bool here = false;
  {
    MutexLock lock(mu_);
    if (stop_) return false;
    here = TakeTurn();
    if (!here) {
      tasks_.push_back([&] {
        task();
        MutexLock done_lock(done_mu);
        done = true;
        done_cv.NotifyOne();
      });
    }
  }
  if (here) {
    task();
    EndTurn();
    return true;
  }
  wake_.NotifyAll();
  MutexLock lock(done_mu);
  while (!done) done_cv.Wait(done_mu);
  return true;
}

// What comes while the last group waits to be committed is the next one, once it is as large: those
// who were answered come back together, and each group costs syncs and frames of its own.
bool Ledger::GroupGathers() const {
  if (queue_.empty() || rule_ == nullptr) return false;
  const uint64_t under_way = track_->head_seq() - track_->committed_seq();
  return queue_.size() < under_way &&
         clock_.Mono() < queue_.front().since + options_.group_wait_max;
}

bool Ledger::MayPlan() const { return !queue_.empty() && (stop_ || (!held_ && !GroupGathers())); }

bool Ledger::HasWork() const { return !tasks_.empty() || MayPlan() || acked_ || stop_; }

// False: stop. Tasks that were taken in before the stop are still given out.
bool Ledger::NextWork(std::vector<std::function<void()>>& tasks, std::vector<Waiting>& writes) {
  MutexLock lock(mu_);
  busy_ = false;
  while (true) {
    wanted_ = busy_;
    if (!busy_ && HasWork()) break;
    watched_ = busy_ ? MonoTime::max() : WakeAt();
    if (watched_ == MonoTime::max()) {
      wake_.Wait(mu_);
      continue;
    }
    const auto left = watched_ - clock_.Mono();
    const bool woken = left > std::chrono::nanoseconds(0) && wake_.WaitFor(mu_, left);
    if (!woken && !busy_) break;
  }
  busy_ = true;
  wanted_ = acked_ = false;
  tasks.assign(std::make_move_iterator(tasks_.begin()), std::make_move_iterator(tasks_.end()));
  tasks_.clear();
  const size_t take = MayPlan() ? std::min(queue_.size(), limits::kLedgerBatchRecordsMax) : 0;
  for (size_t i = 0; i < take; ++i) {
    writes.push_back(std::move(queue_.front()));
    queue_.pop_front();
  }
  return !stop_ || !tasks.empty() || !writes.empty();
}

void Ledger::Run() {
  std::vector<std::function<void()>> tasks;
  std::vector<Waiting> writes;
  while (NextWork(tasks, writes)) {
    for (auto& task : tasks) task();
    RetryStore();
    if (!writes.empty()) WriteBatch(std::move(writes));
    Advance();
    tasks.clear();
    writes.clear();
  }
  FailAnswers(vault::Refuse(vault::Refusal::kOutcomeUnknown, "the node stops"));
  absl::Status failure;
  {
    MutexLock lock(mu_);
    failure = failure_;
  }
  if (failure.ok() && !lost() &&
      !distrusted()) {  // Rows that are owed: the next start then reads less of the log.
    const uint64_t shown = progress().committed_seq;
    if (shown > window_.rows_seq()) {
      if (const absl::Status status = StoreAppend({}, shown, {}); !status.ok()) {
        LogWarning("rows stay owed to the next start: {}", holdfast::ToText(status));
      }
    }
  }
}

void Ledger::CloseWith(const absl::Status& why) {
  {
    MutexLock lock(mu_);
    if (!failure_.ok()) return;
    failure_ = why;
  }
  LogError("the change log is closed until this node is started again; reads go on: {}",
           holdfast::ToText(why));
  FailAnswers(vault::Refuse(vault::Refusal::kOutcomeUnknown,
                            "the write may or may not be kept: the log of this node has failed"));
  Moved();
}

}  // namespace holdfast::replication
