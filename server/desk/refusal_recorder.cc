#include "server/desk/refusal_recorder.h"

#include <optional>
#include <utility>
#include <vector>

#include "server/observe/log.h"

namespace holdfast::desk {

RefusalRecorder::~RefusalRecorder() {
  MutexLock lock(mu_);
  for (v1::AuditRecord& record : attempts_.Drain()) Append(std::move(record), [] {});
}

void RefusalRecorder::Record(const v1::AuditRecord& attempt, std::function<void()> then) {
  std::optional<v1::AuditRecord> alone;
  {
    MutexLock lock(mu_);
    alone = attempts_.Note(attempt, clock_.Mono());
  }
  if (!alone.has_value()) return then();
  Append(*std::move(alone), std::move(then));
}

void RefusalRecorder::Flush() {
  std::vector<v1::AuditRecord> due;
  {
    MutexLock lock(mu_);
    due = attempts_.Due(clock_.Mono());
  }
  for (v1::AuditRecord& record : due) Append(std::move(record), [] {});
}

void RefusalRecorder::Append(v1::AuditRecord record, std::function<void()> then) {
  journal_.Append(std::move(record), [then = std::move(then)](const absl::Status& status) {
    if (!status.ok()) LogWarning("a refused attempt is not in the journal: {}", ToText(status));
    then();
  });
}

}  // namespace holdfast::desk
