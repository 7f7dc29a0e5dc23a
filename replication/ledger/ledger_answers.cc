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
  }
  std::erase_if(answers_, [](const auto& each) { return each.second.empty(); });
  if (!ready.empty()) HOLDFAST_CRASH_POINT("ledger.apply.before_answer");
  for (Answer& answer : ready) answer.done(std::move(answer.result));
}

// MonoTime::max(): nothing has to be looked at unless something happens.
MonoTime Ledger::WakeAt() const {
  MonoTime at = MonoTime::max();
  for (const auto& [wait, answers] : answers_) {
    if (!answers.empty()) at = std::min(at, answers.front().deadline);
  }
  if (unstored_ > 0) at = std::min(at, store_again_at_);
  const bool ticks = rule_ != nullptr && !SettingNow().block && !rule_->degraded();
  if (ticks && track_->applied_seq() < track_->head_seq()) at = std::min(at, clock_.Mono() + kTick);
  return at;
}

void Ledger::ExpireAnswers() {
  const MonoTime now = clock_.Mono();
  for (auto& [wait, answers] : answers_) {
    while (!answers.empty() && answers.front().deadline <= now) {
      Answer answer = std::move(answers.front());
      answers.pop_front();
      Expire(std::move(answer));
    }
  }
  std::erase_if(answers_, [](const auto& each) { return each.second.empty(); });
}

void Ledger::Expire(Answer answer) {
  std::string fault;
  {
    MutexLock lock(mu_);
    const bool committed = answer.seq <= track_->applied_seq();
    if (committed && rule_ != nullptr && !SettingNow().block) gave_up_ = true;
    answer.result.degraded = committed && gave_up_;
    fault = FaultText(store_fault_);
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
  decltype(answers_) failed;
  failed.swap(answers_);
  for (auto& [wait, answers] : failed) {
    for (Answer& answer : answers) {
      answer.done(vault::UnknownAt(answer.result.position,
                                   fmt::format("{} (position {})", std::string(why.message()),
                                               ToText(answer.result.position))));
    }
  }
}

}  // namespace holdfast::replication
