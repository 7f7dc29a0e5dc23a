#include "tests/cluster/disk.h"

#include <utility>

namespace holdfast::sim {

void Disk::Submit(Device device, Apply apply, Done done) {
  queues_[device].push_back({std::move(apply), std::move(done)});
  if (queues_[device].size() == 1) Begin(device);
}

void Disk::Barrier(Device device, Done done) {
  Submit(
      device, [](DiskImage&) {}, std::move(done));
}

Nanos Disk::Delay() {
  if (timeline_.now() < slow_until_) {
    return random_.Chance(0.1) ? random_.Between(milliseconds(500), milliseconds(4000))
                               : random_.Between(milliseconds(20), milliseconds(300));
  }
  return random_.Between(microseconds(50), microseconds(4000));
}

void Disk::Begin(Device device) {
  timeline_.After(Delay(), [this, device, starts = starts_] {
    if (starts == starts_) End(device);
  });
}

void Disk::End(Device device) {
  if (failed_[device]) return;
  Op op = std::move(queues_[device].front());
  queues_[device].pop_front();
  op.apply(image_);
  if (!queues_[device].empty()) Begin(device);
  if (timeline_.now() >= paused_until_) return op.done();
  timeline_.At(paused_until_, [this, starts = starts_, done = std::move(op.done)] {
    if (starts == starts_) done();
  });
}

void Disk::Crash() {
  ++starts_;
  failed_ = {};
  paused_until_ = {};
  for (auto& queue : queues_) {
    if (!queue.empty() && random_.Chance(0.5)) queue.front().apply(image_);
    queue.clear();
  }
}

}  // namespace holdfast::sim
