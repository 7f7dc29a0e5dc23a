#ifndef HOLDFAST_SERVER_AUDIT_UNRECORDED_H_
#define HOLDFAST_SERVER_AUDIT_UNRECORDED_H_

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/base/file.h"
#include "server/crypto/hash.h"

namespace holdfast::audit {

// What was served while the journal was full.
struct UnrecordedCount {
  uint64_t retrievals = 0;
  uint64_t others = 0;
  int64_t first_ms = 0;
  int64_t last_ms = 0;
  // Number of the record that says so, once it is about to be written; 0: not yet.
  uint64_t marker = 0;

  uint64_t total() const { return retrievals + others; }
  bool operator==(const UnrecordedCount&) const = default;
};

// That count on the disk, in a file that is allocated beforehand, so that a full disk takes it: two
// slots, overwritten in turn. docs/formats/journal.md.
//
// Invariants  Save is durable on return; a torn write leaves the count before it.
// Threading   Thread-compatible; the journal's writer thread owns it.
// Ownership   Borrows the key.
// Failure     DATA_LOSS when no slot is whole. After a failed Save it must not be used again.
class UnrecordedFile {
 public:
  static absl::StatusOr<std::unique_ptr<UnrecordedFile>> Open(const std::string& path,
                                                              const crypto::Mac& mac);

  const UnrecordedCount& count() const { return count_; }
  absl::Status Save(const UnrecordedCount& count);

 private:
  UnrecordedFile(std::string path, UniqueFd fd, const crypto::Mac& mac)
      : path_(std::move(path)), fd_(std::move(fd)), mac_(mac) {}
  absl::Status Load();

  const std::string path_;
  const UniqueFd fd_;
  const crypto::Mac& mac_;
  UnrecordedCount count_;
  uint64_t turn_ = 0;  // of the newest slot
};

}  // namespace holdfast::audit

#endif  // HOLDFAST_SERVER_AUDIT_UNRECORDED_H_
