#include "server/audit/refused_attempts.h"

namespace holdfast::audit {

std::optional<v1::AuditRecord> RefusedAttempts::Note(const v1::AuditRecord& attempt, MonoTime now) {
  if (kinds_.empty()) window_start_ = now;
  Kind kind{attempt.source(), attempt.operation(), attempt.refusal()};
  if (!kinds_.contains(kind) && kinds_.size() >= options_.kinds_max) std::get<0>(kind).clear();
  Count& count = kinds_[kind];
  if (count.alone < options_.alone_per_kind && alone_ < options_.alone_max) {
    ++count.alone;
    ++alone_;
    return attempt;
  }
  if (count.counted.repeated() == 0) {
    count.counted = attempt;
    count.counted.set_source(std::get<0>(kind));
  }
  count.counted.set_repeated(count.counted.repeated() + 1);
  return std::nullopt;
}

std::vector<v1::AuditRecord> RefusedAttempts::Due(MonoTime now) {
  if (kinds_.empty() || now - window_start_ < options_.window) return {};
  return Drain();
}

std::vector<v1::AuditRecord> RefusedAttempts::Drain() {
  std::vector<v1::AuditRecord> records;
  for (auto& [kind, count] : kinds_) {
    if (count.counted.repeated() > 0) records.push_back(std::move(count.counted));
  }
  kinds_.clear();
  alone_ = 0;
  return records;
}

}  // namespace holdfast::audit
