#ifndef HOLDFAST_SERVER_OBSERVE_SAID_ONCE_H_
#define HOLDFAST_SERVER_OBSERVE_SAID_ONCE_H_

#include <string_view>

#include "absl/status/status.h"
#include "server/observe/log.h"

namespace holdfast {

// A fault that lasts is a line in the log when it begins, when it changes and when it ends.
//
// Threading   Thread-compatible.
class SaidOnce {
 public:
  // `what` does not work, because of `status`; OK: it does.
  void Tell(std::string_view what, const absl::Status& status) {
    if (status.code() == last_) return;
    last_ = status.code();
    if (status.ok()) {
      LogInfo("no longer: {}", what);
    } else {
      LogError("{}: {}", what, ToText(status));
    }
  }

 private:
  absl::StatusCode last_ = absl::StatusCode::kOk;
};

}  // namespace holdfast

#endif  // HOLDFAST_SERVER_OBSERVE_SAID_ONCE_H_
