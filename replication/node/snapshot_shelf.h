#ifndef HOLDFAST_REPLICATION_NODE_SNAPSHOT_SHELF_H_
#define HOLDFAST_REPLICATION_NODE_SNAPSHOT_SHELF_H_

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "replication/ledger/ledger.h"
#include "replication/node/snapshot_file.h"
#include "server/base/clock.h"
#include "server/base/mutex.h"

namespace holdfast::replication {

// A snapshot that is whole; whoever sends it holds it.
struct ShelvedSnapshot {
  v1::SnapshotBegin begin;
  SnapshotPoint point;
  SnapshotFile file;
  Digest mac{};
  MonoTime made_at;
};
using ShelvedSnapshotPtr = std::shared_ptr<const ShelvedSnapshot>;

// The snapshots of a primary: one file for all who need one.
//
// Promises    1. At most kSnapshotFilesMax exist, those included that are off the shelf and still
//                being sent; each is at most kSnapshotAgeMax old when somebody begins with it.
//             2. It is made by a thread of its own; a stream that ends meanwhile ends nothing else.
//             3. After one could not be made nobody tries again for kSnapshotRetryAfter.
// Threading   Thread-safe.
// Ownership   Borrows everything in Deps.
class SnapshotShelf {
 public:
  struct Deps {
    Ledger& ledger;
    const crypto::KeyRing& keys;
    const Clock& clock;
    std::string folder;
  };
  explicit SnapshotShelf(Deps deps) : deps_(std::move(deps)) {}
  ~SnapshotShelf();

  // One at `at_least` or above: null while it is being made, or so much is not committed yet, after
  // waiting for up to `wait`. While the epoch's start record waits for its commit, one of that
  // record (SnapshotPoint::pending). RESOURCE_EXHAUSTED: no room for it.
  absl::StatusOr<ShelvedSnapshotPtr> Get(uint64_t at_least, std::chrono::milliseconds wait);
  // One that a follower has a part of; null: not here any more.
  ShelvedSnapshotPtr Find(const std::string& id);
  // Another epoch: what was begun is begun anew. Ends what is being made.
  void Clear();

  // The log is needed from behind here on; UINT64_MAX: by nobody. Snapshots that have become old
  // leave the shelf by this call.
  uint64_t NeededFrom();
  // The log has grown beyond all bounds: it is kept for nobody any more.
  void LetGo();

  // What became of them, by reason and result, for the metrics.
  void Count(const std::string& reason, const std::string& result);
  std::map<std::pair<std::string, std::string>, uint64_t> counts() const;

 private:
  absl::Status Begin(bool with_start) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  absl::StatusOr<ShelvedSnapshotPtr> Make(bool with_start);
  bool Fits(const ShelvedSnapshotPtr& snapshot, uint64_t at_least) const;
  size_t Living() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  const Deps deps_;
  mutable Mutex mu_;
  CondVar made_;
  ShelvedSnapshotPtr newest_ ABSL_GUARDED_BY(mu_);
  std::vector<std::weak_ptr<const ShelvedSnapshot>> living_ ABSL_GUARDED_BY(mu_);
  bool making_ ABSL_GUARDED_BY(mu_) = false;
  uint64_t round_ ABSL_GUARDED_BY(mu_) = 0;  // Clear begins a new one
  absl::Status failure_ ABSL_GUARDED_BY(mu_);
  MonoTime failed_at_ ABSL_GUARDED_BY(mu_){};
  uint64_t last_bytes_ ABSL_GUARDED_BY(mu_) = 0;
  bool let_go_ ABSL_GUARDED_BY(mu_) = false;
  std::map<std::pair<std::string, std::string>, uint64_t> counts_ ABSL_GUARDED_BY(mu_);
  std::thread maker_;
};

inline constexpr size_t kSnapshotFilesMax = 2;
inline constexpr std::chrono::minutes kSnapshotAgeMax{10};
inline constexpr std::chrono::seconds kSnapshotRetryAfter{10};

}  // namespace holdfast::replication

#endif  // HOLDFAST_REPLICATION_NODE_SNAPSHOT_SHELF_H_
