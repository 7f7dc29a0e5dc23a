#include "server/sinks/journal_sink.h"

#include <fmt/format.h>

#include <charconv>
#include <utility>

#include "server/base/status_macros.h"
#include "server/observe/log.h"

namespace holdfast::sinks {
namespace {

constexpr size_t kPageRecords = 500;
constexpr size_t kPageBytes = 512 * 1024;
constexpr std::chrono::milliseconds kLookEvery{200};
constexpr std::chrono::seconds kRetryEvery{1};
constexpr std::chrono::seconds kKeepEvery{5};

std::string FactOf(const std::string& name) { return "audit_sink." + name; }

absl::StatusOr<uint64_t> Decode(const std::string& fact, const std::string& digits) {
  uint64_t number = 0;
  const char* const end = digits.data() + digits.size();
  const auto [stopped, error] = std::from_chars(digits.data(), end, number);
  if (error == std::errc() && stopped == end) return number;
  return absl::DataLossError(fmt::format("the fact {} is no number", fact));
}

}  // namespace

absl::StatusOr<std::unique_ptr<JournalSink>> JournalSink::Start(Deps deps,
                                                                std::unique_ptr<Outlet> outlet) {
  const std::string fact = FactOf(deps.name);
  HOLDFAST_ASSIGN_OR_RETURN(const std::optional<std::string> digits, deps.store.GetFact(fact));
  uint64_t position = deps.journal.oldest() - 1;
  if (digits.has_value()) {
    HOLDFAST_ASSIGN_OR_RETURN(const uint64_t kept, Decode(fact, *digits));
    // Beyond its end: the journal was put aside and begun anew, and nothing of it was sent.
    if (kept <= deps.journal.head()) position = kept;
  }
  return std::unique_ptr<JournalSink>(
      new JournalSink(std::move(deps), std::move(outlet), position));
}

JournalSink::JournalSink(Deps deps, std::unique_ptr<Outlet> outlet, uint64_t position)
    : deps_(std::move(deps)), outlet_(std::move(outlet)), kept_(position) {
  {
    MutexLock lock(mu_);
    view_ = {.name = deps_.name, .position = position};
  }
  thread_ = std::thread([this] { Run(); });
}

JournalSink::~JournalSink() {
  {
    MutexLock lock(mu_);
    stop_ = true;
  }
  wake_.NotifyAll();
  thread_.join();
}

SinkView JournalSink::View() const {
  MutexLock lock(mu_);
  return view_;
}

void JournalSink::Run() {
  while (true) {
    const bool more = Step();
    if (deps_.clock.Mono() >= keep_at_) Keep();
    MutexLock lock(mu_);
    if (!more && !stop_) wake_.WaitFor(mu_, view_.fault.empty() ? kLookEvery : kRetryEvery);
    if (stop_) break;
  }
  Keep();
}

bool JournalSink::Step() {
  const absl::StatusOr<bool> more = TakePage();
  const std::string fault = more.ok() ? "" : ToText(more.status());
  bool changed = false;
  {
    MutexLock lock(mu_);
    changed = fault != view_.fault;
    view_.fault = fault;
  }
  if (changed && fault.empty()) LogInfo("audit sink {}: takes records again", deps_.name);
  if (changed && !fault.empty()) LogWarning("audit sink {}: {}; tried again", deps_.name, fault);
  return more.ok() && *more;
}

absl::StatusOr<bool> JournalSink::TakePage() {
  const uint64_t position = View().position;
  if (position >= deps_.journal.head()) return false;
  const absl::StatusOr<v1::AuditRecords> page =
      deps_.journal.Read(position + 1, kPageRecords, kPageBytes);
  if (absl::IsOutOfRange(page.status())) {
    HOLDFAST_RETURN_IF_ERROR(SkipTo(deps_.journal.oldest()));
    return true;
  }
  HOLDFAST_RETURN_IF_ERROR(page.status());
  HOLDFAST_ASSIGN_OR_RETURN(const size_t taken, outlet_->Write(*page));
  MutexLock lock(mu_);
  view_.position += taken;
  return taken == static_cast<size_t>(page->records_size());
}

absl::Status JournalSink::SkipTo(uint64_t oldest) {
  const uint64_t position = View().position;
  HOLDFAST_RETURN_IF_ERROR(outlet_->WriteGap(deps_.node_id, position + 1, oldest - 1));
  LogWarning("audit sink {}: records {} to {} had gone by retention", deps_.name, position + 1,
             oldest - 1);
  MutexLock lock(mu_);
  view_.skipped += oldest - 1 - position;
  view_.position = oldest - 1;
  return absl::OkStatus();
}

// Now and then only: each is a transaction of the vault's store.
void JournalSink::Keep() {
  keep_at_ = deps_.clock.Mono() + kKeepEvery;
  const uint64_t position = View().position;
  if (position == kept_) return;
  absl::Status kept = outlet_->Sync();
  if (kept.ok()) kept = deps_.store.PutFact(FactOf(deps_.name), fmt::format("{}", position));
  if (kept.ok()) {
    kept_ = position;
  } else {
    LogWarning("audit sink {}: its position is not kept: {}", deps_.name, ToText(kept));
  }
}

}  // namespace holdfast::sinks
