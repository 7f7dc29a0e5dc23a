#ifndef HOLDFAST_TESTS_POWER_LOSS_REPLAY_H_
#define HOLDFAST_TESTS_POWER_LOSS_REPLAY_H_

#include <functional>
#include <string>
#include <vector>

#include "tests/power_loss/disk.h"
#include "tests/power_loss/workload.h"

namespace holdfast::power_loss {

struct ReplayOptions {
  uint64_t seed = 1;
  // Power losses at random places; 0: behind every operation, once for each of kAllLefts.
  size_t images = 1000;
  size_t faults_max = 3;
  // Which syncs did nothing: a planted fault. `inside`: the last note's name.
  std::function<bool(const DiskOp& op, const std::string& last_note)> lies = {};
};

// Loses power in `life`, starts a node on what is left in `folder`, and tells what is wrong there.
std::vector<std::string> Replay(const Life& life, const std::string& folder,
                                const ReplayOptions& options);

}  // namespace holdfast::power_loss

#endif  // HOLDFAST_TESTS_POWER_LOSS_REPLAY_H_
