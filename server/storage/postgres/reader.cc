#include "server/storage/postgres/reader.h"

#include "server/base/status_macros.h"
#include "server/storage/postgres/pause.h"

namespace holdfast::storage::postgres {

absl::StatusOr<pqxx::result> Reader::TryOnce(const std::string& sql) {
  if (session_ == nullptr || session_->lost()) {
    HOLDFAST_ASSIGN_OR_RETURN(session_,
                              Session::Open(options_.connection, watchdog_, options_.wait_max));
  }
  return session_->Query(sql);
}

absl::StatusOr<pqxx::result> Reader::Query(const std::string& sql) {
  const MonoTime deadline = clock_.Mono() + options_.wait_max;
  while (true) {
    absl::StatusOr<pqxx::result> result = TryOnce(sql);
    if (!absl::IsUnavailable(result.status())) return result;
    if (clock_.Mono() >= deadline || watchdog_.stopping()) return result;
    Pause();
  }
}

}  // namespace holdfast::storage::postgres
