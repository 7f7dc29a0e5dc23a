#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>

#include <filesystem>

#include "server/storage/sqlite/connection.h"
#include "server/storage/sqlite/sqlite_audit_store.h"
#include "server/storage/sqlite/sqlite_store.h"
#include "tests/conformance/audit_conformance.h"
#include "tests/conformance/store_conformance.h"

namespace holdfast::storage {
namespace {

class SqliteMedium : public StoreMedium {
 public:
  SqliteMedium() {
    std::string name = testing::TempDir() + "holdfast-store-XXXXXX";
    folder_ = mkdtemp(name.data());
    signal(SIGXFSZ, SIG_IGN);
  }
  ~SqliteMedium() override { std::filesystem::remove_all(folder_); }

  absl::StatusOr<std::unique_ptr<Store>> Open() override {
    absl::StatusOr<std::unique_ptr<sqlite::SqliteStore>> store =
        sqlite::SqliteStore::Open({.path = path()});
    if (!store.ok()) return store.status();
    return std::unique_ptr<Store>(std::move(*store));
  }
  void SetSchemaVersion(uint64_t version) override {
    auto connection = sqlite::Connection::Open(path(), sqlite::Connection::Journal::kWal);
    ASSERT_TRUE(connection.ok()) << connection.status();
    ASSERT_TRUE((*connection)->Execute("PRAGMA user_version=" + std::to_string(version)).ok());
  }
  // A real failing write: the kernel refuses to write beyond the limit.
  void FailNextCommit() override { LimitFileSize(0); }
  void EndFault() override { LimitFileSize(RLIM_INFINITY); }

 private:
  static void LimitFileSize(rlim_t bytes) {
    rlimit limit{};
    getrlimit(RLIMIT_FSIZE, &limit);
    limit.rlim_cur = bytes;
    setrlimit(RLIMIT_FSIZE, &limit);
  }
  std::string path() const { return folder_ + "/store.db"; }
  std::string folder_;
};

INSTANTIATE_TEST_SUITE_P(Sqlite, StoreConformanceTest,
                         testing::Values(MediumKind{
                             "sqlite", [] { return std::make_unique<SqliteMedium>(); }}));

class SqliteAuditMedium : public AuditMedium {
 public:
  SqliteAuditMedium() {
    std::string name = testing::TempDir() + "holdfast-audit-XXXXXX";
    folder_ = mkdtemp(name.data());
  }
  ~SqliteAuditMedium() override { std::filesystem::remove_all(folder_); }
  absl::StatusOr<std::unique_ptr<AuditStore>> Open() override {
    auto store = sqlite::SqliteAuditStore::Open({.path = folder_ + "/audit.db"});
    if (!store.ok()) return store.status();
    return std::unique_ptr<AuditStore>(std::move(*store));
  }

 private:
  std::string folder_;
};

INSTANTIATE_TEST_SUITE_P(Sqlite, AuditConformanceTest,
                         testing::Values(AuditMediumKind{
                             "sqlite", [] { return std::make_unique<SqliteAuditMedium>(); }}));

}  // namespace
}  // namespace holdfast::storage
