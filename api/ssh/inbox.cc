#include "api/ssh/inbox.h"

#include <sys/eventfd.h>
#include <unistd.h>

namespace holdfast::ssh {

absl::StatusOr<std::shared_ptr<Inbox>> Inbox::Make() {
  UniqueFd event(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC));
  if (!event.valid()) return ErrnoStatus("eventfd");
  return std::shared_ptr<Inbox>(new Inbox(std::move(event)));
}

void Inbox::Post(Letter letter) {
  MutexLock lock(mu_);
  if (closed_) return;  // `letter` ends here; an answer in it is wiped.
  letters_.push_back(std::move(letter));
  if (letters_.size() > 1) return;  // Already readable.
  const uint64_t one = 1;
  // Cannot fail: the counter is at most one.
  [[maybe_unused]] const ssize_t written = write(event_.get(), &one, sizeof(one));
}

std::vector<Letter> Inbox::TakeAll() {
  MutexLock lock(mu_);
  uint64_t count = 0;
  [[maybe_unused]] const ssize_t got = read(event_.get(), &count, sizeof(count));
  return std::exchange(letters_, {});
}

void Inbox::Close() {
  std::vector<Letter> dropped;  // Declared first, so that it ends after the lock.
  MutexLock lock(mu_);
  closed_ = true;
  dropped.swap(letters_);
}

}  // namespace holdfast::ssh
