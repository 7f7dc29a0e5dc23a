#ifndef HOLDFAST_REPLICATION_LEDGER_SLICE_SINK_H_
#define HOLDFAST_REPLICATION_LEDGER_SLICE_SINK_H_

#include <thread>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "holdfast/v1/rows.pb.h"
#include "server/base/hand_off.h"

namespace holdfast::replication {

// Gives slices of changes to a sink on a thread of its own, in order: whoever looks the rows up and
// copies them has the other half of the work.
//
// Threading   Thread-compatible; the sink is called on that thread, and by nobody after Finish.
class SliceSink {
 public:
  using Each = absl::FunctionRef<absl::Status(const v1::RowChange&)>;
  explicit SliceSink(Each each);
  ~SliceSink();

  // Takes the first `used` of `slice`, and leaves another vector there whose memory may be used
  // again. The error of an earlier slice may come with a later one.
  absl::Status Give(std::vector<v1::RowChange>& slice, size_t used);
  absl::Status Finish();  // all were given

 private:
  struct Slice {
    std::vector<v1::RowChange> changes;
    size_t used = 0;
  };
  void Run();

  const Each each_;
  absl::Status status_;  // the thread's, until it has ended
  HandOff<Slice> full_;
  HandOff<std::vector<v1::RowChange>> spare_;
  std::thread thread_;
};

}  // namespace holdfast::replication

#endif  // HOLDFAST_REPLICATION_LEDGER_SLICE_SINK_H_
