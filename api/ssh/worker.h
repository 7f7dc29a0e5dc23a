#ifndef HOLDFAST_API_SSH_WORKER_H_
#define HOLDFAST_API_SSH_WORKER_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <thread>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "api/ssh/host_keys.h"
#include "api/ssh/inbox.h"
#include "api/ssh/session.h"
#include "api/ssh/ssh_limits.h"
#include "api/ssh/ssh_vault.h"
#include "server/base/clock.h"
#include "server/base/file.h"

namespace holdfast::ssh {

// One thread with an epoll loop over its sessions.
//
// Threading   Everything but the inbox belongs to the thread. Posting a StopBy ends it.
class Worker {
 public:
  // Borrows; all must outlive the worker.
  static absl::StatusOr<std::unique_ptr<Worker>> Start(const SshVault& vault,
                                                       const SshLimits& limits, const Clock& clock);
  ~Worker() { Join(); }
  // Waits for the thread's end: post StopBy first.
  void Join();

  Inbox& inbox() { return *inbox_; }

 private:
  Worker(const SshVault& vault, const SshLimits& limits, const Clock& clock,
         std::shared_ptr<Inbox> inbox, UniqueFd epoll);
  void Run();
  int WaitMillis() const;
  void ReadInbox();
  void On(Arrival arrival);
  void On(Completion completion);
  void On(NewHostKeys keys);
  void On(Recheck);
  void On(StopBy stop);
  void Sweep();
  void Settle(uint64_t id, Session::Fate fate);
  template <typename Act>
  void ForEach(Act&& act);

  struct Entry {
    std::unique_ptr<Session> session;
    bool armed_for_write = false;
  };

  // Constant after construction.
  const SshVault& vault_;
  const SshLimits& limits_;
  const Clock& clock_;
  const std::shared_ptr<Inbox> inbox_;
  const UniqueFd epoll_;
  // Worker thread only.
  BindPtr bind_;          // null before the first keys
  uint64_t next_id_ = 1;  // 0 is the inbox
  absl::flat_hash_map<uint64_t, Entry> sessions_;
  MonoTime sweep_at_{};
  std::optional<MonoTime> stop_by_;

  std::thread thread_;  // Last: runs on all of the above.
};

}  // namespace holdfast::ssh

#endif  // HOLDFAST_API_SSH_WORKER_H_
