#ifndef HOLDFAST_TESTS_CLUSTER_DISK_H_
#define HOLDFAST_TESTS_CLUSTER_DISK_H_

#include <array>
#include <deque>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "replication/core/epoch_guard.h"
#include "replication/core/log_track.h"
#include "tests/cluster/timeline.h"

namespace holdfast::sim {

inline constexpr int kNodesMax = 5;

struct Setting {
  uint32_t k = 0;
  bool degrade = false;
};

// A record, as far as these rules care.
struct Entry {
  replication::EntryMeta meta;
  std::optional<Setting> setting;                  // it changes the setting
  std::optional<std::vector<std::string>> voters;  // it changes the members: who votes after it
  replication::LogTail tail;                       // a clean stop, a hand-over
  uint64_t write = 0;                              // the client's number; 0: none
  uint64_t key = 0;  // this key may read from here on, or not any more
  bool revoked = false;
};

// What a node finds when it starts again.
struct DiskImage {
  std::vector<Entry> log;  // log[seq - 1]; what is trimmed stays here, only nobody is sent it
  uint64_t oldest_retained = 1;
  uint64_t rows_seq = 0;  // the store's rows are those of this place
  std::vector<EpochStart> history;
  replication::EpochPromises promises;
  uint64_t position = 0;     // the committed position that was shown
  uint64_t unconfirmed = 0;  // of a snapshot that is not known to be committed; 0: none
  bool distrusted = false;   // the rows are not those of the log
};

// Three devices that write in the background, each in order, none in step with the others. A crash
// loses what is waiting (no fsync came back for it); what was just being written is there or not,
// whole: a store's transaction, and a fact or position with its checksum, that is torn is not
// there.
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
  // Nothing is written there any more (EIO, ENOSPC), until the next start; what was waiting is
  // never done.
  void Fail(Device device) { failed_[device] = true; }
  bool store_failed() const { return failed_[kStore]; }
  bool failed() const { return failed_[kStore] || failed_[kFacts] || failed_[kPosition]; }
  // The process does not run: what is done on disk is heard of later.
  void set_paused_until(MonoTime until) { paused_until_ = until; }
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
  std::array<bool, kDevices> failed_{};
  MonoTime paused_until_{};
  MonoTime slow_until_{};
};

}  // namespace holdfast::sim

#endif  // HOLDFAST_TESTS_CLUSTER_DISK_H_
