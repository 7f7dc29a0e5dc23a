#ifndef HOLDFAST_REPLICATION_NODE_SNAPSHOT_INTAKE_H_
#define HOLDFAST_REPLICATION_NODE_SNAPSHOT_INTAKE_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "replication/ledger/ledger.h"
#include "replication/node/snapshot_file.h"

namespace holdfast::replication {

// A snapshot on its way in: `snapshot.<id>.part` in the node's folder, which outlives a cut stream
// and the process, and the state that is built, and the rows that are staged, from it meanwhile.
//
// Promises    1. Nothing of it is shown before its MAC and its state digest were found right.
//             2. At most one such file is there; none once a snapshot is in place or was given up.
// Threading   Thread-compatible: one loop owns it.
class SnapshotIntake {
 public:
  // Looks what an earlier process has left, and keeps the one that can be gone on with.
  SnapshotIntake(std::string folder, const crypto::KeyRing& keys, Ledger& ledger);

  // For the hello; empty and 0: nothing to go on with.
  const std::string& id() const { return id_; }
  uint64_t bytes() const { return file_ ? file_->bytes() : 0; }
  uint64_t total() const { return begin_ ? begin_->bytes() : 0; }

  // `history`: from the hello's answer. Goes on when `begin` does, else begins anew.
  absl::Status Begin(const v1::SnapshotBegin& begin, const std::vector<EpochStart>& history);
  bool begun() const { return begin_.has_value(); }
  absl::Status Add(const v1::SnapshotChunk& chunk);
  // Checks the MAC, replaces the ledger's state and log. The file goes, whatever came of it.
  absl::Status Install(const v1::SnapshotEnd& end, const std::function<void()>& alive);
  uint64_t seq() const { return point_.seq; }
  void Pause() { begin_.reset(); }  // the stream is cut: a new beginning must come
  void Drop();                      // gives it up

 private:
  std::string PathOf(const std::string& id) const;
  absl::Status TakeFileIn();

  const std::string folder_;
  const crypto::KeyRing& keys_;
  Ledger& ledger_;
  std::string id_;
  std::optional<SnapshotFile> file_;
  std::optional<v1::SnapshotBegin> begin_;
  SnapshotPoint point_;
  ChangeParser parser_;
  std::optional<SnapshotRows> rows_;  // of everything in the file; empty: not read yet
};

}  // namespace holdfast::replication

#endif  // HOLDFAST_REPLICATION_NODE_SNAPSHOT_INTAKE_H_
