#ifndef HOLDFAST_SERVER_SINKS_FILE_OUTLET_H_
#define HOLDFAST_SERVER_SINKS_FILE_OUTLET_H_

#include <atomic>
#include <string>
#include <string_view>
#include <utility>

#include "server/base/file.h"
#include "server/sinks/outlet.h"

namespace holdfast::sinks {

// A file of JSON lines, appended to; mode 0600 when it is made. Opened again when it was renamed or
// removed, and by Reopen. A line that was cut by a full disk or a crash is ended, and comes again
// whole.
class FileOutlet : public Outlet {
 public:
  explicit FileOutlet(std::string path) : path_(std::move(path)) {}

  absl::StatusOr<size_t> Write(const v1::AuditRecords& records) override;
  absl::Status WriteGap(const std::string& node_id, uint64_t first, uint64_t last) override;
  absl::Status Sync() override;
  void Reopen() override { reopen_ = true; }

 private:
  absl::Status Open();
  bool StillThere() const;
  // How many bytes were taken.
  absl::StatusOr<size_t> Append(std::string_view bytes);

  const std::string path_;
  std::atomic<bool> reopen_{false};
  UniqueFd fd_;
  bool torn_ = false;  // the file ends within a line
};

}  // namespace holdfast::sinks

#endif  // HOLDFAST_SERVER_SINKS_FILE_OUTLET_H_
