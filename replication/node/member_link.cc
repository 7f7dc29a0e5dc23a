#include "replication/node/member_link.h"

#include <utility>

#include "replication/node/translate.h"
#include "server/base/limits.h"
#include "server/observe/log.h"

namespace holdfast::replication {
namespace {

constexpr std::chrono::milliseconds kCallMax{1000};
constexpr uint32_t kJournalRecords = 500;
constexpr int kJournalCallsMax = 20;  // a turn; the next one goes on
constexpr std::chrono::seconds kTellEvery{10};

}  // namespace

MemberLink::MemberLink(Deps deps, std::string node_id, std::shared_ptr<PeerClient> client)
    : deps_(std::move(deps)), node_id_(std::move(node_id)), client_(std::move(client)) {
  thread_ = std::thread([this] { Run(); });
}

MemberLink::~MemberLink() {
  {
    MutexLock lock(mu_);
    stop_ = true;
  }
  wake_.NotifyAll();
  thread_.join();
}

void MemberLink::ExchangeNow() {
  MutexLock lock(mu_);
  now_ = true;
  wake_.NotifyAll();
}

void MemberLink::AskGrant(const GrantAsk& ask) {
  MutexLock lock(mu_);
  ask_ = ask;
  wake_.NotifyAll();
}

void MemberLink::Run() {
  MonoTime next = deps_.clock.Mono();
  while (true) {
    std::optional<GrantAsk> ask;
    {
      MutexLock lock(mu_);
      while (!stop_ && !now_ && !ask_ && deps_.clock.Mono() < next) {
        wake_.WaitFor(mu_, next - deps_.clock.Mono());
      }
      if (stop_) return;
      now_ = false;
      ask = std::exchange(ask_, std::nullopt);
    }
    if (ask) {
      const absl::StatusOr<v1::GrantResponse> answer = client_->Grant(ToMessage(*ask), kCallMax);
      if (answer.ok()) {
        deps_.on_grant(FromMessage(*answer, node_id_, ask->epoch));
      } else {
        LogInfo("{} did not answer the ask for epoch {}: {}", node_id_, ToText(ask->epoch),
                holdfast::ToText(answer.status()));
      }
    }
    next = deps_.clock.Mono() + limits::kHeartbeatEvery;
    Exchange();
  }
}

void MemberLink::Exchange() {
  v1::ExchangeRequest request;
  *request.mutable_me() = deps_.me();
  const absl::StatusOr<v1::ExchangeResponse> answer = client_->Exchange(request, kCallMax);
  if (answer.ok() != reached_) {
    reached_ = answer.ok();
    if (reached_) {
      LogInfo("{} answers", node_id_);
    } else {
      LogInfo("{} does not answer: {}", node_id_, holdfast::ToText(answer.status()));
    }
  }
  if (!answer.ok() || answer->me().node_id() != node_id_) return;
  deps_.on_report(answer->me());
  PullJournal(answer->me().journal_head());
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
    absl::StatusOr<v1::ReadJournalResponse> page = client_->ReadJournal(request, kCallMax);
    if (page.ok()) {
      told_ = *have;
      tell_at_ = deps_.clock.Mono() + kTellEvery;
    }
    if (page.ok() && page->records().records().empty() && page->oldest() > *have + 1 &&
        page->oldest() <= page->head()) {
      request.set_first_number(page->oldest());  // the store marks what is between as a gap
      page = client_->ReadJournal(request, kCallMax);
    }
    if (!page.ok() || page->records().records().empty()) return;
    for (const v1::AuditRecord& record : page->records().records()) {
      if (record.node_id() != node_id_) return;  // Nobody speaks for another node.
    }
    if (const absl::Status added = deps_.audit.Add(page->records()); !added.ok()) {
      LogError("audit records of {} cannot be kept: {}", node_id_, holdfast::ToText(added));
      return;
    }
  }
}

}  // namespace holdfast::replication
