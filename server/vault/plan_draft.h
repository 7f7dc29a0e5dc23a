#ifndef HOLDFAST_SERVER_VAULT_PLAN_DRAFT_H_
#define HOLDFAST_SERVER_VAULT_PLAN_DRAFT_H_

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/vault/pending_state.h"

namespace holdfast::vault {

inline constexpr std::string_view kIdCounter = "id";

// The changes of one plan while it is made. What was put or deleted is seen by what is planned
// after it.
//
// Threading   Thread-compatible.
// Ownership   Borrows `base`. Rows got from view() are good until the next Put or Delete.
// Failure     Put and Delete: as State::Apply, when the plan is wrong. Finish: LIMIT_REACHED when
//             the changes do not fit into a record.
class Draft {
 public:
  explicit Draft(const StateReader& base);

  const StateReader& view() const { return view_; }
  uint64_t NextId() { return ++last_id_; }  // ids of all tables come from one counter
  // For ids that the vault did not give out: none up to `id` will be given out.
  void SkipIdsTo(uint64_t id);

  absl::Status Put(v1::Row row);
  absl::Status Put(v1::InviteRow row);
  absl::Status Put(v1::UserRow row);
  absl::Status Put(v1::SshKeyRow row);
  absl::Status Put(v1::TokenRow row);
  absl::Status Put(v1::ResourceRow row);
  absl::Status Put(v1::AccountRow row);
  absl::Status Put(v1::ShareRow row);
  absl::Status Delete(v1::Table table, uint64_t id);
  absl::Status Delete(v1::Table table, const std::string& name);

  absl::StatusOr<std::vector<v1::RowChange>> Finish() &&;

 private:
  absl::Status Add(v1::RowChange change);

  PendingState view_;
  uint64_t last_id_;
  std::vector<v1::RowChange> changes_;
};

}  // namespace holdfast::vault

#endif  // HOLDFAST_SERVER_VAULT_PLAN_DRAFT_H_
