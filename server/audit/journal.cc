#include "server/audit/journal.h"

#include <fmt/format.h>

#include <vector>

#include "server/audit/journal_folder.h"
#include "server/base/check.h"
#include "server/base/status_macros.h"
#include "server/vault/refusal.h"

namespace holdfast::audit {
namespace {

using vault::Refusal;
using vault::Refuse;

absl::Status Unavailable(const absl::Status& cause) {
  return Refuse(
      Refusal::kAuditUnavailable,
      fmt::format("the audit journal cannot take a record: {}", std::string(cause.message())));
}

}  // namespace

double JournalRoom::used_share() const {
  return bytes_max == 0 ? 1.0 : static_cast<double>(bytes_used) / static_cast<double>(bytes_max);
}

absl::StatusOr<std::unique_ptr<Journal>> Journal::Open(const JournalOptions& options,
                                                       crypto::Mac mac, const Clock& clock) {
  HOLDFAST_ASSIGN_OR_RETURN(std::unique_ptr<JournalFolder> folder,
                            JournalFolder::Open(options, std::move(mac), clock));
  return std::unique_ptr<Journal>(new Journal(options, std::move(folder)));
}

Journal::Journal(const JournalOptions& options, std::unique_ptr<JournalFolder> folder)
    : options_(options),
      folder_(std::move(folder)),
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
    durable(refused);
  }
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
      while (pending_.empty() && !stop_) work_.Wait(mu_);
      if (pending_.empty()) return;
      group.swap(pending_);
    }
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
      while (!spare_wanted_ && !stop_) spare_work_.Wait(mu_);
      if (stop_) return;
      spare_wanted_ = false;
    }
    folder_->KeepSpare();
  }
}

void Journal::Write(std::deque<Pending>& group) {
  std::vector<Pending> staged;
  for (Pending& pending : group) {
    const absl::Status status = StageOne(pending, staged);
    if (status.ok()) {
      staged.push_back(std::move(pending));
    } else {
      pending.durable(status);
    }
  }
  FlushAndTell(staged).IgnoreError();  // They were told; later ones see failure().
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
  if (!rolled.ok()) {
    if (!absl::IsResourceExhausted(rolled)) Close(rolled);
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
JournalRoom Journal::room() const { return folder_->room(); }
absl::StatusOr<JournalReport> Journal::Verify() const { return folder_->Verify(); }

absl::StatusOr<uint64_t> Journal::TrimOlderThan(WallTime before) {
  return folder_->TrimOlderThan(before);
}

absl::Status Journal::failure() const {
  MutexLock lock(mu_);
  return failure_;
}

}  // namespace holdfast::audit
