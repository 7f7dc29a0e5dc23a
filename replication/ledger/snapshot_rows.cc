#include "replication/ledger/snapshot_rows.h"

#include <utility>

#include "replication/ledger/log_window.h"
#include "server/base/status_macros.h"
#include "server/vault/row_key.h"

namespace holdfast::replication {

SnapshotRows::SnapshotRows(const crypto::KeyRing& keys)
    : keys_(&keys), state_(std::make_unique<vault::State>()) {}

absl::Status SnapshotRows::Apply(v1::RowChange& change) {
  if (change.has_put() && change.put().row_case() != v1::Row::ROW_NOT_SET) {
    const v1::RowKey key = vault::KeyOf(change.put());
    if (!waiting_.empty()) waiting_.erase(key.SerializeAsString());
    return Put(*change.mutable_put(), key);
  }
  if (!change.has_delete_() || vault::ShapeOf(change.delete_().table()) == nullptr) {
    return vault::UpgradeRequired("a kind of row change");
  }
  if (!waiting_.empty()) waiting_.erase(change.delete_().SerializeAsString());
  Drop(change.delete_());
  return absl::OkStatus();
}

void SnapshotRows::Drop(const v1::RowKey& key) {
  const google::protobuf::Message* old = state_->Find(key);
  if (old == nullptr) return;
  digest_.Remove(MacOfRow(*keys_, key.table(), *old));
  state_->Delete(key).IgnoreError();  // It is there.
}

absl::Status SnapshotRows::Put(v1::Row& row, const v1::RowKey& key) {
  Drop(key);
  if (!vault::CheckClash(*state_, row).ok()) {
    waiting_.insert_or_assign(key.SerializeAsString(), std::move(row));
    return absl::OkStatus();
  }
  const Digest mac = MacOfRow(*keys_, key.table(), vault::InnerOf(row));
  HOLDFAST_RETURN_IF_ERROR(state_->Put(std::move(row)));
  digest_.Add(mac);
  return absl::OkStatus();
}

absl::Status SnapshotRows::Finish() {
  std::map<std::string, v1::Row> left = std::exchange(waiting_, {});
  for (auto& [bytes, row] : left) {
    HOLDFAST_RETURN_IF_ERROR(Put(row, vault::KeyOf(row)));
  }
  if (waiting_.empty()) return absl::OkStatus();
  return absl::DataLossError("the snapshot holds a value twice that may stand in one row only");
}

}  // namespace holdfast::replication
