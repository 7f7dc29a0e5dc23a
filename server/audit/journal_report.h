#ifndef HOLDFAST_SERVER_AUDIT_JOURNAL_REPORT_H_
#define HOLDFAST_SERVER_AUDIT_JOURNAL_REPORT_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "server/crypto/hash.h"

namespace holdfast::audit {

// What a reading of a whole journal found.
struct JournalReport {
  struct Break {
    uint64_t number = 0;  // the first record that is missing or not what was written
    std::string what;     // names the file and the byte
  };
  uint64_t first = 1;  // the oldest kept
  uint64_t last = 0;   // the last that is whole with all before it; first - 1 when none is
  std::optional<Break> first_break;
  uint64_t segments = 0;
  bool torn_end = false;  // a group that a crash, or a writer at work, left unfinished: no break
};

// Called after each segment: bytes read so far, and in all.
using VerifyProgress = std::function<void(uint64_t done, uint64_t total)>;

// Reads the journal of `node_id` in the folder `path` without changing it and without its lock; the
// torn end that a crash, or a writer at work, leaves is no break. The error of a folder that cannot
// be read. Somebody who cuts off whole records at the end is not seen here: the other nodes' heads
// tell.
absl::StatusOr<JournalReport> VerifyJournal(const std::string& path, const std::string& node_id,
                                            const crypto::Mac& mac,
                                            const VerifyProgress& progress = nullptr);

}  // namespace holdfast::audit

#endif  // HOLDFAST_SERVER_AUDIT_JOURNAL_REPORT_H_
