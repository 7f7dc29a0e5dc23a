#ifndef HOLDFAST_TESTS_UNIT_SERVER_AUDIT_DISK_FAULTS_H_
#define HOLDFAST_TESTS_UNIT_SERVER_AUDIT_DISK_FAULTS_H_

#include <atomic>
#include <cstdint>

namespace holdfast::audit {

// This test program's fdatasync and posix_fallocate go through here: the disk that fails or is full
// when a test says so, and else the real one.
struct DiskFaults {
  std::atomic<uint64_t> syncs{0};
  std::atomic<bool> sync_fails{false};
  std::atomic<bool> sync_waits{false};  // until it is false again
  std::atomic<bool> full{false};
};
DiskFaults& Disk();

}  // namespace holdfast::audit

#endif  // HOLDFAST_TESTS_UNIT_SERVER_AUDIT_DISK_FAULTS_H_
