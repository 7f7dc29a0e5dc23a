#ifndef HOLDFAST_API_SSH_INBOX_H_
#define HOLDFAST_API_SSH_INBOX_H_

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "absl/status/statusor.h"
#include "api/ssh/admission.h"
#include "api/ssh/answer.h"
#include "api/ssh/host_keys.h"
#include "server/base/clock.h"
#include "server/base/file.h"
#include "server/base/mutex.h"

namespace holdfast::ssh {

struct Arrival {  // an accepted connection
  UniqueFd fd;
  std::string source;
  Admission::Pass pass;
  MonoTime login_by;
};
struct Completion {  // what the vault answered
  uint64_t session = 0;
  uint64_t channel = 0;
  Answer answer;
};
struct NewHostKeys {
  std::shared_ptr<const HostKeys> keys;
};
struct Recheck {};
struct StopBy {
  MonoTime deadline;
};
using Letter = std::variant<Arrival, Completion, NewHostKeys, Recheck, StopBy>;

// The way into a worker's thread. Shared with the callbacks that the vault still holds, so that one
// which comes after the worker's end finds a closed inbox instead of freed memory.
//
// Threading   Thread-safe. Bounded by what posts: connections by Admission, completions by
// channels.
class Inbox {
 public:
  static absl::StatusOr<std::shared_ptr<Inbox>> Make();

  void Post(Letter letter);       // dropped once closed
  std::vector<Letter> TakeAll();  // worker thread
  void Close();
  int fd() const { return event_.get(); }  // readable while letters wait

 private:
  explicit Inbox(UniqueFd event) : event_(std::move(event)) {}
  const UniqueFd event_;
  Mutex mu_;
  bool closed_ ABSL_GUARDED_BY(mu_) = false;
  std::vector<Letter> letters_ ABSL_GUARDED_BY(mu_);
};

}  // namespace holdfast::ssh

#endif  // HOLDFAST_API_SSH_INBOX_H_
