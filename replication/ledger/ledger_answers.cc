#include <fmt/format.h>

#include <utility>

#include "replication/ledger/ledger.h"
#include "server/base/crash_point.h"
#include "server/vault/refusal.h"

namespace holdfast::replication {

void Ledger::AnswerReady() {
  std::vector<Answer> ready;
  {
    MutexLock lock(mu_);
    if (rule_ == nullptr) return;
    const uint64_t committed = track_->applied_seq();  // shown here, and so on this disk
    for (auto& [level, answers] : answers_) {
      while (!answers.empty() && answers.front().seq <= committed &&
             rule_->Answerable(level.first, level.second, answers.front().seq)) {
        ready.push_back(std::move(answers.front()));
        answers.pop_front();
      }
    }
  }
  std::erase_if(answers_, [](const auto& level) { return level.second.empty(); });
  if (!ready.empty()) HOLDFAST_CRASH_POINT("ledger.apply.before_answer");
  for (Answer& answer : ready) answer.done(std::move(answer.result));
}

std::optional<MonoTime> Ledger::FirstDeadline() const {
  std::optional<MonoTime> first;
  for (const auto& [level, answers] : answers_) {
    if (!answers.empty() && (!first || answers.front().deadline < *first)) {
      first = answers.front().deadline;
    }
  }
  return first;
}

void Ledger::ExpireAnswers() {
  const MonoTime now = clock_.Mono();
  for (auto& [level, answers] : answers_) {
    while (!answers.empty() && answers.front().deadline <= now) {
      Answer answer = std::move(answers.front());
      answers.pop_front();
      answer.done(vault::Refuse(
          vault::Refusal::kOutcomeUnknown,
          fmt::format("durable on this node at position {}, not confirmed by {} secondaries in "
                      "time; it may or may not be kept",
                      ToText(answer.result.position), level.second)));
    }
  }
  std::erase_if(answers_, [](const auto& level) { return level.second.empty(); });
}

void Ledger::FailAnswers(const absl::Status& why) {
  decltype(answers_) failed;
  failed.swap(answers_);
  for (auto& [level, answers] : failed) {
    for (Answer& answer : answers) {
      answer.done(vault::Refuse(vault::Refusal::kOutcomeUnknown,
                                fmt::format("{} (position {})", std::string(why.message()),
                                            ToText(answer.result.position))));
    }
  }
}

}  // namespace holdfast::replication
