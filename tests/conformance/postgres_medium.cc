#include "server/storage/postgres/postgres_audit_store.h"
#include "server/storage/postgres/postgres_store.h"
#include "tests/conformance/audit_conformance.h"
#include "tests/conformance/store_conformance.h"
#include "tests/support/private_postgres.h"
#include "tests/support/real_clock.h"
#include "tests/support/socket_proxy.h"

namespace holdfast::storage {
namespace {

// A new database of a real server, with the least privileges that suffice, reached through a proxy
// that can lose it.
class PostgresMedium : public StoreMedium {
 public:
  ~PostgresMedium() override { server_.DropDatabase(database_); }
  absl::StatusOr<std::unique_ptr<Store>> Open() override {
    absl::StatusOr<std::unique_ptr<postgres::PostgresStore>> store =
        postgres::PostgresStore::Open({.connection = server_.Connection(database_, proxy_.folder()),
                                       .wait_max = std::chrono::milliseconds(1500)},
                                      clock_);
    if (!store.ok()) return store.status();
    return std::unique_ptr<Store>(std::move(*store));
  }
  void SetSchemaVersion(uint64_t version) override {
    server_.Sql(database_, "UPDATE holdfast.schema_versions SET version = " +
                               std::to_string(version) + " WHERE kind = 'store'");
  }
  // The server is gone with the commit, and does not come back in time.
  void FailNextCommit() override {
    proxy_.Refuse(true);
    proxy_.Plan(SocketProxy::Fault::kBefore, "SET commits = ");
  }
  bool MayBeAway() const override { return true; }
  void EndFault() override { proxy_.Refuse(false); }

 private:
  PrivatePostgres& server_ = PrivatePostgres::Get();
  const RealClock clock_{};
  const std::string database_ = server_.NewDatabase();
  SocketProxy proxy_{server_.socket_folder() + "/.s.PGSQL.5432"};
};

INSTANTIATE_TEST_SUITE_P(Postgres, StoreConformanceTest,
                         testing::Values(MediumKind{
                             "postgres", [] { return std::make_unique<PostgresMedium>(); }}));

class PostgresAuditMedium : public AuditMedium {
 public:
  ~PostgresAuditMedium() override { server_.DropDatabase(database_); }
  absl::StatusOr<std::unique_ptr<AuditStore>> Open() override {
    auto store =
        postgres::PostgresAuditStore::Open({.connection = server_.Connection(database_)}, clock_);
    if (!store.ok()) return store.status();
    return std::unique_ptr<AuditStore>(std::move(*store));
  }

 private:
  PrivatePostgres& server_ = PrivatePostgres::Get();
  const RealClock clock_{};
  const std::string database_ = server_.NewDatabase();
};

INSTANTIATE_TEST_SUITE_P(Postgres, AuditConformanceTest,
                         testing::Values(AuditMediumKind{
                             "postgres", [] { return std::make_unique<PostgresAuditMedium>(); }}));

}  // namespace
}  // namespace holdfast::storage
