#include "server/setup/open_stores.h"

#include <fmt/format.h>

#include <optional>
#include <utility>

#include "server/base/status_macros.h"
#include "server/setup/node_folder.h"
#include "server/storage/damage.h"
#include "server/storage/postgres/postgres_audit_store.h"
#include "server/storage/postgres/postgres_store.h"
#include "server/storage/sqlite/sqlite_audit_store.h"
#include "server/storage/sqlite/sqlite_store.h"

namespace holdfast::setup {
namespace {

constexpr char kDropIt[] =
    "give this node a database of its own, or drop the schema holdfast in this one";

bool IsDatabase(const Config& config) { return config.store.kind == "postgres"; }

storage::postgres::DatabaseOptions DatabaseOf(const Config& config) {
  return {.connection = config.store.connection,
          .migrate_connection = config.store.migrate_connection,
          .wait_max = std::chrono::seconds(config.store.wait_seconds)};
}

template <typename Base, typename Derived>
absl::StatusOr<std::unique_ptr<Base>> Up(absl::StatusOr<std::unique_ptr<Derived>> store) {
  HOLDFAST_RETURN_IF_ERROR(store.status());
  return std::unique_ptr<Base>(*std::move(store));
}

absl::StatusOr<std::unique_ptr<storage::Store>> OpenAny(const Config& config,
                                                        const std::string& folder,
                                                        const Clock& clock) {
  if (IsDatabase(config)) {
    return Up<storage::Store>(storage::postgres::PostgresStore::Open(DatabaseOf(config), clock));
  }
  return Up<storage::Store>(
      storage::sqlite::SqliteStore::Open({.path = PathIn(folder, kStoreFile)}));
}

absl::Status CheckEmpty(storage::Store& store) {
  uint64_t rows = 0;
  HOLDFAST_ASSIGN_OR_RETURN(const storage::LoadResult loaded, store.Load([&rows](v1::Row&&) {
    ++rows;
    return absl::OkStatus();
  }));
  if (rows == 0 && loaded.last.seq == 0) return absl::OkStatus();
  return absl::AlreadyExistsError(
      fmt::format("store.connection: the database holds a vault already, up to {}; {}",
                  loaded.last.seq, kDropIt));
}

}  // namespace

absl::StatusOr<std::unique_ptr<storage::Store>> OpenStore(const Config& config,
                                                          const std::string& folder,
                                                          const Clock& clock) {
  HOLDFAST_ASSIGN_OR_RETURN(std::unique_ptr<storage::Store> store, OpenAny(config, folder, clock));
  if (!IsDatabase(config)) return store;
  HOLDFAST_ASSIGN_OR_RETURN(const std::optional<std::string> owner, store->GetFact(kOwnerFact));
  if (owner == config.node.id) return store;
  return absl::FailedPreconditionError(
      owner.has_value()
          ? fmt::format("store.connection: the database is node {}'s, this is node {}", *owner,
                        config.node.id)
          : "store.connection: the database is no node's: it is not the one that init or join "
            "made this node with");
}

absl::StatusOr<std::unique_ptr<storage::Store>> MakeStore(const Config& config,
                                                          const std::string& folder,
                                                          const Clock& clock) {
  HOLDFAST_ASSIGN_OR_RETURN(std::unique_ptr<storage::Store> store, OpenAny(config, folder, clock));
  if (!IsDatabase(config)) return store;
  HOLDFAST_RETURN_IF_ERROR(CheckEmpty(*store));
  HOLDFAST_RETURN_IF_ERROR(store->PutFact(kOwnerFact, config.node.id));
  return store;
}

absl::StatusOr<std::unique_ptr<storage::AuditStore>> OpenAuditStore(const Config& config,
                                                                    const std::string& folder,
                                                                    const Clock& clock) {
  if (IsDatabase(config)) {
    return Up<storage::AuditStore>(
        storage::postgres::PostgresAuditStore::Open(DatabaseOf(config), clock));
  }
  return Up<storage::AuditStore>(
      storage::sqlite::SqliteAuditStore::Open({.path = PathIn(folder, kAuditStoreFile)}));
}

std::string AuditStoreName(const Config& config) {
  if (IsDatabase(config)) return "the tables holdfast.audit_* of the database";
  return PathIn(config.node.data, kAuditStoreFile);
}

// The ledger knows what is wrong in a store, not where that is and what can be done.
absl::Status InStore(const absl::Status& status, const Config& config) {
  const std::string text(status.message());
  const bool damage = absl::IsDataLoss(status) || absl::IsUnauthenticated(status);
  const bool told = text.starts_with(config.node.data) || text.ends_with(storage::kDamageNextStep);
  if (!damage || told) return status;
  if (IsDatabase(config)) {
    return absl::Status(status.code(), fmt::format("the database of node {}: {}; {}",
                                                   config.node.id, text, storage::kDamageNextStep));
  }
  return absl::Status(status.code(), fmt::format("{}: {}; {}", PathIn(config.node.data, kStoreFile),
                                                 text, storage::kDamageNextStep));
}

}  // namespace holdfast::setup
