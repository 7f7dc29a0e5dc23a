#include "api/ssh/worker.h"

#include <sys/epoll.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <string>
#include <utility>
#include <vector>

#include "server/base/check.h"
#include "server/base/status_macros.h"
#include "server/observe/log.h"

namespace holdfast::ssh {
namespace {

constexpr uint64_t kInboxId = 0;
constexpr std::chrono::milliseconds kSweepEvery{200};
constexpr int kEventsMax = 64;

absl::Status Register(int epoll, int operation, int fd, uint64_t id, bool for_write) {
  epoll_event event{};
  event.events = EPOLLIN | (for_write ? EPOLLOUT : 0u);
  event.data.u64 = id;
  if (epoll_ctl(epoll, operation, fd, &event) != 0) return ErrnoStatus("epoll_ctl");
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::unique_ptr<Worker>> Worker::Start(const SshVault& vault,
                                                      const SshLimits& limits, const Clock& clock) {
  HOLDFAST_ASSIGN_OR_RETURN(std::shared_ptr<Inbox> inbox, Inbox::Make());
  UniqueFd epoll(epoll_create1(EPOLL_CLOEXEC));
  if (!epoll.valid()) return ErrnoStatus("epoll_create1");
  HOLDFAST_RETURN_IF_ERROR(
      Register(epoll.get(), EPOLL_CTL_ADD, inbox->fd(), kInboxId, /*for_write=*/false));
  std::unique_ptr<Worker> worker(
      new Worker(vault, limits, clock, std::move(inbox), std::move(epoll)));
  worker->thread_ = std::thread([raw = worker.get()] { raw->Run(); });
  return worker;
}

Worker::Worker(const SshVault& vault, const SshLimits& limits, const Clock& clock,
               std::shared_ptr<Inbox> inbox, UniqueFd epoll)
    : vault_(vault),
      limits_(limits),
      clock_(clock),
      inbox_(std::move(inbox)),
      epoll_(std::move(epoll)) {}

void Worker::Join() {
  if (thread_.joinable()) thread_.join();
}

int Worker::WaitMillis() const {
  return sessions_.empty() ? -1 : static_cast<int>(kSweepEvery.count());
}

void Worker::Run() {
  std::array<epoll_event, kEventsMax> events;
  while (!stop_by_.has_value() || (!sessions_.empty() && clock_.Mono() < *stop_by_)) {
    const int count = epoll_wait(epoll_.get(), events.data(), kEventsMax, WaitMillis());
    HOLDFAST_CHECK(count >= 0 || errno == EINTR);
    for (int i = 0; i < count; ++i) {
      const uint64_t id = events[static_cast<size_t>(i)].data.u64;
      if (id == kInboxId) {
        ReadInbox();
      } else if (const auto found = sessions_.find(id); found != sessions_.end()) {
        Settle(id, found->second.session->Drive(clock_.Mono()));
      }
    }
    if (clock_.Mono() >= sweep_at_) Sweep();
  }
  sessions_.clear();
  inbox_->Close();
}

void Worker::ReadInbox() {
  for (Letter& letter : inbox_->TakeAll()) {
    std::visit([this](auto& each) { On(std::move(each)); }, letter);
  }
}

void Worker::On(Arrival arrival) {
  if (bind_ == nullptr || stop_by_.has_value()) return;  // Closed by its destructor.
  const uint64_t id = next_id_++;
  absl::StatusOr<std::unique_ptr<Session>> session =
      Session::Accept(id, bind_.get(), std::move(arrival), {vault_, limits_, inbox_});
  if (!session.ok()) {
    LogWarning("ssh: {}", ToText(session.status()));
    return;
  }
  const int fd = (*session)->fd();
  if (!Register(epoll_.get(), EPOLL_CTL_ADD, fd, id, /*for_write=*/false).ok()) return;
  Session* const raw = session->get();
  sessions_.emplace(id, Entry{*std::move(session), false});
  Settle(id, raw->Drive(clock_.Mono()));  // The server speaks first.
}

void Worker::On(Completion completion) {
  const auto found = sessions_.find(completion.session);
  if (found == sessions_.end()) return;
  Settle(completion.session, found->second.session->Deliver(
                                 completion.channel, std::move(completion.answer), clock_.Mono()));
}

void Worker::On(NewHostKeys keys) {
  absl::StatusOr<BindPtr> bind = keys.keys->MakeBind();
  if (!bind.ok()) {  // It was made once before, when the keys were set.
    LogError("ssh: host keys not replaced: {}", ToText(bind.status()));
    return;
  }
  bind_ = *std::move(bind);
}

void Worker::On(Recheck) {
  ForEach([](Session& session) { return session.CheckCaller(); });
}

void Worker::On(StopBy stop) {
  stop_by_ = stop.deadline;
  ForEach([](Session& session) { return session.Drain(); });
}

void Worker::Sweep() {
  const MonoTime now = clock_.Mono();
  sweep_at_ = now + kSweepEvery;
  ForEach([now](Session& session) { return session.CheckDeadlines(now); });
}

template <typename Act>
void Worker::ForEach(Act&& act) {
  std::vector<uint64_t> over;
  for (auto& [id, entry] : sessions_) {
    if (act(*entry.session) == Session::Fate::kOver) over.push_back(id);
  }
  for (const uint64_t id : over) Settle(id, Session::Fate::kOver);
}

void Worker::Settle(uint64_t id, Session::Fate fate) {
  const auto found = sessions_.find(id);
  Entry& entry = found->second;
  if (fate == Session::Fate::kOver) {
    sessions_.erase(found);  // Closing the socket takes it out of the epoll.
    return;
  }
  const bool for_write = entry.session->wants_write();
  if (for_write == entry.armed_for_write) return;
  entry.armed_for_write = for_write;
  if (!Register(epoll_.get(), EPOLL_CTL_MOD, entry.session->fd(), id, for_write).ok()) {
    sessions_.erase(found);
  }
}

}  // namespace holdfast::ssh
