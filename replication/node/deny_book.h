#ifndef HOLDFAST_REPLICATION_NODE_DENY_BOOK_H_
#define HOLDFAST_REPLICATION_NODE_DENY_BOOK_H_

#include <atomic>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "holdfast/v1/local.pb.h"
#include "server/base/mutex.h"
#include "server/storage/store.h"
#include "server/vault/command.h"
#include "server/vault/state_reader.h"

namespace holdfast::replication {

// Whom this node refuses although the rows say otherwise: a stolen key must stop also where the
// primary cannot be reached. Deny-only. A denial ends when the rows have carried it out (the user
// locked or gone, the key removed): from then on they decide, here as everywhere.
//
// Promises    A denial is on disk (fact "denials", docs/formats/node.md) before Add returns OK, and
//             asked for from that moment. While the store takes no writes it is in force all the
//             same, Add says so (OVERLOADED), and Settle writes it later.
// Threading   Thread-safe. Every login and every retrieval asks: DeniesUser and DeniesKey take no
//             disk, and no lock while nobody is denied.
// Ownership   Borrows the store.
class DenyBook {
 public:
  static absl::StatusOr<std::unique_ptr<DenyBook>> Open(storage::Store& store);

  // One of user_name and key_fingerprint is set. The same one again changes nothing. LIMIT_REACHED
  // when kDenialsMax are in force.
  absl::Status Add(v1::Denial denial);
  bool DeniesUser(std::string_view name) const;
  bool DeniesKey(std::string_view fingerprint) const;
  bool empty() const { return in_force_ == 0; }
  // All that were given, those that rows have carried out too.
  std::vector<v1::Denial> All() const;
  // Those in force, for the report: at most `max`.
  std::vector<v1::Denial> InForce(size_t max) const;
  // Those in force that the rows have carried out by now. No disk: to be called under the state.
  std::vector<v1::Denial> CarriedOut(const vault::StateReader& state) const;
  // Keeps that those were carried out, and what could not be written before: a write to the disk.
  absl::Status Settle(const std::vector<v1::Denial>& carried_out);

 private:
  DenyBook(storage::Store& store, v1::Denials denials);
  absl::Status Keep(v1::Denials denials) ABSL_LOCKS_EXCLUDED(mu_)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(write_mu_);

  storage::Store& store_;
  Mutex write_mu_;  // one change at a time, over its write to the disk
  bool unwritten_ ABSL_GUARDED_BY(write_mu_) = false;
  std::atomic<int> in_force_;  // how many of denials_; changed under mu_
  mutable SharedMutex mu_;
  v1::Denials denials_ ABSL_GUARDED_BY(mu_);
};

inline constexpr int kDenialsMax = 1000;
inline constexpr size_t kDenialsReportedMax = 64;

// What the rows still lack of it: users of that name to lock (in any organization), keys to remove.
// Empty: they have carried it out.
std::vector<vault::CommandBody> MissingInRows(const v1::Denial& denial,
                                              const vault::StateReader& state);

}  // namespace holdfast::replication

#endif  // HOLDFAST_REPLICATION_NODE_DENY_BOOK_H_
