#include "server/storage/postgres/postgres_store.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "server/base/status_macros.h"
#include "server/storage/damage.h"
#include "server/storage/postgres/open_database.h"
#include "server/storage/postgres/reader.h"
#include "server/storage/postgres/statements.h"
#include "server/storage/postgres/store_tables.h"
#include "server/storage/postgres/writer.h"

namespace holdfast::storage::postgres {
namespace {

constexpr size_t kSnapshotTextBytes = 1 << 20;

Ask AskOf(Session& session) {
  return [&session](const std::string& sql) { return session.Query(sql, kLongStatementMax); };
}

// A row that cannot be right names the database and what to do.
absl::Status InDatabase(const absl::Status& status, const std::string& where) {
  if (!absl::IsDataLoss(status)) return status;
  return absl::DataLossError(
      fmt::format("{}: {}; {}", where, std::string(status.message()), kDamageNextStep));
}

}  // namespace

struct PostgresStore::Parts {
  Watchdog watchdog;
  SessionOptions session;
};

absl::StatusOr<std::unique_ptr<PostgresStore>> PostgresStore::Open(const DatabaseOptions& options,
                                                                   const Clock& clock) {
  std::unique_ptr<PostgresStore> store(new PostgresStore(options, clock));
  HOLDFAST_RETURN_IF_ERROR(store->Start());
  return store;
}

PostgresStore::PostgresStore(DatabaseOptions options, const Clock& clock)
    : options_(std::move(options)), clock_(clock) {}

PostgresStore::~PostgresStore() = default;

absl::Status PostgresStore::Start() {
  parts_ = std::make_unique<Parts>();
  HOLDFAST_ASSIGN_OR_RETURN(OpenedDatabase opened,
                            OpenDatabase(options_, kStoreSchema, parts_->watchdog, clock_));
  parts_->session = opened.session;
  MutexLock lock(writer_mu_);
  const absl::StatusOr<LogBounds> bounds = ReadBounds(AskOf(opened.locked->session()));
  HOLDFAST_RETURN_IF_ERROR(InDatabase(bounds.status(), opened.session.connection.where));
  bounds_ = *bounds;
  HOLDFAST_ASSIGN_OR_RETURN(writer_, Writer::Claim(std::move(opened.locked)));
  MutexLock reader_lock(reader_mu_);
  reader_ = std::make_unique<Reader>(opened.session, parts_->watchdog, clock_);
  return absl::OkStatus();
}

absl::Status PostgresStore::failure() const {
  MutexLock lock(failure_mu_);
  return failure_;
}

void PostgresStore::StopWaiting() { parts_->watchdog.StopWaiting(); }

absl::Status PostgresStore::Ready(Kind kind) {
  HOLDFAST_RETURN_IF_ERROR(failure());
  if (open_.has_value()) {
    const absl::StatusOr<bool> there = writer_->Resolve();
    HOLDFAST_RETURN_IF_ERROR(Settle(there.status()));
    if (*there) bounds_ = open_->after;
    if (open_->kind == Kind::kLog) there_ = *there;
    open_.reset();
  }
  if (kind == Kind::kOther || !owed_) return absl::OkStatus();
  return absl::FailedPreconditionError("whether the last write is there was not asked for");
}

absl::StatusOr<bool> PostgresStore::FindOut() {
  MutexLock lock(writer_mu_);
  HOLDFAST_RETURN_IF_ERROR(Ready(Kind::kOther));
  owed_ = false;
  return std::exchange(there_, false);
}

absl::Status PostgresStore::Settle(const absl::Status& status) {
  if (status.ok() || absl::IsResourceExhausted(status) || absl::IsInvalidArgument(status) ||
      absl::IsUnavailable(status)) {
    return status;
  }
  MutexLock lock(failure_mu_);
  if (failure_.ok()) {
    failure_ = absl::DataLossError(
        fmt::format("{}: closed for writing after a failed write ({}); start the node again",
                    parts_->session.connection.where, std::string(status.message())));
  }
  return failure_;
}

absl::Status PostgresStore::Commit(Kind kind, const LogBounds& after,
                                   const std::vector<std::string>& texts,
                                   const std::string& meta_changes) {
  return End(kind, after, writer_->Commit(texts, meta_changes));
}

absl::Status PostgresStore::End(Kind kind, const LogBounds& after, const absl::Status& status) {
  if (writer_->open()) open_ = OpenWrite{kind, after};
  const absl::Status settled = Settle(status);
  if (settled.ok()) bounds_ = after;
  if (absl::IsUnavailable(settled) && kind == Kind::kLog) owed_ = true;
  return settled;
}

absl::StatusOr<LogPoint> PostgresStore::PointAt(uint64_t seq) {
  Writer& writer = *writer_;
  absl::StatusOr<LogPoint> point =
      ReadPoint([&writer](const std::string& sql) { return writer.Query(sql); }, seq);
  HOLDFAST_RETURN_IF_ERROR(Settle(point.status()));
  return point;
}

absl::StatusOr<LoadResult> PostgresStore::Load(const std::function<absl::Status(v1::Row&&)>& row) {
  HOLDFAST_ASSIGN_OR_RETURN(
      const std::unique_ptr<Session> session,
      Session::Open(parts_->session.connection, parts_->watchdog, options_.wait_max));
  HOLDFAST_RETURN_IF_ERROR(session->Run("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"));
  const Ask ask = AskOf(*session);
  const absl::StatusOr<LogBounds> bounds = ReadBounds(ask);
  HOLDFAST_RETURN_IF_ERROR(InDatabase(bounds.status(), session->where()));
  HOLDFAST_RETURN_IF_ERROR(ReadRows(ask, row));
  return bounds->ToLoadResult();
}

absl::Status PostgresStore::Append(const AppendBatch& batch) {
  MutexLock lock(writer_mu_);
  HOLDFAST_RETURN_IF_ERROR(Ready(Kind::kLog));
  const auto point_at = [this](uint64_t seq)
                            ABSL_NO_THREAD_SAFETY_ANALYSIS { return PointAt(seq); };
  HOLDFAST_ASSIGN_OR_RETURN(const LogBounds after, bounds_.AfterAppend(batch, point_at));
  const bool moved = batch.applied.has_value();
  return Commit(Kind::kLog, after, TextsOf(batch), moved ? MetaOf(after) : std::string());
}

absl::StatusOr<std::vector<EntryPtr>> PostgresStore::ReadLog(uint64_t first_seq, size_t records_max,
                                                             size_t bytes_max) {
  MutexLock lock(reader_mu_);
  Reader& reader = *reader_;
  return ReadEntries([&reader](const std::string& sql) { return reader.Query(sql); }, first_seq,
                     records_max, bytes_max);
}

absl::Status PostgresStore::CutAfter(uint64_t seq, const Facts& facts) {
  MutexLock lock(writer_mu_);
  HOLDFAST_RETURN_IF_ERROR(Ready(Kind::kLog));
  const auto point_at = [this](uint64_t at) ABSL_NO_THREAD_SAFETY_ANALYSIS { return PointAt(at); };
  HOLDFAST_ASSIGN_OR_RETURN(const LogBounds after, bounds_.AfterCut(seq, point_at));
  if (after.last.seq == bounds_.last.seq) return absl::OkStatus();
  std::vector<std::string> texts{DeleteEntries(seq + 1, bounds_.last.seq)};
  if (!facts.empty()) texts.push_back(WriteFacts(facts));
  return Commit(Kind::kLog, after, texts, "");
}

absl::StatusOr<bool> PostgresStore::TrimStep(uint64_t seq) {
  HOLDFAST_RETURN_IF_ERROR(Ready(Kind::kOther));
  const auto point_at = [this](uint64_t at) ABSL_NO_THREAD_SAFETY_ANALYSIS { return PointAt(at); };
  const uint64_t first = bounds_.first_seq();
  HOLDFAST_ASSIGN_OR_RETURN(const LogBounds after, bounds_.AfterTrimStep(seq, point_at));
  const uint64_t last = after.before_first.seq;
  if (last < first) return true;
  HOLDFAST_RETURN_IF_ERROR(
      Commit(Kind::kOther, after, {DeleteEntries(first, last)}, MetaOf(after)));
  return last == seq;
}

absl::Status PostgresStore::TrimUpTo(uint64_t seq) {
  while (true) {
    MutexLock lock(writer_mu_);  // One step; between two of them an append gets its turn.
    HOLDFAST_ASSIGN_OR_RETURN(const bool done, TrimStep(seq));
    if (done) return absl::OkStatus();
  }
}

namespace {

// Rows of one kind usually come together: a statement ends where the kind changes.
absl::Status InsertRows(const std::function<absl::StatusOr<std::optional<v1::Row>>()>& next,
                        Session& session) {
  std::string sql;
  const RowTable* table = nullptr;
  std::optional<RowInsert> insert;
  const auto flush = [&]() -> absl::Status {
    if (insert.has_value()) insert->End(sql);
    const absl::Status status = sql.empty() ? absl::OkStatus() : session.Run(sql);
    sql.clear();
    return status;
  };
  while (true) {
    HOLDFAST_ASSIGN_OR_RETURN(const std::optional<v1::Row> row, next());
    if (!row.has_value()) return flush();
    HOLDFAST_RETURN_IF_ERROR(CheckRow(*row));
    if (const RowTable* own = FindRowTable(row->row_case()); own != table) {
      if (insert.has_value()) insert->End(sql);
      table = own;
      insert.emplace(table->columns, /*replace=*/false);
    }
    insert->Add(RowMessage(*row, *table), sql);
    if (sql.size() >= kSnapshotTextBytes) HOLDFAST_RETURN_IF_ERROR(flush());
  }
}

}  // namespace

absl::Status PostgresStore::ReplaceBySnapshot(
    const std::function<absl::StatusOr<std::optional<v1::Row>>()>& next, const Applied& applied,
    const Epoch& last_epoch, const Facts& facts) {
  HOLDFAST_ASSIGN_OR_RETURN(const LogBounds after, LogBounds::OfSnapshot(applied, last_epoch));
  MutexLock lock(writer_mu_);
  HOLDFAST_RETURN_IF_ERROR(Ready(Kind::kLog));
  bool steps_failed = false;
  const absl::Status status = writer_->CommitSteps(
      [&](Session& session) -> absl::Status {
        steps_failed = true;
        HOLDFAST_RETURN_IF_ERROR(session.Query(DeleteEverything(), kLongStatementMax).status());
        HOLDFAST_RETURN_IF_ERROR(InsertRows(next, session));
        if (!facts.empty()) HOLDFAST_RETURN_IF_ERROR(session.Run(WriteFacts(facts)));
        steps_failed = false;
        return absl::OkStatus();
      },
      MetaOf(after));
  // A sender that broke off is no fault of the database: its error goes out as it is.
  if (steps_failed && !absl::IsDataLoss(status) && !writer_->open()) return status;
  return End(Kind::kLog, after, status);
}

absl::Status PostgresStore::PutFact(const std::string& name, const std::string& value) {
  MutexLock lock(writer_mu_);
  HOLDFAST_RETURN_IF_ERROR(Ready(Kind::kOther));
  return Commit(Kind::kOther, bounds_, {WriteFacts({{name, value}})}, "");
}

absl::StatusOr<std::optional<std::string>> PostgresStore::GetFact(const std::string& name) {
  MutexLock lock(reader_mu_);
  Reader& reader = *reader_;
  return ReadFact([&reader](const std::string& sql) { return reader.Query(sql); }, name);
}

}  // namespace holdfast::storage::postgres
