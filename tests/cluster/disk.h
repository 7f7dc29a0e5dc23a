#ifndef HOLDFAST_TESTS_CLUSTER_DISK_H_
#define HOLDFAST_TESTS_CLUSTER_DISK_H_

#include <array>
#include <deque>
#include <functional>
#include <optional>
#include <vector>

#include "replication/core/epoch_guard.h"
#include "replication/core/log_track.h"
#include "tests/cluster/timeline.h"

namespace holdfast::sim {

// A record, as far as these rules care.
struct Entry {
  replication::EntryMeta meta;
  std::optional<uint32_t> k;  // it changes the setting
  uint64_t write = 0;         // the client's number; 0: none
};

// What a node finds when it starts again.
struct DiskImage {
  std::vector<Entry> log;  // log[seq - 1]; what is trimmed stays here, only nobody is sent it
  uint64_t oldest_retained = 1;
  uint64_t rows_seq = 0;  // the store's rows are those of this place
  std::vector<EpochStart> history;
  replication::EpochPromises promises;
  uint64_t position = 0;  // the committed position that was shown
};

// Three devices that write in the background, each in order, none in step with the others. A crash
// loses what is waiting; what was just being written is there or not, whole.
class Disk {
 public:
  enum Device { kStore, kFacts, kPosition, kDevices };
  using Apply = std::function<void(DiskImage&)>;
  using Done = std::function<void()>;

  Disk(Timeline& timeline, Random& random) : timeline_(timeline), random_(random) {}
  void Submit(Device device, Apply apply, Done done);
  // `done` once everything that was submitted to the device before is durable.
  void Barrier(Device device, Done done);
  void Crash();
  // The store writes nothing any more, until the next start; what was waiting is never done.
  void FailStore() { store_failed_ = true; }
  bool store_failed() const { return store_failed_; }
  void SlowUntil(MonoTime until) { slow_until_ = until; }
  const DiskImage& image() const { return image_; }
  DiskImage& image() { return image_; }  // before the first start only

 private:
  struct Op {
    Apply apply;
    Done done;
  };
  void Begin(Device device);
  void End(Device device);
  Nanos Delay();

  Timeline& timeline_;
  Random& random_;
  DiskImage image_;
  std::array<std::deque<Op>, kDevices> queues_;
  uint64_t starts_ = 0;  // crashes so far: what was scheduled before one does not end
  bool store_failed_ = false;
  MonoTime slow_until_{};
};

}  // namespace holdfast::sim

#endif  // HOLDFAST_TESTS_CLUSTER_DISK_H_
