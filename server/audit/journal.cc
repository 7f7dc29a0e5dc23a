#include "server/audit/journal.h"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "server/audit/journal_folder.h"
#include "server/base/check.h"
#include "server/base/file.h"
#include "server/base/status_macros.h"
#include "server/vault/refusal.h"

namespace holdfast::audit {
namespace {

using vault::Refusal;
using vault::Refuse;

constexpr std::chrono::seconds kRetainEvery{1};

absl::Status Unavailable(const absl::Status& cause) {
  return Refuse(
      Refusal::kAuditUnavailable,
      fmt::format("the audit journal cannot take a record: {}", std::string(cause.message())));
}

// The file is there from the start, or a full disk would not take it when it is needed.
absl::StatusOr<std::unique_ptr<UnrecordedFile>> OpenUnrecorded(const JournalOptions& options,
                                                               const crypto::Mac& mac,
                                                               uint64_t head) {
  const std::string path = options.path + "/unrecorded";
  if (options.when_full == WhenFull::kRefuse && !FileExists(path)) return nullptr;
  HOLDFAST_ASSIGN_OR_RETURN(std::unique_ptr<UnrecordedFile> file, UnrecordedFile::Open(path, mac));
  UnrecordedCount count = file->count();
  if (count.marker == 0) return file;
  // The record was about to be written: it was, or the count stands.
  if (head >= count.marker) count = {};
  count.marker = 0;
  HOLDFAST_RETURN_IF_ERROR(file->Save(count));
  return file;
}

v1::AuditRecord MarkOf(const UnrecordedCount& count) {
  v1::AuditRecord record;
  record.set_operation(kUnrecordedOperation);
  record.set_result(v1::AUDIT_RESULT_OK);
  record.set_via("LOCAL");
  record.set_age_ms(-1);
  record.set_repeated(count.total());
  record.set_reason(fmt::format(
      "the journal was full: {} retrievals and {} other requests were served without a record of "
      "their own, the first at {}, the last at {} (milliseconds since 1970 UTC)",
      count.retrievals, count.others, count.first_ms, count.last_ms));
  return record;
}

// Not yet a refusal: a journal that is closed does not count either.
bool FoundNoRoom(const absl::Status& status) {
  return absl::IsResourceExhausted(status) && !vault::RefusalOf(status).has_value();
}

bool IsRetrieval(const v1::AuditRecord& record) {
  return record.operation() == "account.retrieve" && record.result() == v1::AUDIT_RESULT_OK;
}

}  // namespace

double JournalRoom::uncollected_share() const {
  if (bytes_max == 0) return 1.0;
  return static_cast<double>(bytes_uncollected) / static_cast<double>(bytes_max);
}

absl::StatusOr<std::unique_ptr<Journal>> Journal::Open(const JournalOptions& options,
                                                       crypto::Mac mac, const Clock& clock) {
  HOLDFAST_ASSIGN_OR_RETURN(std::unique_ptr<JournalFolder> folder,
                            JournalFolder::Open(options, std::move(mac), clock));
  HOLDFAST_ASSIGN_OR_RETURN(std::unique_ptr<UnrecordedFile> unrecorded,
                            OpenUnrecorded(options, folder->mac(), folder->head()));
  return std::unique_ptr<Journal>(
      new Journal(options, std::move(folder), std::move(unrecorded), clock));
}

Journal::Journal(const JournalOptions& options, std::unique_ptr<JournalFolder> folder,
                 std::unique_ptr<UnrecordedFile> unrecorded, const Clock& clock)
    : options_(options),
      folder_(std::move(folder)),
      unrecorded_(std::move(unrecorded)),
      clock_(clock),
      unrecorded_total_(unrecorded_ == nullptr ? 0 : unrecorded_->count().total()),
      mark_wanted_(unrecorded_total_ > 0),
      spares_([this] { RunSpares(); }),
      writer_([this] { Run(); }) {}

Journal::~Journal() {
  {
    MutexLock lock(mu_);
    stop_ = true;
  }
  work_.NotifyOne();
  writer_.join();
  spare_work_.NotifyOne();
  spares_.join();
}

void Journal::Append(v1::AuditRecord record, std::function<void(absl::Status)> durable) {
  absl::Status refused;
  {
    MutexLock lock(mu_);
    if (!failure_.ok()) {
      refused = Unavailable(failure_);
    } else if (pending_.size() >= options_.pending_max) {
      refused = Refuse(Refusal::kOverloaded,
                       fmt::format("{} audit records wait for the disk already", pending_.size()));
    } else {
      pending_.push_back(Pending{.record = std::move(record), .durable = std::move(durable)});
    }
  }
  if (refused.ok()) {
    work_.NotifyOne();
  } else {
    durable(Fail(std::move(refused)));
  }
}

absl::Status Journal::Fail(absl::Status refusal) {
  ++write_failures_;
  return refusal;
}

absl::Status Journal::AppendAndWait(v1::AuditRecord record) {
  // Shared with the writer, which may still be inside of `durable` when this returns.
  struct Waiter {
    Mutex mu;
    CondVar told;
    std::optional<absl::Status> status ABSL_GUARDED_BY(mu);
  };
  const auto waiter = std::make_shared<Waiter>();
  Append(std::move(record), [waiter](const absl::Status& status) {
    MutexLock lock(waiter->mu);
    waiter->status = status;
    waiter->told.NotifyOne();
  });
  MutexLock lock(waiter->mu);
  while (!waiter->status.has_value()) waiter->told.Wait(waiter->mu);
  return *waiter->status;
}

void Journal::Run() {
  while (true) {
    std::deque<Pending> group;
    {
      MutexLock lock(mu_);
      while (pending_.empty() && !mark_wanted_ && !stop_) work_.Wait(mu_);
      if (pending_.empty() && stop_) return;
      mark_wanted_ = false;
      group.swap(pending_);
    }
    Mark();
    Write(group);
    if (folder_->has_spare()) continue;
    MutexLock lock(mu_);
    spare_wanted_ = true;
    spare_work_.NotifyOne();
  }
}

void Journal::RunSpares() {
  while (true) {
    {
      MutexLock lock(mu_);
      if (!spare_wanted_ && !stop_) spare_work_.WaitFor(mu_, kRetainEvery);
      if (stop_) return;
      spare_wanted_ = false;
    }
    folder_->Retain();
    folder_->KeepSpare();
    if (unrecorded_total_ == 0 || !folder_->has_spare()) continue;
    MutexLock lock(mu_);
    mark_wanted_ = true;
    work_.NotifyOne();
  }
}

// What was only counted gets its record, once there is room for more than that record.
void Journal::Mark() {
  if (unrecorded_total_ == 0 || !folder_->has_spare() || !failure().ok()) return;
  UnrecordedCount count = unrecorded_->count();
  std::vector<Pending> staged;
  Pending mark{.record = MarkOf(count), .durable = [](const absl::Status&) {}};
  if (!StageOne(mark, staged).ok()) return;
  count.marker = mark.record.number();
  if (!SaveCount(count).ok()) return;
  staged.push_back(std::move(mark));
  if (FlushAndTell(staged).ok()) SaveCount({}).IgnoreError();  // It has closed the journal.
}

void Journal::Count(std::vector<Pending>& counted) {
  if (counted.empty()) return;
  UnrecordedCount count = unrecorded_->count();
  count.last_ms = ToMillis(clock_.Wall());
  if (count.total() == 0) count.first_ms = count.last_ms;
  for (const Pending& pending : counted) {
    ++(IsRetrieval(pending.record) ? count.retrievals : count.others);
  }
  const absl::Status saved = SaveCount(count);
  for (const Pending& pending : counted) pending.durable(Fail(saved));
}

absl::Status Journal::SaveCount(const UnrecordedCount& count) {
  const absl::Status saved = unrecorded_->Save(count);
  if (saved.ok()) {
    unrecorded_total_ = count.total();
    return saved;
  }
  Close(saved);
  return Unavailable(failure());
}

void Journal::Write(std::deque<Pending>& group) {
  std::vector<Pending> staged;
  std::vector<Pending> counted;
  for (Pending& pending : group) {
    absl::Status status = StageOne(pending, staged);
    if (status.ok()) {
      staged.push_back(std::move(pending));
    } else if (FoundNoRoom(status) && serves_when_full()) {
      counted.push_back(std::move(pending));
    } else {
      if (FoundNoRoom(status)) status = Unavailable(status);
      pending.durable(Fail(std::move(status)));
    }
  }
  FlushAndTell(staged).IgnoreError();  // They were told; later ones see failure().
  Count(counted);
}

absl::Status Journal::StageOne(Pending& pending, std::vector<Pending>& staged) {
  const absl::Status closed = failure();
  if (!closed.ok()) return Unavailable(closed);
  HOLDFAST_ASSIGN_OR_RETURN(bool fits, folder_->Stage(pending.record));
  if (fits) return absl::OkStatus();
  HOLDFAST_RETURN_IF_ERROR(FlushAndTell(staged));
  HOLDFAST_ASSIGN_OR_RETURN(fits, folder_->Stage(pending.record));
  if (fits) return absl::OkStatus();
  const absl::Status rolled = folder_->Roll();
  if (absl::IsResourceExhausted(rolled)) return rolled;
  if (!rolled.ok()) {
    Close(rolled);
    return Unavailable(rolled);
  }
  HOLDFAST_ASSIGN_OR_RETURN(fits, folder_->Stage(pending.record));
  HOLDFAST_CHECK(fits);  // An empty segment holds the largest record.
  return absl::OkStatus();
}

absl::Status Journal::FlushAndTell(std::vector<Pending>& staged) {
  if (staged.empty()) return absl::OkStatus();
  absl::Status status = folder_->Flush();
  if (!status.ok()) {
    Close(status);
    status = Unavailable(failure());
  }
  if (!status.ok()) write_failures_ += staged.size();
  for (const Pending& pending : staged) pending.durable(status);
  staged.clear();
  return status;
}

void Journal::Close(const absl::Status& cause) {
  MutexLock lock(mu_);
  failure_ = absl::DataLossError(
      fmt::format("closed for good after a failed write ({}); start the node again",
                  std::string(cause.message())));
}

absl::StatusOr<v1::AuditRecords> Journal::Read(uint64_t first_number, size_t records_max,
                                               size_t bytes_max) const {
  return folder_->Read(first_number, records_max, bytes_max);
}

uint64_t Journal::head() const { return folder_->head(); }
uint64_t Journal::oldest() const { return folder_->oldest(); }
JournalRoom Journal::room() const {
  JournalRoom room = folder_->room();
  room.unrecorded = unrecorded_total_;
  return room;
}
absl::StatusOr<JournalReport> Journal::Verify() const { return folder_->Verify(); }

absl::StatusOr<uint64_t> Journal::TrimOlderThan(WallTime before) {
  return folder_->TrimOlderThan(before);
}

void Journal::SetCollectors(const std::vector<Collector>& collectors) {
  folder_->SetCollectors(collectors);
}

void Journal::Collected(const std::string& name, uint64_t number) {
  folder_->Collected(name, number);
}

void Journal::RetainNow() { folder_->Retain(); }

CollectedView Journal::collected() const { return folder_->collected(); }

int64_t Journal::OldestUncollectedMs() const {
  const uint64_t number = std::max(folder_->collected().by_all + 1, oldest());
  if (number > head()) return 0;
  const absl::StatusOr<v1::AuditRecords> first = Read(number, 1, kJournalRecordBytesMax);
  return first.ok() && first->records_size() == 1 ? first->records(0).wall_ms() : 0;
}

absl::Status Journal::failure() const {
  MutexLock lock(mu_);
  return failure_;
}

}  // namespace holdfast::audit
