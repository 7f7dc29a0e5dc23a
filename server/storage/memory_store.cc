#include "server/storage/memory_store.h"

#include <fmt/format.h>

#include <algorithm>

#include "server/base/status_macros.h"
#include "server/storage/row_table.h"

namespace holdfast::storage {
namespace {

MemoryDisk::RowId IdOf(const v1::RowKey& key) {
  // A key names its row by number or by text; the other field is not looked at.
  const RowTable* table = FindRowTable(key.table());
  const bool by_text = table != nullptr && table->keyed_by_text();
  return {key.table(), by_text ? 0 : key.id(), by_text ? key.name() : std::string()};
}

void ApplyChange(const v1::RowChange& change, MemoryDisk::Contents& contents) {
  if (change.has_put()) {
    contents.rows[IdOf(KeyOf(change.put()))] = change.put();
  } else {
    contents.rows.erase(IdOf(change.delete_()));
  }
}

}  // namespace

void MemoryDisk::FailNextCommit(absl::Status error, bool lands) {
  MutexLock lock(mu_);
  next_failure_ = std::move(error);
  failure_lands_ = lands;
}

void MemoryDisk::set_full(bool full) {
  MutexLock lock(mu_);
  full_ = full;
}

void MemoryDisk::set_away(bool away, bool lands) {
  MutexLock lock(mu_);
  away_ = away;
  away_lands_ = away && lands;
}

void MemoryDisk::set_hanging(bool hanging) {
  MutexLock lock(mu_);
  hanging_ = hanging;
  answers_.NotifyAll();
}

void MemoryDisk::set_schema_version(uint64_t version) {
  MutexLock lock(mu_);
  contents_.schema_version = version;
}

std::shared_ptr<MemoryDisk> MemoryDisk::Clone() const {
  auto copy = std::make_shared<MemoryDisk>();
  MutexLock lock(mu_);
  MutexLock copy_lock(copy->mu_);
  copy->contents_ = contents_;
  copy->landed_ = landed_;
  return copy;
}

absl::StatusOr<std::unique_ptr<MemoryStore>> MemoryStore::Open(std::shared_ptr<MemoryDisk> disk) {
  MutexLock lock(disk->mu_);
  if (disk->opened_) {
    return absl::FailedPreconditionError("memory store: opened by somebody else");
  }
  HOLDFAST_RETURN_IF_ERROR(
      CheckSchemaVersion(disk->contents_.schema_version, kSchemaVersion, "memory store"));
  if (disk->landed_ != nullptr) disk->landed_(disk->contents_);
  disk->landed_ = nullptr;
  disk->opened_ = true;
  return std::unique_ptr<MemoryStore>(new MemoryStore(disk));
}

MemoryStore::MemoryStore(std::shared_ptr<MemoryDisk> disk) : disk_(std::move(disk)) {}

MemoryStore::~MemoryStore() {
  MutexLock lock(disk_->mu_);
  disk_->opened_ = false;
}

// The rows of a snapshot in the process: what is not in place yet does not outlive it, and may come
// while the disk is away.
class MemoryStore::Staged : public StagedRows {
 public:
  Staged(MemoryStore& store, uint64_t round) : store_(store), round_(round) {}

  absl::Status Apply(absl::Span<const StagedChange> changes) override {
    MutexLock lock(store_.disk_->mu_);
    HOLDFAST_RETURN_IF_ERROR(store_.CheckStaged(round_));
    HOLDFAST_RETURN_IF_ERROR(store_.CheckWritable());
    for (const StagedChange& change : changes) {
      if (change.row.row_case() == v1::Row::ROW_NOT_SET) {
        rows_.erase(IdOf(change.key));
      } else {
        HOLDFAST_RETURN_IF_ERROR(CheckRow(change.row));
        rows_[IdOf(change.key)] = change.row;
      }
    }
    return absl::OkStatus();
  }
  uint64_t round() const { return round_; }
  const std::map<MemoryDisk::RowId, v1::Row>& rows() const { return rows_; }

 private:
  MemoryStore& store_;
  const uint64_t round_;
  std::map<MemoryDisk::RowId, v1::Row> rows_;
};

absl::Status MemoryStore::CheckStaged(uint64_t round) const {
  if (staged_round_ == round) return absl::OkStatus();
  return absl::FailedPreconditionError("the rows that were staged are in place, or gone");
}

absl::Status MemoryStore::CheckWritable() const {
  if (!failure_.ok()) return failure_;
  if (disk_->full_) return absl::ResourceExhaustedError("memory store: the disk is full");
  return absl::OkStatus();
}

absl::Status MemoryStore::Commit(std::function<void(MemoryDisk::Contents&)> change) {
  if (!failure_.ok()) return failure_;
  if (disk_->away_) {
    if (std::exchange(disk_->away_lands_, false)) change(disk_->contents_);
    return absl::UnavailableError("memory store: it is away");
  }
  HOLDFAST_RETURN_IF_ERROR(CheckWritable());
  if (disk_->next_failure_.ok()) {
    change(disk_->contents_);
    return absl::OkStatus();
  }
  failure_ = absl::DataLossError(
      fmt::format("memory store: closed for writing after a failed commit ({}); open it again",
                  std::string(disk_->next_failure_.message())));
  if (disk_->failure_lands_) disk_->landed_ = std::move(change);
  disk_->next_failure_ = absl::OkStatus();
  return failure_;
}

absl::Status MemoryStore::CommitLog(std::function<void(MemoryDisk::Contents&)> change) {
  if (owed_) return absl::FailedPreconditionError("whether the last write is there was not asked");
  const bool lands = disk_->away_ && disk_->away_lands_;
  const absl::Status status = Commit(std::move(change));
  owed_ = absl::IsUnavailable(status);
  there_ = owed_ && lands;
  return status;
}

absl::StatusOr<bool> MemoryStore::FindOut() {
  MutexLock lock(disk_->mu_);
  if (disk_->away_) return absl::UnavailableError("memory store: it is away");
  owed_ = false;
  return std::exchange(there_, false);
}

absl::StatusOr<LoadResult> MemoryStore::Load(const std::function<absl::Status(v1::Row&&)>& row) {
  std::vector<v1::Row> rows;
  LoadResult result;
  {
    MutexLock lock(disk_->mu_);
    HOLDFAST_RETURN_IF_ERROR(disk_->contents_.bounds.CheckSound());
    for (const auto& [id, value] : disk_->contents_.rows) rows.push_back(value);
    result = disk_->contents_.bounds.ToLoadResult();
  }
  for (v1::Row& value : rows) HOLDFAST_RETURN_IF_ERROR(row(std::move(value)));
  return result;
}

absl::Status MemoryStore::Append(const AppendBatch& batch) {
  MutexLock lock(disk_->mu_);
  while (disk_->hanging_) disk_->answers_.Wait(disk_->mu_);
  if (!failure_.ok()) return failure_;
  const auto point_at = [log = &disk_->contents_.log, first = disk_->contents_.bounds.first_seq()](
                            uint64_t seq) -> absl::StatusOr<LogPoint> {
    return PointOf(*(*log)[seq - first]);
  };
  HOLDFAST_ASSIGN_OR_RETURN(const LogBounds after,
                            disk_->contents_.bounds.AfterAppend(batch, point_at));
  std::vector<EntryPtr> entries(batch.entries.begin(), batch.entries.end());
  std::vector<v1::RowChange> changes;
  for (const v1::RowChange* change : batch.rows) changes.push_back(*change);
  return CommitLog([after, entries = std::move(entries), changes = std::move(changes),
                    facts = batch.facts](MemoryDisk::Contents& to) {
    to.log.insert(to.log.end(), entries.begin(), entries.end());
    for (const v1::RowChange& change : changes) ApplyChange(change, to);
    for (const auto& [name, value] : facts) to.facts[name] = value;
    to.bounds = after;
  });
}

absl::StatusOr<std::vector<EntryPtr>> MemoryStore::ReadLog(uint64_t first_seq, size_t records_max,
                                                           size_t bytes_max) {
  MutexLock lock(disk_->mu_);
  const LogBounds& bounds = disk_->contents_.bounds;
  HOLDFAST_RETURN_IF_ERROR(bounds.CheckRead(first_seq));
  std::vector<EntryPtr> out;
  size_t bytes = 0;
  for (uint64_t seq = first_seq; seq <= bounds.last.seq && out.size() < records_max; ++seq) {
    const EntryPtr& entry = disk_->contents_.log[seq - bounds.first_seq()];
    bytes += entry->record.size();
    if (!out.empty() && bytes > bytes_max) break;
    out.push_back(entry);
  }
  return out;
}

absl::Status MemoryStore::CutAfter(uint64_t seq, const Facts& facts) {
  MutexLock lock(disk_->mu_);
  if (!failure_.ok()) return failure_;
  const LogBounds& bounds = disk_->contents_.bounds;
  HOLDFAST_RETURN_IF_ERROR(bounds.CheckCut(seq));
  if (seq >= bounds.last.seq) return absl::OkStatus();
  return CommitLog([seq, facts](MemoryDisk::Contents& to) {
    while (!to.log.empty() && to.log.back()->seq > seq) to.log.pop_back();
    to.bounds.last = to.log.empty() ? to.bounds.before_first : PointOf(*to.log.back());
    for (const auto& [name, value] : facts) to.facts[name] = value;
  });
}

absl::Status MemoryStore::TrimUpTo(uint64_t seq) {
  MutexLock lock(disk_->mu_);
  if (!failure_.ok()) return failure_;
  HOLDFAST_RETURN_IF_ERROR(disk_->contents_.bounds.CheckTrim(seq));
  if (seq < disk_->contents_.bounds.first_seq()) return absl::OkStatus();
  return Commit([seq](MemoryDisk::Contents& to) {
    while (!to.log.empty() && to.log.front()->seq <= seq) {
      to.bounds.before_first = PointOf(*to.log.front());
      to.log.pop_front();
    }
  });
}

absl::Status MemoryStore::ReplaceBySnapshot(
    const std::function<absl::StatusOr<std::optional<v1::Row>>()>& next, const Applied& applied,
    const Epoch& last_epoch, const Facts& facts) {
  HOLDFAST_RETURN_IF_ERROR(failure());
  HOLDFAST_ASSIGN_OR_RETURN(const LogBounds bounds, LogBounds::OfSnapshot(applied, last_epoch));
  std::map<MemoryDisk::RowId, v1::Row> rows;
  while (true) {
    HOLDFAST_ASSIGN_OR_RETURN(std::optional<v1::Row> row, next());
    if (!row.has_value()) break;
    HOLDFAST_RETURN_IF_ERROR(CheckRow(*row));
    if (!rows.emplace(IdOf(KeyOf(*row)), *row).second) {
      return absl::InvalidArgumentError("snapshot: a row came twice");
    }
  }
  MutexLock lock(disk_->mu_);
  return CommitLog([bounds, rows = std::move(rows), facts](MemoryDisk::Contents& to) {
    to.rows = rows;
    to.log.clear();
    to.bounds = bounds;
    for (const auto& [name, value] : facts) to.facts[name] = value;
  });
}

absl::StatusOr<std::unique_ptr<StagedRows>> MemoryStore::StageRows() {
  MutexLock lock(disk_->mu_);
  HOLDFAST_RETURN_IF_ERROR(CheckWritable());
  staged_round_ = ++staged_rounds_;
  return std::make_unique<Staged>(*this, staged_round_);
}

absl::Status MemoryStore::ReplaceByStaged(StagedRows& staged, const Applied& applied,
                                          const Epoch& last_epoch, const Facts& facts) {
  HOLDFAST_ASSIGN_OR_RETURN(const LogBounds bounds, LogBounds::OfSnapshot(applied, last_epoch));
  const auto& own = static_cast<const Staged&>(staged);
  MutexLock lock(disk_->mu_);
  HOLDFAST_RETURN_IF_ERROR(CheckStaged(own.round()));
  HOLDFAST_RETURN_IF_ERROR(CommitLog([bounds, rows = own.rows(), facts](MemoryDisk::Contents& to) {
    to.rows = rows;
    to.log.clear();
    to.bounds = bounds;
    for (const auto& [name, value] : facts) to.facts[name] = value;
  }));
  staged_round_ = 0;
  return absl::OkStatus();
}

absl::Status MemoryStore::PutFact(const std::string& name, const std::string& value) {
  MutexLock lock(disk_->mu_);
  return Commit([name, value](MemoryDisk::Contents& to) { to.facts[name] = value; });
}

absl::StatusOr<std::optional<std::string>> MemoryStore::GetFact(const std::string& name) {
  MutexLock lock(disk_->mu_);
  const auto it = disk_->contents_.facts.find(name);
  if (it == disk_->contents_.facts.end()) return std::optional<std::string>();
  return std::optional<std::string>(it->second);
}

absl::Status MemoryStore::failure() const {
  MutexLock lock(disk_->mu_);
  return failure_;
}

}  // namespace holdfast::storage
