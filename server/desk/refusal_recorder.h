#ifndef HOLDFAST_SERVER_DESK_REFUSAL_RECORDER_H_
#define HOLDFAST_SERVER_DESK_REFUSAL_RECORDER_H_

#include <functional>

#include "holdfast/v1/audit.pb.h"
#include "server/audit/journal.h"
#include "server/audit/refused_attempts.h"
#include "server/base/clock.h"
#include "server/base/mutex.h"

namespace holdfast::desk {

// Brings refused attempts into the journal, rate-limited.
//
// Threading   Thread-safe.
// Ownership   Borrows journal and clock. What is still only counted is appended at its end.
// Failure     A journal that takes nothing loses the record, with a line in the log: a refusal is
//             told all the same.
class RefusalRecorder {
 public:
  RefusalRecorder(audit::Journal& journal, const Clock& clock) : journal_(journal), clock_(clock) {}
  ~RefusalRecorder();

  // `then` is called once the record is durable, or at once when the attempt was only counted.
  void Record(const v1::AuditRecord& attempt, std::function<void()> then);
  // To be called about every second.
  void Flush();

 private:
  void Append(v1::AuditRecord record, std::function<void()> then);

  audit::Journal& journal_;
  const Clock& clock_;
  Mutex mu_;
  audit::RefusedAttempts attempts_ ABSL_GUARDED_BY(mu_);
};

}  // namespace holdfast::desk

#endif  // HOLDFAST_SERVER_DESK_REFUSAL_RECORDER_H_
