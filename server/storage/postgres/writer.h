#ifndef HOLDFAST_SERVER_STORAGE_POSTGRES_WRITER_H_
#define HOLDFAST_SERVER_STORAGE_POSTGRES_WRITER_H_

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "server/storage/postgres/locked_session.h"

namespace holdfast::storage::postgres {

// Commits transactions, each exactly once. The row of `meta` names who writes and counts the
// commits, in the transaction itself: so whether a commit whose answer was lost is there can be
// read, and a transaction of somebody who is not the writer any more is aborted by the server.
//
// Threading   Thread-compatible; one for a store.
// Failure     UNAVAILABLE: the server stayed away. open(): whether the last transaction is there is
//             not known; nothing else is sent before Resolve has found out. DATA_LOSS: somebody
//             else has written, or the database went back: it must not be used further. ABORTED:
//             not the writer any more. All others: session.h, and nothing was written.
class Writer {
 public:
  // Becomes the writer of the database, whose schema is there.
  static absl::StatusOr<std::unique_ptr<Writer>> Claim(std::unique_ptr<LockedSession> locked);

  // One transaction: `texts` in order, then `meta_changes` ("a = 1, b = 2", may be empty) in the
  // row of meta. Sent again after a loss when it turns out not to be there.
  absl::Status Commit(const std::vector<std::string>& texts, const std::string& meta_changes);

  // The same for statements that cannot be sent twice. When the server was lost and the transaction
  // is not there: RESOURCE_EXHAUSTED. An error of `steps` is returned and nothing is kept.
  absl::Status CommitSteps(const std::function<absl::Status(Session&)>& steps,
                           const std::string& meta_changes);

  bool open() const { return open_; }
  // Whether the transaction that is open is there. Tries once, and waits for nobody.
  absl::StatusOr<bool> Resolve();

  // A statement that only reads.
  absl::StatusOr<pqxx::result> Query(const std::string& sql);

 private:
  Writer(std::unique_ptr<LockedSession> locked, std::string name, int64_t commits)
      : locked_(std::move(locked)), name_(std::move(name)), commits_(commits) {}
  Session& session() const { return locked_->session(); }
  std::string Fence(const std::string& meta_changes) const;
  absl::Status Send(const std::vector<std::string>& texts, const std::string& fence);
  absl::Status SendFence(const std::string& sql);
  // After a loss: connects again and tells whether the commit that was under way is there.
  // UNAVAILABLE: it could not be found out until `deadline`; DATA_LOSS. No other error.
  absl::StatusOr<bool> FindOut(MonoTime deadline);
  absl::StatusOr<bool> JudgeMeta(const pqxx::result& meta) const;
  absl::Status Open(const absl::Status& why);
  absl::Status Counted(const absl::Status& status);
  absl::Status RollBack(absl::Status cause);

  std::unique_ptr<LockedSession> locked_;
  const std::string name_;
  int64_t commits_;  // that are known to be there
  bool open_ = false;
};

}  // namespace holdfast::storage::postgres

#endif  // HOLDFAST_SERVER_STORAGE_POSTGRES_WRITER_H_
