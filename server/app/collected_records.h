#ifndef HOLDFAST_SERVER_APP_COLLECTED_RECORDS_H_
#define HOLDFAST_SERVER_APP_COLLECTED_RECORDS_H_

#include <chrono>
#include <cstddef>
#include <string>

#include "server/base/clock.h"
#include "server/storage/audit_store.h"

namespace holdfast::app {

// Keeps what was collected of the journals of all nodes bounded: a record goes from there once it
// is as old as one in a journal may be.
//
// Threading   Thread-compatible.
// Ownership   Borrows store and clock.
class CollectedRecords {
 public:
  // Little enough at a time not to hold up who adds some; all of it more than come in meanwhile.
  static constexpr size_t kStepRecords = 1000;
  static constexpr int kStepsMax = 20;
  static constexpr std::chrono::seconds kEvery{5};
  // With `keep_days` 0, by which journals are bounded by their size alone.
  static constexpr int kDaysMax = 3650;

  CollectedRecords(storage::AuditStore& store, const Clock& clock, int keep_days)
      : store_(store), clock_(clock), keep_days_(keep_days == 0 ? kDaysMax : keep_days) {}

  // Called again and again; does something once in kEvery.
  void Keep();

 private:
  storage::AuditStore& store_;
  const Clock& clock_;
  const int keep_days_;
  MonoTime next_{};
  std::string fault_;  // logged once
};

}  // namespace holdfast::app

#endif  // HOLDFAST_SERVER_APP_COLLECTED_RECORDS_H_
