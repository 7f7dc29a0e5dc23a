#include "replication/ledger/snapshot_rows.h"

#include <map>
#include <string>
#include <thread>
#include <utility>

#include "replication/ledger/log_window.h"
#include "server/base/hand_off.h"
#include "server/base/status_macros.h"
#include "server/vault/row_key.h"

namespace holdfast::replication {
namespace {

// Enough for one hand-off to cost nothing; a row may have 64 KiB and more.
constexpr size_t kBatchChanges = 64;
constexpr size_t kBatchesMax = 4;

// One on its way to the thread that puts it into the state.
struct Step {
  v1::RowKey key;
  v1::Row row;  // not set: the row of `key` goes
  Digest mac{};
};

}  // namespace

class SnapshotRows::Builder {
 public:
  explicit Builder(const crypto::KeyRing& keys)
      : keys_(keys),
        state_(std::make_unique<vault::State>()),
        steps_(kBatchesMax),
        builder_([this] { Build(); }) {}
  ~Builder() {
    if (!builder_.joinable()) return;
    steps_.End();
    builder_.join();
  }

  absl::Status Apply(v1::RowChange& change) {
    Step& step = batch_.emplace_back();
    if (change.has_put() && change.put().row_case() != v1::Row::ROW_NOT_SET) {
      step.key = vault::KeyOf(change.put());
      step.mac = MacOfRow(keys_, step.key.table(), vault::InnerOf(change.put()));
      step.row.Swap(change.mutable_put());
    } else if (change.has_delete_() && vault::ShapeOf(change.delete_().table()) != nullptr) {
      step.key = change.delete_();
    } else {
      batch_.pop_back();
      return vault::UpgradeRequired("a kind of row change");
    }
    if (batch_.size() < kBatchChanges || steps_.Push(std::exchange(batch_, {}))) {
      return absl::OkStatus();
    }
    return End();
  }

  absl::Status Finish() {
    if (builder_.joinable()) steps_.Push(std::exchange(batch_, {}));
    HOLDFAST_RETURN_IF_ERROR(End());
    std::map<std::string, Step> left = std::exchange(waiting_, {});
    for (auto& [bytes, step] : left) HOLDFAST_RETURN_IF_ERROR(Put(step));
    if (waiting_.empty()) return absl::OkStatus();
    return absl::DataLossError("the snapshot holds a value twice that may stand in one row only");
  }

  const Digest& digest() const { return digest_.value(); }
  const vault::State& state() const { return *state_; }
  std::unique_ptr<vault::State> Take() { return std::move(state_); }

 private:
  // From here on this thread has the state.
  absl::Status End() {
    if (builder_.joinable()) {
      steps_.End();
      builder_.join();
    }
    return status_;
  }

  void Build() {
    while (std::optional<std::vector<Step>> batch = steps_.Pop()) {
      for (Step& step : *batch) {
        status_ = Carry(step);
        if (status_.ok()) continue;
        return steps_.Close();
      }
    }
  }

  absl::Status Carry(Step& step) {
    if (!waiting_.empty()) waiting_.erase(step.key.SerializeAsString());
    if (step.row.row_case() != v1::Row::ROW_NOT_SET) return Put(step);
    Drop(step.key);
    return absl::OkStatus();
  }

  void Drop(const v1::RowKey& key) {
    const google::protobuf::Message* old = state_->Find(key);
    if (old == nullptr) return;
    digest_.Remove(MacOfRow(keys_, key.table(), *old));
    state_->Delete(key).IgnoreError();  // It is there.
  }

  absl::Status Put(Step& step) {
    Drop(step.key);
    if (!vault::CheckClash(*state_, step.row).ok()) {
      std::string bytes = step.key.SerializeAsString();
      waiting_.insert_or_assign(std::move(bytes), std::move(step));
      return absl::OkStatus();
    }
    HOLDFAST_RETURN_IF_ERROR(state_->Put(std::move(step.row)));
    digest_.Add(step.mac);
    return absl::OkStatus();
  }

  const crypto::KeyRing& keys_;
  std::vector<Step> batch_;  // the caller's
  // The thread's, until it has ended.
  std::unique_ptr<vault::State> state_;
  StateDigest digest_;
  std::map<std::string, Step> waiting_;  // by their serialized keys
  absl::Status status_;

  HandOff<std::vector<Step>> steps_;
  std::thread builder_;
};

SnapshotRows::SnapshotRows(const crypto::KeyRing& keys)
    : builder_(std::make_unique<Builder>(keys)) {}
SnapshotRows::~SnapshotRows() = default;
SnapshotRows::SnapshotRows(SnapshotRows&&) noexcept = default;
SnapshotRows& SnapshotRows::operator=(SnapshotRows&&) noexcept = default;

absl::Status SnapshotRows::Apply(v1::RowChange& change) { return builder_->Apply(change); }
absl::Status SnapshotRows::Finish() { return builder_->Finish(); }
const Digest& SnapshotRows::digest() const { return builder_->digest(); }
const vault::State& SnapshotRows::state() const { return builder_->state(); }
std::unique_ptr<vault::State> SnapshotRows::Take() { return builder_->Take(); }

}  // namespace holdfast::replication
