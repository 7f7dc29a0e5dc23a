#include "server/storage/postgres/postgres_audit_store.h"

#include <algorithm>
#include <utility>

#include "server/base/status_macros.h"
#include "server/storage/postgres/audit_tables.h"
#include "server/storage/postgres/open_database.h"
#include "server/storage/postgres/reader.h"

namespace holdfast::storage::postgres {
namespace {

constexpr std::chrono::milliseconds kWaitMax{3000};
constexpr std::chrono::milliseconds kLookEvery{200};

Ask AskOf(Reader& reader) {
  return [&reader](const std::string& sql) { return reader.Query(sql); };
}

Ask AskOf(LockedSession& locked) {
  return [&locked](const std::string& sql) { return locked.session().Query(sql); };
}

// Nobody who calls an audit store may be held up for as long as a write may.
DatabaseOptions Shorter(DatabaseOptions options) {
  options.wait_max = std::min(options.wait_max, kWaitMax);
  return options;
}

}  // namespace

absl::StatusOr<std::unique_ptr<PostgresAuditStore>> PostgresAuditStore::Open(
    const DatabaseOptions& options, const Clock& clock) {
  std::unique_ptr<PostgresAuditStore> store(new PostgresAuditStore(options, clock));
  HOLDFAST_RETURN_IF_ERROR(store->Start());
  return store;
}

PostgresAuditStore::PostgresAuditStore(DatabaseOptions options, const Clock& clock)
    : options_(Shorter(std::move(options))),
      clock_(clock),
      watchdog_(std::make_unique<Watchdog>()) {}

PostgresAuditStore::~PostgresAuditStore() {
  {
    MutexLock lock(writer_mu_);
    stop_ = true;
  }
  StopWaiting();
  stopped_.NotifyAll();
  if (connector_.joinable()) connector_.join();
}

void PostgresAuditStore::StopWaiting() { watchdog_->StopWaiting(); }

absl::Status PostgresAuditStore::Start() {
  HOLDFAST_ASSIGN_OR_RETURN(OpenedDatabase opened,
                            OpenDatabase(options_, kAuditSchema, *watchdog_, clock_));
  {
    MutexLock lock(writer_mu_);
    HOLDFAST_ASSIGN_OR_RETURN(heads_, ReadHeads(*opened.locked));
    writer_ = std::move(opened.locked);
  }
  MutexLock lock(reader_mu_);
  reader_ = std::make_unique<Reader>(opened.session, *watchdog_, clock_);
  connector_ = std::thread([this] { KeepConnected(); });
  return absl::OkStatus();
}

absl::StatusOr<PostgresAuditStore::Heads> PostgresAuditStore::ReadHeads(LockedSession& locked) {
  HOLDFAST_ASSIGN_OR_RETURN(const std::vector<AuditCoverage> all, ReadAuditCoverage(AskOf(locked)));
  Heads heads;
  for (const AuditCoverage& node : all) heads[node.node_id] = node.highest;
  return heads;
}

void PostgresAuditStore::KeepConnected() {
  while (true) {
    std::unique_ptr<LockedSession> lost;
    {
      MutexLock lock(writer_mu_);
      if (!stop_) stopped_.WaitFor(writer_mu_, kLookEvery);
      if (stop_) return;
      if (!writer_->session().lost()) continue;
      lost = std::move(writer_);
    }
    absl::StatusOr<Heads> heads = absl::UnavailableError("");
    if (lost->Reconnect(lost->Deadline()).ok()) heads = ReadHeads(*lost);
    MutexLock lock(writer_mu_);
    if (heads.ok()) heads_ = *std::move(heads);
    writer_ = std::move(lost);
  }
}

absl::StatusOr<LockedSession*> PostgresAuditStore::Writer() {
  if (writer_ != nullptr && !writer_->session().lost()) return writer_.get();
  return absl::UnavailableError("the database of the audit records is away, try again");
}

absl::Status PostgresAuditStore::Add(absl::Span<const v1::AuditRecord* const> records) {
  MutexLock lock(writer_mu_);
  HOLDFAST_ASSIGN_OR_RETURN(LockedSession* const writer, Writer());
  AuditPlan plan;
  HOLDFAST_RETURN_IF_ERROR(LearnFor(AskOf(*writer), records, plan));
  for (const v1::AuditRecord* record : records) {
    HOLDFAST_RETURN_IF_ERROR(plan.Add(*record));
  }
  if (const std::string text = plan.Text(); !text.empty()) {
    HOLDFAST_RETURN_IF_ERROR(writer->session().Run(text));
  }
  for (const v1::AuditRecord* record : records) {
    uint64_t& head = heads_[record->node_id()];
    head = std::max(head, record->number());
  }
  return absl::OkStatus();
}

absl::StatusOr<uint64_t> PostgresAuditStore::Highest(const std::string& node_id) {
  MutexLock lock(writer_mu_);
  const auto found = heads_.find(node_id);
  return found == heads_.end() ? 0 : found->second;
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
  HOLDFAST_ASSIGN_OR_RETURN(LockedSession* const writer, Writer());
  HOLDFAST_ASSIGN_OR_RETURN(const pqxx::result result,
                            writer->session().Query(DeleteAuditRecords(before, records_max)));
  return result.affected_rows();
}

}  // namespace holdfast::storage::postgres
