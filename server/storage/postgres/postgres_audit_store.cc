#include "server/storage/postgres/postgres_audit_store.h"

#include "server/base/status_macros.h"
#include "server/storage/postgres/audit_tables.h"
#include "server/storage/postgres/open_database.h"
#include "server/storage/postgres/reader.h"

namespace holdfast::storage::postgres {
namespace {

Ask AskOf(Reader& reader) {
  return [&reader](const std::string& sql) { return reader.Query(sql); };
}

}  // namespace

absl::StatusOr<std::unique_ptr<PostgresAuditStore>> PostgresAuditStore::Open(
    const DatabaseOptions& options, const Clock& clock) {
  std::unique_ptr<PostgresAuditStore> store(new PostgresAuditStore(options, clock));
  HOLDFAST_RETURN_IF_ERROR(store->Start());
  return store;
}

PostgresAuditStore::PostgresAuditStore(DatabaseOptions options, const Clock& clock)
    : options_(std::move(options)), clock_(clock), watchdog_(std::make_unique<Watchdog>()) {}

PostgresAuditStore::~PostgresAuditStore() = default;

absl::Status PostgresAuditStore::Start() {
  HOLDFAST_ASSIGN_OR_RETURN(OpenedDatabase opened,
                            OpenDatabase(options_, kAuditSchema, *watchdog_, clock_));
  {
    MutexLock lock(writer_mu_);
    writer_ = std::move(opened.locked);
  }
  MutexLock lock(reader_mu_);
  reader_ = std::make_unique<Reader>(opened.session, *watchdog_, clock_);
  return absl::OkStatus();
}

absl::Status PostgresAuditStore::Again(const std::function<absl::Status()>& body) {
  const MonoTime deadline = writer_->Deadline();
  while (true) {
    const absl::Status status = body();
    if (!writer_->session().lost() || writer_->IsPast(deadline)) return status;
    HOLDFAST_RETURN_IF_ERROR(writer_->Reconnect(deadline));
  }
}

absl::Status PostgresAuditStore::AddOnce(absl::Span<const v1::AuditRecord* const> records) {
  Session& session = writer_->session();
  AuditPlan plan;
  HOLDFAST_RETURN_IF_ERROR(
      LearnFor([&session](const std::string& sql) { return session.Query(sql); }, records, plan));
  for (const v1::AuditRecord* record : records) {
    HOLDFAST_RETURN_IF_ERROR(plan.Add(*record));
  }
  const std::string text = plan.Text();
  return text.empty() ? absl::OkStatus() : session.Run(text);
}

absl::Status PostgresAuditStore::Add(absl::Span<const v1::AuditRecord* const> records) {
  MutexLock lock(writer_mu_);
  return Again([&]() ABSL_NO_THREAD_SAFETY_ANALYSIS { return AddOnce(records); });
}

absl::StatusOr<uint64_t> PostgresAuditStore::Highest(const std::string& node_id) {
  MutexLock lock(reader_mu_);
  return ReadAuditHead(AskOf(*reader_), node_id);
}

absl::StatusOr<std::vector<AuditCoverage>> PostgresAuditStore::Coverage() {
  MutexLock lock(reader_mu_);
  return ReadAuditCoverage(AskOf(*reader_));
}

absl::StatusOr<AuditPage> PostgresAuditStore::List(const AuditQuery& query) {
  HOLDFAST_RETURN_IF_ERROR(CheckAuditQuery(query));
  MutexLock lock(reader_mu_);
  return ReadAuditPage(AskOf(*reader_), query);
}

absl::StatusOr<uint64_t> PostgresAuditStore::TrimOlderThan(WallTime before, size_t records_max) {
  MutexLock lock(writer_mu_);
  uint64_t gone = 0;
  HOLDFAST_RETURN_IF_ERROR(Again([&]() ABSL_NO_THREAD_SAFETY_ANALYSIS -> absl::Status {
    HOLDFAST_ASSIGN_OR_RETURN(const pqxx::result result,
                              writer_->session().Query(DeleteAuditRecords(before, records_max)));
    gone = result.affected_rows();
    return absl::OkStatus();
  }));
  return gone;
}

}  // namespace holdfast::storage::postgres
