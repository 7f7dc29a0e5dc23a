#ifndef HOLDFAST_REPLICATION_NODE_QUARANTINE_H_
#define HOLDFAST_REPLICATION_NODE_QUARANTINE_H_

#include <atomic>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "holdfast/v1/quarantine.pb.h"
#include "replication/ledger/ledger.h"
#include "server/base/clock.h"
#include "server/base/mutex.h"
#include "server/crypto/key_ring.h"

namespace holdfast::replication {

// Writes that this node had shown and that the cluster went on without: sealed files in the folder
// `quarantine`, listed for operators, done again or given up one by one (docs/promotion.md).
//
// Promises    1. Keep returns only when all of them are durable: nothing is replaced before.
//             2. No snapshot touches it. A write leaves it by an operator's word only, and then
//                its line stays.
// Threading   Thread-safe.
// Failure     A file that cannot be opened is left alone, logged, listed and counted as one record;
//             Keep is DATA_LOSS rather than to write over it.
class Quarantine {
 public:
  struct Deps {
    std::string data_folder;
    std::string node_id;
    const crypto::KeyRing& keys;
    const Clock& clock;
  };
  explicit Quarantine(Deps deps);

  // Takes in what `ledger` has shown behind `fork_seq`. The same again is nothing.
  absl::Status Keep(Ledger& ledger, uint64_t fork_seq, const Epoch& new_epoch);

  std::vector<v1::LostWriteView> List() const;
  // Records neither applied nor dropped, and unreadable files. Waits for nobody.
  uint64_t held() const { return held_; }
  // NOT_FOUND names the id.
  absl::StatusOr<v1::LostWrite> Find(const std::string& id) const;
  absl::StatusOr<v1::Quarantine> FileOf(const std::string& id) const;  // without its writes
  // Durable on return. FAILED_PRECONDITION when it is not held any more.
  absl::Status Mark(const std::string& id, v1::LostState state, const std::string& by);

 private:
  struct File {
    std::string name;
    v1::Quarantine content;
  };
  std::string Folder() const { return deps_.data_folder + "/quarantine"; }
  absl::Status Load();
  absl::StatusOr<v1::Quarantine> Open(const std::string& name) const;
  absl::Status Write(const File& file) const;
  absl::Status KeepPart(v1::Quarantine part) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  const Deps deps_;
  mutable Mutex mu_;
  std::vector<File> files_ ABSL_GUARDED_BY(mu_);
  std::vector<std::string> unreadable_ ABSL_GUARDED_BY(mu_);  // names of files
  // Beside the files: mu_ is held while they are written, and every report of the node says it.
  std::atomic<uint64_t> held_{0};
};

}  // namespace holdfast::replication

#endif  // HOLDFAST_REPLICATION_NODE_QUARANTINE_H_
