#ifndef HOLDFAST_REPLICATION_LEDGER_COMMITTED_FILE_H_
#define HOLDFAST_REPLICATION_LEDGER_COMMITTED_FILE_H_

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/base/file.h"
#include "server/base/position.h"

namespace holdfast::replication {

// "Shown stays shown": the committed position of this node, persisted before anything up to it is
// shown. Two slots of 512 bytes are overwritten in turn in a preallocated file, so that a torn
// write leaves the other one: docs/formats/node.md.
//
// Threading   Thread-compatible; the ledger's writer thread owns it.
// Failure     A failed write or fdatasync closes it: every later Save fails with the first error,
//             because the kernel may have dropped the page.
class CommittedFile {
 public:
  // Opens or creates. A file in which no slot is whole, or of another format, is DATA_LOSS.
  static absl::StatusOr<CommittedFile> Open(const std::string& path);

  CommittedFile(CommittedFile&&) = default;
  CommittedFile& operator=(CommittedFile&&) = default;

  // The newest saved position; {0, 0} in a new file.
  Position committed() const { return committed_; }
  // Durable on return. Must not go back; a newer epoch may be at a lower seq.
  absl::Status Save(Position position);

 private:
  CommittedFile(std::string path, UniqueFd fd) : path_(std::move(path)), fd_(std::move(fd)) {}
  absl::Status WriteSlot(Position position);

  std::string path_;
  UniqueFd fd_;
  Position committed_;
  uint64_t counter_ = 0;  // of the newest slot
  absl::Status failed_;
};

}  // namespace holdfast::replication

#endif  // HOLDFAST_REPLICATION_LEDGER_COMMITTED_FILE_H_
