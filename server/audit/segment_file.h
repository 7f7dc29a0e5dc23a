#ifndef HOLDFAST_SERVER_AUDIT_SEGMENT_FILE_H_
#define HOLDFAST_SERVER_AUDIT_SEGMENT_FILE_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/audit/segment.h"
#include "server/base/file.h"
#include "server/crypto/hash.h"

// The files in the folder of a journal. Thread-safe: no state.
namespace holdfast::audit {

std::string SegmentPath(const std::string& folder, uint64_t first);
std::string SparePath(const std::string& folder);
std::string SpareInTheMakingPath(const std::string& folder);

absl::Status WriteAt(int fd, std::string_view bytes, uint64_t offset, const std::string& path);
// Fewer bytes than asked for only at the end of the file.
absl::StatusOr<std::string> ReadAt(int fd, uint64_t offset, size_t bytes, const std::string& path);
absl::Status Sync(int fd, const std::string& path);
absl::StatusOr<UniqueFd> OpenFile(const std::string& path, int flags);

// Makes the spare: allocated, overwritten with zeroes and durable, under its name only when it is
// whole. RESOURCE_EXHAUSTED when the disk is full; then nothing is left of it.
absl::Status MakeSpareFile(const std::string& folder, uint64_t bytes);

// A segment that is there, by its header.
struct Segment {
  std::string path;
  SegmentHeader header;
};

struct SegmentList {
  std::vector<Segment> segments;  // without a gap, up to the first problem
  struct Problem {
    uint64_t number = 0;
    absl::Status status;
  };
  std::optional<Problem> problem;
};
// The segments in a folder in order, with their headers checked against the key, their names, their
// sizes and each other. The error of a folder or file that cannot be read.
absl::StatusOr<SegmentList> ListSegments(const std::string& folder, const std::string& node_id,
                                         const crypto::Mac& mac);

// All of a segment.
absl::StatusOr<std::string> ReadSegment(const Segment& segment);
// Of the record before its first.
ChainEnd StartOf(const Segment& segment);

// Takes the frames of a segment one after the other, not verified.
//
// Threading   Thread-compatible.
// Ownership   Borrows the file.
class FrameReader {
 public:
  FrameReader(int fd, std::string path, uint64_t offset)
      : fd_(fd), path_(std::move(path)), offset_(offset) {}

  // The bytes of the next frame, valid until the next call. DATA_LOSS when no frame stands there.
  absl::StatusOr<std::string_view> Next();
  // Behind the frame that Next returned.
  uint64_t offset() const { return offset_ + at_; }

 private:
  absl::Status Fill();

  const int fd_;
  const std::string path_;
  uint64_t offset_;  // of buffer_ in the file
  std::string buffer_;
  size_t at_ = 0;  // what was taken from it
};

}  // namespace holdfast::audit

#endif  // HOLDFAST_SERVER_AUDIT_SEGMENT_FILE_H_
