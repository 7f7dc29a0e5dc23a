#include "server/desk/underway.h"

namespace holdfast::desk {

Underway::Ticket Underway::Begin() {
  MutexLock lock(mu_);
  ++count_;
  return {this, [](Underway* self) {
            MutexLock end(self->mu_);
            // Under the lock: after it, the one who waits may be gone with all of this.
            if (--self->count_ == 0) self->none_.NotifyAll();
          }};
}

void Underway::WaitForNone() {
  MutexLock lock(mu_);
  while (count_ > 0) none_.Wait(mu_);
}

}  // namespace holdfast::desk
