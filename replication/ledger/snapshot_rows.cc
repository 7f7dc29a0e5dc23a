#include "replication/ledger/snapshot_rows.h"

#include <utility>

#include "replication/ledger/log_window.h"
#include "server/base/status_macros.h"
#include "server/vault/row_key.h"

namespace holdfast::replication {

SnapshotRows::SnapshotRows(const crypto::KeyRing& keys)
    : keys_(&keys), state_(std::make_unique<vault::State>()) {}

absl::Status SnapshotRows::Apply(const v1::RowChange& change) {
  if (change.has_put()) {
    HOLDFAST_RETURN_IF_ERROR(vault::CheckRow(change.put()));
    const v1::RowKey key = vault::KeyOf(change.put());
    if (!waiting_.empty()) waiting_.erase(key.SerializeAsString());
    return Put(change.put(), key);
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

absl::Status SnapshotRows::Put(const v1::Row& row, const v1::RowKey& key) {
  Drop(key);
  const absl::Status put = state_->Put(row);
  if (put.ok()) {
    digest_.Add(MacOfRow(*keys_, key.table(), vault::InnerOf(row)));
  } else if (absl::IsDataLoss(put)) {
    waiting_.insert_or_assign(key.SerializeAsString(), row);
    return absl::OkStatus();
  }
  return put;
}

absl::Status SnapshotRows::Finish() {
  const std::map<std::string, v1::Row> left = std::exchange(waiting_, {});
  for (const auto& [bytes, row] : left) {
    HOLDFAST_RETURN_IF_ERROR(Put(row, vault::KeyOf(row)));
  }
  if (waiting_.empty()) return absl::OkStatus();
  return absl::DataLossError("the snapshot holds a value twice that may stand in one row only");
}

}  // namespace holdfast::replication
