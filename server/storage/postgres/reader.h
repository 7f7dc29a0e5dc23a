#ifndef HOLDFAST_SERVER_STORAGE_POSTGRES_READER_H_
#define HOLDFAST_SERVER_STORAGE_POSTGRES_READER_H_

#include <memory>
#include <string>

#include "server/storage/postgres/locked_session.h"

namespace holdfast::storage::postgres {

// Single statements that read, asked again when the server went away meanwhile.
//
// Threading   Thread-compatible.
// Ownership   Borrows watchdog and clock.
// Failure     UNAVAILABLE: the server was away for longer than wait_max. Others: session.h.
class Reader {
 public:
  Reader(SessionOptions options, Watchdog& watchdog, const Clock& clock)
      : options_(std::move(options)), watchdog_(watchdog), clock_(clock) {}
  absl::StatusOr<pqxx::result> Query(const std::string& sql);

 private:
  absl::StatusOr<pqxx::result> TryOnce(const std::string& sql);

  const SessionOptions options_;
  Watchdog& watchdog_;
  const Clock& clock_;
  std::unique_ptr<Session> session_;
};

}  // namespace holdfast::storage::postgres

#endif  // HOLDFAST_SERVER_STORAGE_POSTGRES_READER_H_
