#ifndef HOLDFAST_SERVER_STORAGE_POSTGRES_OPEN_DATABASE_H_
#define HOLDFAST_SERVER_STORAGE_POSTGRES_OPEN_DATABASE_H_

#include <memory>

#include "server/storage/postgres/locked_session.h"
#include "server/storage/postgres/postgres_store.h"
#include "server/storage/postgres/schema.h"

namespace holdfast::storage::postgres {

struct OpenedDatabase {
  SessionOptions session;                 // for further sessions
  std::unique_ptr<LockedSession> locked;  // holds the lock of this kind of tables
};

// Takes the lock, then brings the schema up to date. Errors: PostgresStore::Open.
absl::StatusOr<OpenedDatabase> OpenDatabase(const DatabaseOptions& options, const SchemaKind& kind,
                                            Watchdog& watchdog, const Clock& clock);

}  // namespace holdfast::storage::postgres

#endif  // HOLDFAST_SERVER_STORAGE_POSTGRES_OPEN_DATABASE_H_
