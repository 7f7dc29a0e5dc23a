#include "replication/ledger/snapshot_rows.h"

#include <sys/resource.h>
#include <unistd.h>

#include <chrono>
#include <thread>
#include <utility>
#include <vector>

#include "replication/ledger/log_window.h"
#include "replication/ledger/state_builder.h"
#include "server/base/crash_point.h"
#include "server/base/hand_off.h"
#include "server/base/status_macros.h"
#include "server/vault/row_key.h"

namespace holdfast::replication {
namespace {

// A batch is one transaction of the store, which costs little at this number of rows; a row may
// have 64 KiB and more.
constexpr size_t kBatchChanges = 512;
constexpr size_t kBatchBytes = 1 << 20;
constexpr size_t kBatchesMax = 8;  // a checkpoint, or a sync of somebody else, keeps one waiting
constexpr std::chrono::seconds kAliveEvery{1};  // while the last rows are waited for

// A snapshot is in no hurry: with the processor wanted elsewhere, reads and the log go first. Ten
// steps are a tenth of a usual thread's share, so it goes on under any load. It cannot be taken
// back: only for a thread that has no other work. No read waits for one of them; a grant, a denial
// and a checkpoint may, for a batch that is being stored.
constexpr int kNice = 10;
void GiveWay() {
  const auto self = static_cast<id_t>(gettid());
  // Refused, nothing is lost but the order.
  (void)setpriority(PRIO_PROCESS, self, getpriority(PRIO_PROCESS, self) + kNice);
}

struct Batch {
  std::vector<storage::StagedChange> changes;
  std::vector<Digest> macs;  // of the rows
  size_t bytes = 0;
};

}  // namespace

class SnapshotRows::Pipe {
 public:
  Pipe(const crypto::KeyRing& keys, std::unique_ptr<storage::StagedRows> staged)
      : keys_(keys),
        staged_(std::move(staged)),
        builder_(keys),
        to_store_(kBatchesMax),
        to_build_(kBatchesMax),
        storing_(staged_ ? std::thread([this] { Store(); }) : std::thread()),
        building_([this] { Build(); }) {}
  ~Pipe() {
    Join([] {}).IgnoreError();
  }

  absl::Status Apply(v1::RowChange& change) {
    storage::StagedChange& own = batch_.changes.emplace_back();
    Digest& mac = batch_.macs.emplace_back();
    if (change.has_put() && change.put().row_case() != v1::Row::ROW_NOT_SET) {
      own.row.Swap(change.mutable_put());
      own.key = vault::KeyOf(own.row);
      mac = MacOfRow(keys_, own.key.table(), vault::InnerOf(own.row));
      batch_.bytes += own.row.ByteSizeLong();
    } else if (change.has_delete_() && vault::ShapeOf(change.delete_().table()) != nullptr) {
      own.key.Swap(change.mutable_delete_());
    } else {
      batch_.changes.pop_back();
      batch_.macs.pop_back();
      return vault::UpgradeRequired("a kind of row change");
    }
    if (batch_.changes.size() < kBatchChanges && batch_.bytes < kBatchBytes) {
      return absl::OkStatus();
    }
    if (Push()) return absl::OkStatus();
    return Join([] {});
  }

  absl::Status Finish(const std::function<void()>& alive) {
    if (building_.joinable()) Push();
    HOLDFAST_RETURN_IF_ERROR(Join(alive));
    return builder_.Finish();
  }

  StateBuilder& builder() { return builder_; }
  storage::StagedRows* staged() const { return staged_.get(); }

 private:
  HandOff<Batch>& First() { return staged_ ? to_store_ : to_build_; }
  bool Push() { return First().Push(std::exchange(batch_, {})); }

  // From here on this thread has everything.
  absl::Status Join(const std::function<void()>& alive) {
    First().End();
    while (building_.joinable() && !BuiltWithin(kAliveEvery)) alive();
    if (storing_.joinable()) storing_.join();
    if (building_.joinable()) building_.join();
    return stored_.ok() ? built_ : stored_;
  }

  bool BuiltWithin(std::chrono::nanoseconds patience) {
    MutexLock lock(built_mu_);
    if (!all_built_) built_wake_.WaitFor(built_mu_, patience);
    return all_built_;
  }

  void Store() {
    GiveWay();
    while (std::optional<Batch> batch = to_store_.Pop()) {
      stored_ = staged_->Apply(batch->changes);
      if (!stored_.ok()) break;
      HOLDFAST_CRASH_POINT("snapshot.stage.after_rows");
      if (!to_build_.Push(*std::move(batch))) break;
    }
    to_store_.Close();
    to_build_.End();
  }

  void Build() {
    GiveWay();
    while (std::optional<Batch> batch = to_build_.Pop()) {
      for (size_t i = 0; i < batch->changes.size() && built_.ok(); ++i) {
        built_ = builder_.Apply(batch->changes[i], batch->macs[i]);
      }
      if (built_.ok()) continue;
      to_build_.Close();
      break;
    }
    MutexLock lock(built_mu_);
    all_built_ = true;
    built_wake_.NotifyAll();
  }

  const crypto::KeyRing& keys_;
  const std::unique_ptr<storage::StagedRows> staged_;
  Batch batch_;  // the caller's
  // Of the two threads, until they have ended.
  StateBuilder builder_;
  absl::Status stored_, built_;

  Mutex built_mu_;
  CondVar built_wake_;
  bool all_built_ ABSL_GUARDED_BY(built_mu_) = false;

  HandOff<Batch> to_store_, to_build_;
  std::thread storing_, building_;
};

SnapshotRows::SnapshotRows(const crypto::KeyRing& keys, std::unique_ptr<storage::StagedRows> staged)
    : pipe_(std::make_unique<Pipe>(keys, std::move(staged))) {}
SnapshotRows::~SnapshotRows() = default;
SnapshotRows::SnapshotRows(SnapshotRows&&) noexcept = default;
SnapshotRows& SnapshotRows::operator=(SnapshotRows&&) noexcept = default;

void SnapshotRows::MakeRoom(const TableSizes& sizes) { pipe_->builder().MakeRoom(sizes); }
absl::Status SnapshotRows::Apply(v1::RowChange& change) { return pipe_->Apply(change); }
absl::Status SnapshotRows::Finish(const std::function<void()>& alive) {
  return pipe_->Finish(alive);
}
const Digest& SnapshotRows::digest() const { return pipe_->builder().digest(); }
const vault::State& SnapshotRows::state() const { return pipe_->builder().state(); }
storage::StagedRows* SnapshotRows::staged() const { return pipe_->staged(); }
std::unique_ptr<vault::State> SnapshotRows::Take() { return pipe_->builder().Take(); }

}  // namespace holdfast::replication
