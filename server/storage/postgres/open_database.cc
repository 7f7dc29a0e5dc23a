#include "server/storage/postgres/open_database.h"

#include "server/base/status_macros.h"

namespace holdfast::storage::postgres {

absl::StatusOr<OpenedDatabase> OpenDatabase(const DatabaseOptions& options, const SchemaKind& kind,
                                            Watchdog& watchdog, const Clock& clock) {
  OpenedDatabase opened{.session = {.wait_max = options.wait_max}};
  HOLDFAST_ASSIGN_OR_RETURN(opened.session.connection,
                            CompleteConnectionString(options.connection));
  HOLDFAST_ASSIGN_OR_RETURN(opened.locked,
                            LockedSession::Open(opened.session, kind.lock_number, watchdog, clock));
  if (!options.migrate_connection.empty()) {
    HOLDFAST_ASSIGN_OR_RETURN(const ConnectionString owner,
                              CompleteConnectionString(options.migrate_connection));
    HOLDFAST_ASSIGN_OR_RETURN(const std::unique_ptr<Session> session,
                              Session::Open(owner, watchdog, options.wait_max));
    HOLDFAST_RETURN_IF_ERROR(EnsureSchema(*session, kind));
  }
  HOLDFAST_RETURN_IF_ERROR(EnsureSchema(opened.locked->session(), kind));
  return opened;
}

}  // namespace holdfast::storage::postgres
