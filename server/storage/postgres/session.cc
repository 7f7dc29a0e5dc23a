#include "server/storage/postgres/session.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <string_view>
#include <utility>

#include "server/base/status_macros.h"

namespace holdfast::storage::postgres {
namespace {

constexpr int kServerVersionMin = 150000;
constexpr size_t kErrorBytesMax = 300;

// synchronous_commit: a commit is durable on return whatever the server's configuration, the
// database or the role say. The other settings: nothing of theirs may change what statements mean
// or end them from outside; a backend whose client is gone ends within a minute.
constexpr char kSettings[] =
    "SET synchronous_commit = on; SET standard_conforming_strings = on; SET bytea_output = hex; "
    "SET search_path = pg_catalog; SET statement_timeout = 0; "
    "SET idle_in_transaction_session_timeout = 0; SET idle_session_timeout = 0; "
    "SET default_transaction_isolation = 'read committed'; "
    "SET default_transaction_read_only = off; SET default_transaction_deferrable = off; "
    "SET TimeZone = 'UTC'; SET DateStyle = 'ISO'; SET jit = off; SET client_min_messages = error; "
    "SET tcp_keepalives_idle = 10; SET tcp_keepalives_interval = 5; SET tcp_keepalives_count = 3; "
    "SET tcp_user_timeout = 20000";

constexpr std::chrono::milliseconds kLockWaitMax{20000};

constexpr char kFindSelf[] =
    "SELECT current_setting('server_version_num')::int, current_setting('fsync'), "
    "current_setting('full_page_writes'), current_setting('server_encoding'), "
    "pg_is_in_recovery(), pg_backend_pid(), "
    "(SELECT backend_start::text FROM pg_stat_activity WHERE pid = pg_backend_pid())";

// The first line: what follows is for interactive users, and repeats the statement.
std::string FirstLine(std::string_view text) {
  text = text.substr(0, text.find('\n'));
  return std::string(text.substr(0, kErrorBytesMax));
}

// The library leaves the SQLSTATE of some of its own error types empty.
std::string StateOf(const pqxx::sql_error& error) {
  if (!error.sqlstate().empty()) return error.sqlstate();
  if (dynamic_cast<const pqxx::insufficient_privilege*>(&error) != nullptr) return "42501";
  if (dynamic_cast<const pqxx::unique_violation*>(&error) != nullptr) return "23505";
  if (dynamic_cast<const pqxx::not_null_violation*>(&error) != nullptr) return "23502";
  if (dynamic_cast<const pqxx::insufficient_resources*>(&error) != nullptr) return "53000";
  return "";
}

absl::StatusCode CodeOf(std::string_view state) {
  if (state.starts_with("53")) return absl::StatusCode::kResourceExhausted;
  if (state == "57014" || state == "55P03" || state == "40001" || state == "40P01") {
    return absl::StatusCode::kResourceExhausted;
  }
  if (state == "23505") return absl::StatusCode::kInvalidArgument;
  if (state == "23502") return absl::StatusCode::kAborted;
  if (state == "42501") return absl::StatusCode::kPermissionDenied;
  if (state.starts_with("XX") || state.starts_with("58")) return absl::StatusCode::kDataLoss;
  return absl::StatusCode::kInternal;
}

absl::Status CheckServer(const pqxx::row& found, const std::string& where) {
  const auto refuse = [&where](std::string_view what) {
    return absl::FailedPreconditionError(fmt::format("{}: {}", where, what));
  };
  if (found[0].as<int>() < kServerVersionMin) {
    return refuse("expected PostgreSQL 15 or newer, got version number " +
                  found[0].as<std::string>());
  }
  if (found[1].as<std::string>() != "on") {
    return refuse("fsync is off, so a commit is not durable: set fsync = on in postgresql.conf");
  }
  if (found[2].as<std::string>() != "on") {
    return refuse(
        "full_page_writes is off, so a crash can tear pages: set full_page_writes = on in "
        "postgresql.conf");
  }
  if (found[3].as<std::string>() != "UTF8") {
    return refuse("the database's encoding is not UTF8: create it with ENCODING 'UTF8'");
  }
  if (!found[4].as<bool>()) return absl::OkStatus();
  return absl::UnavailableError(where + ": the server is a standby, which takes no writes");
}

}  // namespace

ConnectOnce::handle ConnectOnce::do_startconnect(handle original) {
  if (original != nullptr) return original;
  if (std::exchange(used_, true)) throw pqxx::broken_connection("the connection is gone");
  return pqxx::connect_direct::do_startconnect(original);
}

absl::StatusOr<std::unique_ptr<Session>> Session::Open(const ConnectionString& connection,
                                                       Watchdog& watchdog,
                                                       std::chrono::milliseconds statement_max) {
  std::unique_ptr<Session> session(new Session(connection.where, watchdog, statement_max));
  if (watchdog.stopping()) return session->Lost("not connected again: the process ends");
  HOLDFAST_RETURN_IF_ERROR(session->Connect(connection.text));
  HOLDFAST_RETURN_IF_ERROR(session->Prepare());
  return session;
}

absl::Status Session::Connect(const std::string& text) {
  try {
    connection_ = std::make_unique<pqxx::basic_connection_base<ConnectOnce>>(text);
    socket_ = UniqueFd(dup(connection_->sock()));
  } catch (const std::exception& error) {
    return Lost(error.what());
  }
  if (!socket_.valid()) return Lost("no file descriptor is free");
  return absl::OkStatus();
}

absl::Status Session::Prepare() {
  // Before the watchdog cuts: that a lock was waited for in vain is an answer, a loss is none.
  const auto lock_wait = std::min(kLockWaitMax, statement_max_ / 2);
  HOLDFAST_RETURN_IF_ERROR(
      Run(fmt::format("{}; SET lock_timeout = {}", kSettings, lock_wait.count())));
  HOLDFAST_ASSIGN_OR_RETURN(const pqxx::result found, Query(kFindSelf));
  HOLDFAST_RETURN_IF_ERROR(CheckServer(found[0], where_));
  backend_pid_ = found[0][5].as<int>();
  backend_start_ = found[0][6].as<std::string>();
  return absl::OkStatus();
}

absl::Status Session::Lost(const std::string& why) {
  lost_ = true;
  return absl::UnavailableError(fmt::format("{}: {}", where_, FirstLine(why)));
}

absl::Status Session::StatusOf(const pqxx::sql_error& error) {
  const std::string state = StateOf(error);
  const bool gone = state.starts_with("08") || state.starts_with("57P");
  if (gone || !connection_->is_open()) return Lost(error.what());
  return absl::Status(CodeOf(state),
                      fmt::format("{}: {} (SQLSTATE {})", where_, FirstLine(error.what()), state));
}

absl::StatusOr<pqxx::result> Session::Query(const std::string& sql) {
  return Query(sql, statement_max_);
}

absl::StatusOr<pqxx::result> Session::Query(const std::string& sql,
                                            std::chrono::milliseconds limit) {
  if (lost_) return Lost("the connection is gone");
  const Watchdog::Watch watch(watchdog_, socket_.get(), limit);
  try {
    pqxx::nontransaction statement(*connection_);
    return statement.exec(sql);
  } catch (const pqxx::sql_error& error) {
    return StatusOf(error);
  } catch (const std::exception& error) {
    return Lost(error.what());
  }
}

}  // namespace holdfast::storage::postgres
