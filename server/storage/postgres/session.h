#ifndef HOLDFAST_SERVER_STORAGE_POSTGRES_SESSION_H_
#define HOLDFAST_SERVER_STORAGE_POSTGRES_SESSION_H_

#include <chrono>
#include <memory>
#include <pqxx/pqxx>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/base/file.h"
#include "server/storage/postgres/connection_string.h"
#include "server/storage/postgres/watchdog.h"

namespace holdfast::storage::postgres {

// Statements that read or write a whole table.
inline constexpr std::chrono::minutes kLongStatementMax{10};

// libpqxx connects again by itself when a connection has broken, without our lock and our settings.
// This one connects once.
class ConnectOnce : public pqxx::connect_direct {
 public:
  explicit ConnectOnce(const std::string& text) : pqxx::connect_direct(text) {}
  handle do_startconnect(handle original) override;

 private:
  bool used_ = false;
};

// One session with a server: our settings on it, what we rely on checked; exceptions of the library
// end here.
//
// Threading   Thread-compatible.
// Failure     UNAVAILABLE and lost(): the connection is gone, what the last statement did is not
//             known. Otherwise the server has refused, and a transaction that was open is aborted:
//             RESOURCE_EXHAUSTED: no room or no time, try again. INVALID_ARGUMENT: a key is there
//             already. ABORTED: a value that must not be NULL is (writer.h). PERMISSION_DENIED.
//             DATA_LOSS: damage. INTERNAL: the rest. FAILED_PRECONDITION from Open: the server is
//             not one that we can rely on; the message says what to change.
class Session {
 public:
  static absl::StatusOr<std::unique_ptr<Session>> Open(const ConnectionString& connection,
                                                       Watchdog& watchdog,
                                                       std::chrono::milliseconds statement_max);
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  // One or more statements in one message; several are one transaction unless they say otherwise.
  // The result of the last one.
  absl::StatusOr<pqxx::result> Query(const std::string& sql);
  absl::StatusOr<pqxx::result> Query(const std::string& sql, std::chrono::milliseconds limit);
  absl::Status Run(const std::string& sql) { return Query(sql).status(); }

  bool lost() const { return lost_; }
  const std::string& where() const { return where_; }
  int backend_pid() const { return backend_pid_; }
  const std::string& backend_start() const { return backend_start_; }

 private:
  Session(std::string where, Watchdog& watchdog, std::chrono::milliseconds statement_max)
      : where_(std::move(where)), watchdog_(watchdog), statement_max_(statement_max) {}
  absl::Status Connect(const std::string& text);
  absl::Status Prepare();
  absl::Status Lost(const std::string& why);
  absl::Status StatusOf(const pqxx::sql_error& error);

  const std::string where_;
  Watchdog& watchdog_;
  const std::chrono::milliseconds statement_max_;
  std::unique_ptr<pqxx::basic_connection_base<ConnectOnce>> connection_;
  UniqueFd socket_;  // a copy: the library may close its own while the watchdog looks
  bool lost_ = false;
  int backend_pid_ = 0;
  std::string backend_start_;  // with the pid, names a backend among those before and after it
};

}  // namespace holdfast::storage::postgres

#endif  // HOLDFAST_SERVER_STORAGE_POSTGRES_SESSION_H_
