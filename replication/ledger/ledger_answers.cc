#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "replication/ledger/ledger.h"
#include "server/base/crash_point.h"
#include "server/vault/refusal.h"

namespace holdfast::replication {
namespace {

// How often a commit rule that may degrade is asked whether it is time.
constexpr std::chrono::milliseconds kTick{20};
// A write that may wait for less than this is told of by so much too late.
constexpr std::chrono::milliseconds kLookEvery{50};

}  // namespace

// Policy degrade: what is committed waits for its level once; then not again before enough have
// come back.
bool Ledger::AnswerableNow(const LevelAsk& level, uint64_t seq) const {
  if (rule_->Answerable(level.level, level.k, seq)) return true;
  return gave_up_ && !rule_->ConnectedEnough(level.k);
}

void Ledger::AnswerReady() {
  std::vector<Answer> ready;
  {
    MutexLock lock(mu_);
    if (rule_ == nullptr) return;
    const Setting& setting = SettingNow();
    if (gave_up_) {
      gave_up_ = !setting.block && !rule_->ConnectedEnough(setting.level.k);
    }
    const uint64_t committed = track_->applied_seq();  // shown here, and so on this disk
    for (auto& [wait, answers] : answers_) {
      while (!answers.empty() && answers.front().seq <= committed &&
             AnswerableNow(wait.level, answers.front().seq)) {
        answers.front().result.degraded =
            rule_->degraded() ||
            !rule_->Answerable(wait.level.level, wait.level.k, answers.front().seq);
        ready.push_back(std::move(answers.front()));
        answers.pop_front();
      }
    }
    level_awaited_ = std::any_of(answers_.begin(), answers_.end(), [&](const auto& each) {
      return !each.second.empty() && each.second.front().seq <= committed;
    });
    std::erase_if(answers_, [](const auto& each) { return each.second.empty(); });
  }
  if (!ready.empty()) HOLDFAST_CRASH_POINT("ledger.apply.before_answer");
  for (Answer& answer : ready) answer.done(std::move(answer.result));
}

// MonoTime::max(): nothing has to be looked at unless something happens.
MonoTime Ledger::WakeAt() const {
  MonoTime at = MonoTime::max();
  if (failure_.ok() && (unstored_ > 0 || lost_)) at = std::min(at, store_again_at_);
  if (!held_ && GroupGathers()) at = std::min(at, queue_.front().since + options_.group_wait_max);
  const bool ticks = rule_ != nullptr && !SettingNow().block && !rule_->degraded();
  if (ticks && track_->applied_seq() < track_->head_seq()) at = std::min(at, clock_.Mono() + kTick);
  return at;
}

void Ledger::ExpireAnswers() {
  const MonoTime now = clock_.Mono();
  std::vector<Answer> late;
  {
    MutexLock lock(mu_);
    for (auto& [wait, answers] : answers_) {
      while (!answers.empty() && answers.front().deadline <= now) {
        late.push_back(std::move(answers.front()));
        answers.pop_front();
      }
    }
    if (late.empty()) return;
    std::erase_if(answers_, [](const auto& each) { return each.second.empty(); });
  }
  for (Answer& answer : late) Expire(std::move(answer));
}

// A thread of its own: the writer may be held up by the store for longer than a write may wait.
void Ledger::WatchDeadlines() {
  while (true) {
    {
      MutexLock lock(mu_);
      while (rule_ == nullptr && !stop_) leads_.Wait(mu_);
      if (stop_) return;
      MonoTime::duration left = kLookEvery;
      for (const auto& [wait, answers] : answers_) {
        left = std::min(left, answers.front().deadline - clock_.Mono());
      }
      if (left > MonoTime::duration::zero()) leads_.WaitFor(mu_, left);
      if (stop_) return;
    }
    ExpireAnswers();
    ExpireQueued();
  }
}

// Those that are held back for a switchover are let go by its end.
void Ledger::ExpireQueued() {
  const MonoTime now = clock_.Mono();
  std::vector<Waiting> late;
  std::string fault;
  {
    MutexLock lock(mu_);
    if (held_ && !lost_) return;
    while (!queue_.empty() && queue_.front().since + queue_wait_ <= now) {
      late.push_back(std::move(queue_.front()));
      queue_.pop_front();
    }
    fault = store_fault_.ok() ? "the store of this node does not answer" : FaultText(store_fault_);
  }
  for (Waiting& waiting : late) {
    waiting.done(vault::Refuse(vault::Refusal::kOverloaded, fault + "; nothing was written"));
  }
}

void Ledger::Expire(Answer answer) {
  std::string fault;
  {
    MutexLock lock(mu_);
    const bool committed = answer.seq <= track_->applied_seq();
    if (committed && rule_ != nullptr && !answer.block && !gave_up_) {
      gave_up_ = true;
      acked_ = true;  // Others that wait for the same level are let go now, by the writer.
      wake_.NotifyAll();
    }
    answer.result.degraded = committed && gave_up_;
    fault = FaultText(store_fault_);
    if (fault.empty() && answer.seq > track_->durable_seq()) {
      fault = "the store of this node does not answer";
    }
  }
  if (answer.result.degraded) return answer.done(std::move(answer.result));
  const std::string position = ToText(answer.result.position);
  answer.done(vault::UnknownAt(
      answer.result.position,
      !fault.empty()
          ? fmt::format("sent to the secondaries at position {}, and {}; it may or may not be kept",
                        position, fault)
          : fmt::format("durable on this node at position {}, not confirmed by {} secondaries in "
                        "time; it may or may not be kept",
                        position, answer.result.level.k)));
}

void Ledger::FailAnswers(const absl::Status& why) {
  std::map<Wait, std::deque<Answer>> failed;
  {
    MutexLock lock(mu_);
    failed.swap(answers_);
  }
  for (auto& [wait, answers] : failed) {
    for (Answer& answer : answers) {
      answer.done(vault::UnknownAt(answer.result.position,
                                   fmt::format("{} (position {})", std::string(why.message()),
                                               ToText(answer.result.position))));
    }
  }
}

}  // namespace holdfast::replication
