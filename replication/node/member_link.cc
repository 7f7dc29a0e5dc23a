#include "replication/node/member_link.h"

#include <utility>

#include "server/base/limits.h"
#include "server/observe/log.h"

namespace holdfast::replication {
namespace {

constexpr uint32_t kJournalRecords = 500;
constexpr int kJournalCallsMax = 20;  // a turn; the next one goes on
constexpr std::chrono::seconds kTellEvery{10};

}  // namespace

MemberLink::MemberLink(Deps deps, std::string node_id, std::shared_ptr<PeerClient> client)
    : deps_(std::move(deps)), node_id_(std::move(node_id)), client_(std::move(client)) {
  exchanges_ = std::thread([this] { Exchanges(); });
  calls_thread_ = std::thread([this] { Calls(); });
  journals_ = std::thread([this] { Journals(); });
}

MemberLink::~MemberLink() {
  {
    MutexLock lock(mu_);
    stop_ = true;
  }
  wake_.NotifyAll();
  client_->EndCalls();
  exchanges_.join();
  calls_thread_.join();
  journals_.join();
}

void MemberLink::ExchangeNow() {
  MutexLock lock(mu_);
  now_ = true;
  wake_.NotifyAll();
}

void MemberLink::Do(Call call) {
  MutexLock lock(mu_);
  calls_.push_back(std::move(call));
  wake_.NotifyAll();
}

void MemberLink::Exchanges() {
  MonoTime next = deps_.clock.Mono();
  while (true) {
    {
      MutexLock lock(mu_);
      while (!stop_ && !now_ && deps_.clock.Mono() < next) {
        wake_.WaitFor(mu_, next - deps_.clock.Mono());
      }
      if (stop_) return;
      now_ = false;
    }
    next = deps_.clock.Mono() + limits::kHeartbeatEvery;
    Exchange();
  }
}

void MemberLink::Calls() {
  while (true) {
    Call call;
    {
      MutexLock lock(mu_);
      while (!stop_ && calls_.empty()) wake_.Wait(mu_);
      if (stop_) return;
      call = std::move(calls_.front());
      calls_.pop_front();
    }
    call(*client_);
  }
}

void MemberLink::Journals() {
  while (true) {
    uint64_t head = 0;
    {
      MutexLock lock(mu_);
      while (!stop_ && !journal_head_) wake_.Wait(mu_);
      if (stop_) return;
      head = *std::exchange(journal_head_, std::nullopt);
    }
    PullJournal(head);
  }
}

void MemberLink::Exchange() {
  v1::ExchangeRequest request;
  *request.mutable_me() = deps_.me();
  const absl::StatusOr<v1::ExchangeResponse> answer = client_->Exchange(request, kReachMax);
  if (answer.ok() != reached_) {
    reached_ = answer.ok();
    if (reached_) {
      LogInfo("{} answers", node_id_);
    } else {
      LogInfo("{} does not answer: {}", node_id_, holdfast::ToText(answer.status()));
    }
  }
  if (!answer.ok()) {
    deps_.on_failure(node_id_, answer.status());
    return;
  }
  if (answer->me().node_id() != node_id_) return;
  deps_.on_report(answer->me());
  MutexLock lock(mu_);
  journal_head_ = answer->me().journal_head();
  wake_.NotifyAll();
}

void MemberLink::PullJournal(uint64_t head) {
  for (int call = 0; call < kJournalCallsMax; ++call) {
    const absl::StatusOr<uint64_t> have = deps_.audit.Highest(node_id_);
    if (!have.ok()) return;
    // Also without news: to ask from a number is to say that all before it is here.
    if (*have >= head && told_ == *have && deps_.clock.Mono() < tell_at_) return;
    v1::ReadJournalRequest request;
    request.set_first_number(*have + 1);
    request.set_records_max(kJournalRecords);
    absl::StatusOr<v1::ReadJournalResponse> page = client_->ReadJournal(request, kReachMax);
    if (page.ok()) {
      told_ = *have;
      tell_at_ = deps_.clock.Mono() + kTellEvery;
    }
    if (page.ok() && page->records().records().empty() && page->oldest() > *have + 1 &&
        page->oldest() <= page->head()) {
      request.set_first_number(page->oldest());  // the store marks what is between as a gap
      page = client_->ReadJournal(request, kReachMax);
    }
    if (!page.ok() || page->records().records().empty()) return;
    for (const v1::AuditRecord& record : page->records().records()) {
      if (record.node_id() != node_id_) return;  // Nobody speaks for another node.
    }
    const absl::Status added = deps_.audit.Add(page->records());
    audit_fault_.Tell("audit records of " + node_id_ + " cannot be kept", added);
    if (!added.ok()) return;
  }
}

}  // namespace holdfast::replication
