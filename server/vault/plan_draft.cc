#include "server/vault/plan_draft.h"

#include <algorithm>
#include <string>

#include "fmt/format.h"
#include "server/base/limits.h"
#include "server/base/status_macros.h"
#include "server/vault/refusal.h"

namespace holdfast::vault {
namespace {

// What a record needs beside its changes: actor, keys, positions.
constexpr size_t kRecordBytesAround = 64 * 1024;

}  // namespace

Draft::Draft(const StateReader& base) : view_(base), last_id_(base.Counter(kIdCounter)) {}

void Draft::SkipIdsTo(uint64_t id) { last_id_ = std::max(last_id_, id); }

absl::Status Draft::Put(v1::Row row) {
  v1::RowChange change;
  *change.mutable_put() = std::move(row);
  return Add(std::move(change));
}

absl::Status Draft::Put(v1::InviteRow row) {
  v1::Row wrapped;
  *wrapped.mutable_invite() = std::move(row);
  return Put(std::move(wrapped));
}
absl::Status Draft::Put(v1::UserRow row) {
  v1::Row wrapped;
  *wrapped.mutable_user() = std::move(row);
  return Put(std::move(wrapped));
}
absl::Status Draft::Put(v1::SshKeyRow row) {
  v1::Row wrapped;
  *wrapped.mutable_ssh_key() = std::move(row);
  return Put(std::move(wrapped));
}
absl::Status Draft::Put(v1::TokenRow row) {
  v1::Row wrapped;
  *wrapped.mutable_token() = std::move(row);
  return Put(std::move(wrapped));
}
absl::Status Draft::Put(v1::ResourceRow row) {
  v1::Row wrapped;
  *wrapped.mutable_resource() = std::move(row);
  return Put(std::move(wrapped));
}
absl::Status Draft::Put(v1::AccountRow row) {
  v1::Row wrapped;
  *wrapped.mutable_account() = std::move(row);
  return Put(std::move(wrapped));
}
absl::Status Draft::Put(v1::ShareRow row) {
  v1::Row wrapped;
  *wrapped.mutable_share() = std::move(row);
  return Put(std::move(wrapped));
}

absl::Status Draft::Delete(v1::Table table, uint64_t id) {
  v1::RowChange change;
  change.mutable_delete_()->set_table(table);
  change.mutable_delete_()->set_id(id);
  return Add(std::move(change));
}

absl::Status Draft::Delete(v1::Table table, const std::string& name) {
  v1::RowChange change;
  change.mutable_delete_()->set_table(table);
  change.mutable_delete_()->set_name(name);
  return Add(std::move(change));
}

absl::Status Draft::Add(v1::RowChange change) {
  HOLDFAST_RETURN_IF_ERROR(view_.Apply(/*seq=*/0, change));
  changes_.push_back(std::move(change));
  return absl::OkStatus();
}

absl::StatusOr<std::vector<v1::RowChange>> Draft::Finish() && {
  if (last_id_ != view_.Counter(kIdCounter)) {
    v1::Row row;
    row.mutable_counter()->set_name(std::string(kIdCounter));
    row.mutable_counter()->set_value(last_id_);
    HOLDFAST_RETURN_IF_ERROR(Put(std::move(row)));
  }
  if (changes_.size() > limits::kChangesPerRecordMax) {
    return Refuse(Refusal::kLimitReached,
                  fmt::format("this would change {} rows at once, at most {} are possible: do it "
                              "in smaller steps",
                              changes_.size(), limits::kChangesPerRecordMax));
  }
  size_t bytes = kRecordBytesAround;
  for (const v1::RowChange& change : changes_) bytes += change.ByteSizeLong() + 8;
  if (bytes > limits::kRecordBytesMax) {
    return Refuse(Refusal::kLimitReached,
                  fmt::format("this would write {} bytes at once, at most {} are possible: do it "
                              "in smaller steps",
                              bytes, limits::kRecordBytesMax));
  }
  return std::move(changes_);
}

}  // namespace holdfast::vault
