#ifndef HOLDFAST_SERVER_SINKS_OUTLET_H_
#define HOLDFAST_SERVER_SINKS_OUTLET_H_

#include <cstddef>
#include <cstdint>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "holdfast/v1/audit.pb.h"

namespace holdfast::sinks {

// Where the records of a sink go.
//
// Threading   Thread-compatible; a sink's own thread calls it. Reopen from any thread.
// Failure     An error means nothing of this call counts as taken; it is tried again.
class Outlet {
 public:
  virtual ~Outlet() = default;
  // Takes as many from the front as it can without waiting: how many. 0: try again a little later.
  virtual absl::StatusOr<size_t> Write(const v1::AuditRecords& records) = 0;
  // Records that retention took before this sink had them.
  virtual absl::Status WriteGap(const std::string& node_id, uint64_t first, uint64_t last) = 0;
  // What was taken would survive a power cut, as far as this outlet can tell.
  virtual absl::Status Sync() { return absl::OkStatus(); }
  virtual void Reopen() {}
};

}  // namespace holdfast::sinks

#endif  // HOLDFAST_SERVER_SINKS_OUTLET_H_
