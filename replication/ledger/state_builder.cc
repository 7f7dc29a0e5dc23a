#include "replication/ledger/state_builder.h"

#include <utility>

#include "replication/ledger/log_window.h"
#include "server/base/status_macros.h"
#include "server/vault/row_key.h"

namespace holdfast::replication {

StateBuilder::StateBuilder(const crypto::KeyRing& keys)
    : keys_(keys), state_(std::make_unique<vault::State>()) {}

void StateBuilder::MakeRoom(const TableSizes& sizes) {
  for (const auto& [table, rows] : sizes) state_->Reserve(table, rows);
}

absl::Status StateBuilder::Apply(storage::StagedChange& change, const Digest& mac) {
  if (!waiting_.empty()) waiting_.erase(change.key.SerializeAsString());
  if (change.row.row_case() != v1::Row::ROW_NOT_SET) return Put(change, mac);
  Drop(change.key);
  return absl::OkStatus();
}

absl::Status StateBuilder::Finish() {
  std::map<std::string, Waiting> left = std::exchange(waiting_, {});
  for (auto& [bytes, waiting] : left) {
    HOLDFAST_RETURN_IF_ERROR(Put(waiting.change, waiting.mac));
  }
  if (waiting_.empty()) return absl::OkStatus();
  return absl::DataLossError("the snapshot holds a value twice that may stand in one row only");
}

void StateBuilder::Drop(const v1::RowKey& key) {
  const google::protobuf::Message* old = state_->Find(key);
  if (old == nullptr) return;
  digest_.Remove(MacOfRow(keys_, key.table(), *old));
  state_->Delete(key).IgnoreError();  // It is there.
}

absl::Status StateBuilder::Put(storage::StagedChange& change, const Digest& mac) {
  Drop(change.key);
  if (!vault::CheckClash(*state_, change.row).ok()) {
    std::string bytes = change.key.SerializeAsString();
    waiting_.insert_or_assign(std::move(bytes), Waiting{std::move(change), mac});
    return absl::OkStatus();
  }
  HOLDFAST_RETURN_IF_ERROR(state_->Put(std::move(change.row)));
  digest_.Add(mac);
  return absl::OkStatus();
}

}  // namespace holdfast::replication
