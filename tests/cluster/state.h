#ifndef HOLDFAST_TESTS_CLUSTER_STATE_H_
#define HOLDFAST_TESTS_CLUSTER_STATE_H_

#include <array>
#include <cstdint>
#include <set>

#include "tests/cluster/disk.h"

namespace holdfast::sim {

// What a node serves: a few rows, and the keys that may read. A pure function of the log up to what
// is shown, with a digest over its content, so that two nodes at one place can be compared.
class State {
 public:
  void Apply(const Entry& entry, bool planted_keep_revoked = false) {
    if (entry.write != 0) rows_[entry.write % rows_.size()] = entry.write;
    if (entry.key == 0) return;
    if (!entry.revoked) {
      keys_.insert(entry.key);
    } else if (!planted_keep_revoked) {
      keys_.erase(entry.key);
    }
  }
  bool Accepts(uint64_t key) const { return keys_.contains(key); }
  uint64_t Digest() const {
    uint64_t h = 1469598103934665603ULL;
    const auto mix = [&h](uint64_t value) { h = (h ^ value) * 1099511628211ULL ^ (h >> 29); };
    for (uint64_t row : rows_) mix(row);
    for (uint64_t key : keys_) mix(key);
    return h;
  }

 private:
  std::array<uint64_t, 16> rows_{};
  std::set<uint64_t> keys_;
};

}  // namespace holdfast::sim

#endif  // HOLDFAST_TESTS_CLUSTER_STATE_H_
