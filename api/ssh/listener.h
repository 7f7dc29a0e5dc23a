#ifndef HOLDFAST_API_SSH_LISTENER_H_
#define HOLDFAST_API_SSH_LISTENER_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>

#include "absl/status/statusor.h"
#include "server/base/file.h"
#include "server/base/mutex.h"

namespace holdfast::ssh {

// The listening socket and the thread that accepts from it; the socket can be replaced.
//
// Threading   Thread-safe. `accepted` is called on the listener's thread.
class Listener {
 public:
  using Accepted = std::function<void(UniqueFd fd, std::string source)>;
  static absl::StatusOr<std::unique_ptr<Listener>> Start(std::string address, Accepted accepted);
  ~Listener();

  struct Socket {
    UniqueFd fd;  // invalid: nothing listens
    uint16_t port = 0;
  };
  // A socket that listens on `port` (0: any free one) while the one in use still does; or, for the
  // port in use, nullopt: there is nothing to replace.
  absl::StatusOr<std::optional<Socket>> Prepare(uint16_t port) const;
  // On return the old socket is closed and the new one accepts; Replace({}) closes the port.
  void Replace(Socket socket);
  uint16_t port() const;  // 0: closed

 private:
  Listener(std::string address, Accepted accepted, UniqueFd wake);
  void Run();
  bool TakeOrders();  // false: stop
  bool AcceptAll();   // false: out of descriptors, pause
  void Wake();

  const std::string address_;
  const Accepted accepted_;
  const UniqueFd wake_;
  // Listener thread only.
  UniqueFd socket_;

  mutable Mutex mu_;
  CondVar done_;
  uint16_t port_ ABSL_GUARDED_BY(mu_) = 0;
  bool ordered_ ABSL_GUARDED_BY(mu_) = false;  // `next_` waits for the thread to take it
  UniqueFd next_ ABSL_GUARDED_BY(mu_);
  bool stop_ ABSL_GUARDED_BY(mu_) = false;

  std::thread thread_;  // Last: runs on all of the above.
};

}  // namespace holdfast::ssh

#endif  // HOLDFAST_API_SSH_LISTENER_H_
