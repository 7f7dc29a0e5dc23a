#include "tests/planted/lying_store.h"

#include <utility>

#include "server/base/status_macros.h"
#include "tests/planted/planted.h"

namespace holdfast::planted {
namespace {

constexpr size_t kLateMax = 8;  // appends
constexpr char kPromises[] = "epochs";
constexpr char kHistory[] = "epoch_history";

}  // namespace

absl::StatusOr<storage::LoadResult> LyingStore::Load(
    const std::function<absl::Status(v1::Row&&)>& row) {
  return real_->Load(row);
}

absl::Status LyingStore::Append(const storage::AppendBatch& batch) {
  if (Is(Fault::kStoredLate)) {
    Late late{.entries = {batch.entries.begin(), batch.entries.end()},
              .rows = {},
              .applied = batch.applied,
              .facts = batch.facts};
    for (const v1::RowChange* row : batch.rows) late.rows.push_back(*row);
    {
      MutexLock lock(mu_);
      late_.push_back(std::move(late));
    }
    return Write(kLateMax);
  }
  if (!Is(Fault::kHistoryNotWritten)) return real_->Append(batch);
  storage::AppendBatch less = batch;
  std::erase_if(less.facts, [](const auto& fact) { return fact.first == kHistory; });
  return real_->Append(less);
}

absl::Status LyingStore::Write(size_t kept) {
  MutexLock lock(mu_);
  while (late_.size() > kept) {
    const Late& late = late_.front();
    storage::AppendBatch batch;
    std::vector<const v1::RowChange*> rows;
    for (const v1::RowChange& row : late.rows) rows.push_back(&row);
    batch.entries = late.entries;
    batch.rows = rows;
    batch.applied = late.applied;
    batch.facts = late.facts;
    HOLDFAST_RETURN_IF_ERROR(real_->Append(batch));
    late_.pop_front();
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<EntryPtr>> LyingStore::ReadLog(uint64_t first_seq, size_t records_max,
                                                          size_t bytes_max) {
  HOLDFAST_RETURN_IF_ERROR(Write(0));
  return real_->ReadLog(first_seq, records_max, bytes_max);
}

absl::Status LyingStore::CutAfter(uint64_t seq, const storage::Facts& facts) {
  HOLDFAST_RETURN_IF_ERROR(Write(0));
  storage::Facts less = facts;
  if (Is(Fault::kHistoryNotWritten)) {
    std::erase_if(less, [](const auto& fact) { return fact.first == kHistory; });
  }
  return real_->CutAfter(seq, less);
}

absl::Status LyingStore::TrimUpTo(uint64_t seq) {
  HOLDFAST_RETURN_IF_ERROR(Write(0));
  return real_->TrimUpTo(seq);
}

absl::Status LyingStore::ReplaceBySnapshot(
    const std::function<absl::StatusOr<std::optional<v1::Row>>()>& next,
    const storage::Applied& applied, const Epoch& last_epoch, const storage::Facts& facts) {
  HOLDFAST_RETURN_IF_ERROR(Write(0));
  return real_->ReplaceBySnapshot(next, applied, last_epoch, facts);
}

absl::Status LyingStore::PutFact(const std::string& name, const std::string& value) {
  if (Is(Fault::kPromisesNotWritten) && name == kPromises) return absl::OkStatus();
  return real_->PutFact(name, value);
}

absl::StatusOr<std::optional<std::string>> LyingStore::GetFact(const std::string& name) {
  return real_->GetFact(name);
}

}  // namespace holdfast::planted
