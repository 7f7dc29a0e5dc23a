#include "server/storage/postgres/locked_session.h"

#include <fmt/format.h>

#include <utility>

#include "server/base/status_macros.h"
#include "server/observe/log.h"
#include "server/storage/postgres/pause.h"

namespace holdfast::storage::postgres {
namespace {

// Beside the lock number: holdfast's locks among those of others in the same database.
constexpr uint32_t kLockSpace = 0x484f4c44;  // "HOLD"

}  // namespace

absl::StatusOr<std::unique_ptr<LockedSession>> LockedSession::Open(SessionOptions options,
                                                                   uint32_t lock_number,
                                                                   Watchdog& watchdog,
                                                                   const Clock& clock) {
  std::unique_ptr<LockedSession> locked(
      new LockedSession(std::move(options), lock_number, watchdog, clock));
  HOLDFAST_RETURN_IF_ERROR(locked->TryOnce(/*end_former=*/false));
  return locked;
}

absl::Status LockedSession::TryOnce(bool end_former) {
  HOLDFAST_ASSIGN_OR_RETURN(std::unique_ptr<Session> fresh,
                            Session::Open(options_.connection, watchdog_, options_.wait_max));
  HOLDFAST_ASSIGN_OR_RETURN(
      const pqxx::result locked,
      fresh->Query(fmt::format("SELECT pg_try_advisory_lock({}, {})", kLockSpace, lock_number_)));
  if (locked[0][0].as<bool>()) {
    session_ = std::move(fresh);
    return absl::OkStatus();
  }
  if (end_former) HOLDFAST_RETURN_IF_ERROR(EndFormer(*fresh));
  return absl::FailedPreconditionError(
      fmt::format("{}: another process has it open", fresh->where()));
}

absl::Status LockedSession::EndFormer(Session& fresh) {
  return fresh.Run(
      fmt::format("SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                  "WHERE pid = {} AND backend_start::text = '{}'",
                  session_->backend_pid(), session_->backend_start()));
}

absl::Status LockedSession::Reconnect(MonoTime deadline) {
  if (!away_since_) {
    away_since_ = clock_.Mono();
    LogWarning("the connection to {} is lost; trying again", session_->where());
  }
  while (true) {
    const absl::Status status = TryOnce(/*end_former=*/true);
    if (status.ok()) {
      const std::chrono::duration<double> took = clock_.Mono() - *away_since_;
      away_since_.reset();
      LogInfo("connected to {} again after {:.2f} s", session_->where(), took.count());
      return status;
    }
    if (IsPast(deadline)) return absl::UnavailableError(std::string(status.message()));
    Pause();
  }
}

}  // namespace holdfast::storage::postgres
