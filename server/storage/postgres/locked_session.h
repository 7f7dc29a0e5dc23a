#ifndef HOLDFAST_SERVER_STORAGE_POSTGRES_LOCKED_SESSION_H_
#define HOLDFAST_SERVER_STORAGE_POSTGRES_LOCKED_SESSION_H_

#include <memory>
#include <optional>

#include "server/base/clock.h"
#include "server/storage/postgres/session.h"

namespace holdfast::storage::postgres {

struct SessionOptions {
  ConnectionString connection;
  std::chrono::milliseconds wait_max;  // for a server that went away to come back
};

// A session that holds an advisory lock: one process a database. A session that is lost has lost
// its lock; Reconnect takes both again. Once the lock is held again, nothing that the lost session
// had sent is still under way: its backend has ended.
//
// Threading   Thread-compatible.
// Ownership   Borrows watchdog and clock.
class LockedSession {
 public:
  // One attempt. FAILED_PRECONDITION: another process holds the lock.
  static absl::StatusOr<std::unique_ptr<LockedSession>> Open(SessionOptions options,
                                                             uint32_t lock_number,
                                                             Watchdog& watchdog,
                                                             const Clock& clock);

  Session& session() { return *session_; }
  MonoTime Deadline() const { return clock_.Mono() + options_.wait_max; }
  bool IsPast(MonoTime deadline) const { return clock_.Mono() >= deadline || watchdog_.stopping(); }

  // Tries until `deadline`, once at least; UNAVAILABLE with the last reason. A former session whose
  // backend still lives is ended, another holder of the lock is waited for.
  absl::Status Reconnect(MonoTime deadline);

 private:
  LockedSession(SessionOptions options, uint32_t lock_number, Watchdog& watchdog,
                const Clock& clock)
      : options_(std::move(options)),
        lock_number_(lock_number),
        watchdog_(watchdog),
        clock_(clock) {}
  absl::Status TryOnce(bool end_former);
  absl::Status EndFormer(Session& fresh);

  const SessionOptions options_;
  const uint32_t lock_number_;
  Watchdog& watchdog_;
  const Clock& clock_;
  std::unique_ptr<Session> session_;
  std::optional<MonoTime> away_since_;  // said once
};

}  // namespace holdfast::storage::postgres

#endif  // HOLDFAST_SERVER_STORAGE_POSTGRES_LOCKED_SESSION_H_
