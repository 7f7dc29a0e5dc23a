#ifndef HOLDFAST_TESTS_POWER_LOSS_INTERPOSE_H_
#define HOLDFAST_TESTS_POWER_LOSS_INTERPOSE_H_

#include "tests/power_loss/recorder.h"

namespace holdfast::power_loss {

// An operation and its record, with nothing of another thread in between.
class OneStep {
 public:
  OneStep();
  ~OneStep();
  OneStep(const OneStep&) = delete;
  OneStep& operator=(const OneStep&) = delete;
  bool on() const { return on_; }
  void Did(DiskOp op) const;  // paths absolute; ignored outside of the folder

 private:
  bool on_ = false;
};

}  // namespace holdfast::power_loss

#endif  // HOLDFAST_TESTS_POWER_LOSS_INTERPOSE_H_
