#ifndef HOLDFAST_SERVER_APP_ROLE_HOOK_H_
#define HOLDFAST_SERVER_APP_ROLE_HOOK_H_

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "server/base/mutex.h"

namespace holdfast::app {

// Runs the operator's program when the role changes: `[node] on_role_change`, docs/promotion.md.
//
// Promises    One at a time; while one runs, only the newest change waits. No shell; an environment
//             of PATH and LANG only; no file of ours is open in it. Ended, with its process group,
//             after `longest`. Whatever it does changes nothing here.
// Threading   Thread-safe; Changed does not block. A thread of its own waits for the program.
class RoleHook {
 public:
  // An empty `program`: nothing is ever run.
  RoleHook(std::vector<std::string> program, std::string node_id,
           std::chrono::milliseconds longest = std::chrono::seconds(30));
  ~RoleHook();  // ends what runs; what waits is not run

  void Changed(bool primary, uint64_t epoch);

 private:
  using Arguments = std::vector<std::string>;
  void Run();
  void RunOnce(const Arguments& arguments);
  // Its exit code in words; the process is gone afterwards.
  std::string Await(int pid);
  bool Stopped();

  const Arguments program_;
  const std::string node_id_;
  const std::chrono::milliseconds longest_;
  Mutex mu_;
  CondVar wake_;
  bool stop_ ABSL_GUARDED_BY(mu_) = false;
  std::optional<Arguments> next_ ABSL_GUARDED_BY(mu_);
  std::thread thread_;
};

}  // namespace holdfast::app

#endif  // HOLDFAST_SERVER_APP_ROLE_HOOK_H_
