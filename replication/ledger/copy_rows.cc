#include <algorithm>
#include <memory>
#include <utility>

#include "replication/core/history.h"
#include "replication/ledger/ledger.h"
#include "replication/ledger/slice_sink.h"
#include "server/base/status_macros.h"
#include "server/vault/row_key.h"

namespace holdfast::replication {
namespace {

constexpr size_t kSliceRows = 256;    // under one reader lock: a fraction of a millisecond
constexpr size_t kLastKeysMax = 256;  // written with readers and writers kept out
constexpr size_t kLargeRows = 4096;   // in a table that a follower makes room for
constexpr int kRoundsMax = 32;        // of what changed meanwhile, each shorter than the last

}  // namespace

// Rows on their way from the state to the sink: filled under the lock, given without it.
class Ledger::Slice {
 public:
  explicit Slice(ChangeSink sink) : sink_(sink) {}
  void Put(const vault::TableShape& shape, const google::protobuf::Message& inner) {
    vault::CopyInto(*Next().mutable_put(), shape, inner);
  }
  // The row as it is by now, or that it is gone.
  void Take(const vault::State& state, const v1::RowKey& key) {
    if (const google::protobuf::Message* inner = state.Find(key)) {
      Put(*vault::ShapeOf(key.table()), *inner);
    } else {
      *Next().mutable_delete_() = key;
    }
  }
  // Those of `ids` that are there. First all are looked up: so the memory is not waited for one
  // after the other.
  void PutAll(const vault::State& state, const vault::TableShape& shape,
              absl::Span<const uint64_t> ids) {
    found_.clear();
    for (const uint64_t id : ids) {
      const google::protobuf::Message* inner = state.FindNumbered(shape.table, id);
      __builtin_prefetch(inner);
      if (inner != nullptr) found_.push_back(inner);
    }
    for (const google::protobuf::Message* inner : found_) Put(shape, *inner);
  }
  absl::Status Give() {
    given_ += used_;
    return sink_.Give(changes_, std::exchange(used_, 0));
  }
  absl::Status Finish() { return sink_.Finish(); }
  uint64_t given() const { return given_; }

 private:
  v1::RowChange& Next() {
    if (used_ == changes_.size()) changes_.emplace_back();
    return changes_[used_++];
  }
  SliceSink sink_;
  std::vector<v1::RowChange> changes_;
  std::vector<const google::protobuf::Message*> found_;
  size_t used_ = 0;
  uint64_t given_ = 0;
};

absl::StatusOr<SnapshotPoint> Ledger::CopyRows(ChangeSink sink, bool with_start) {
  MutexLock one_at_a_time(copy_mu_);
  struct Noting {  // ends with the copy, however that ends
    Ledger& ledger;
    explicit Noting(Ledger& of) : ledger(of) {
      WriterLock lock(ledger.state_mu_);
      ledger.changed_.emplace();
    }
    ~Noting() {
      WriterLock lock(ledger.state_mu_);
      ledger.changed_.reset();
    }
  } noting(*this);
  const TableSizes tables = LargeTables();
  Slice slice(sink);
  for (int number = 1; number <= vault::kTableMax; ++number) {
    HOLDFAST_RETURN_IF_ERROR(CopyTable(static_cast<v1::Table>(number), slice));
  }
  SnapshotPoint point;
  for (int round = 0; point.seq == 0; ++round) {
    ChangedKeys keys;
    {
      WriterLock lock(state_mu_);
      HOLDFAST_RETURN_IF_ERROR(CheckCopied());
      if (changed_->size() <= kLastKeysMax || round == kRoundsMax) {
        const vault::State& state = *state_;
        changed_->ForEach([&](const v1::RowKey& key) { slice.Take(state, key); });
        if (shown_.seq == 0) return absl::FailedPreconditionError("there is no state to copy yet");
        point = {.last_epoch = shown_.epoch,
                 .seq = shown_.seq,
                 .digest = shown_.digest,
                 .state_digest = shown_state_digest_};
      } else {
        std::swap(keys, *changed_);
      }
    }
    HOLDFAST_RETURN_IF_ERROR(CopyChanged(keys, slice));
  }
  HOLDFAST_RETURN_IF_ERROR(slice.Finish());
  point.changes = slice.given();
  point.tables = tables;
  if (with_start) HOLDFAST_RETURN_IF_ERROR(CopyPending(point, sink));
  MutexLock lock(mu_);
  if (point.seq == unconfirmed_seq_) point.pending = true;
  point.history = HistoryUpTo(track_->history(), point.seq);
  return point;
}

// What is pending behind `point` up to the record that our epoch begins with. Nothing, when that
// was committed meanwhile.
absl::Status Ledger::CopyPending(SnapshotPoint& point, ChangeSink sink) {
  std::vector<std::shared_ptr<const v1::Record>> records;
  RunOnWriter([&] {
    {
      ReaderLock lock(state_mu_);
      if (shown_.seq != point.seq) return;
    }
    MutexLock lock(mu_);
    if (rule_ == nullptr || epoch_start_seq_ <= point.seq) return;
    if (track_->durable_seq() < epoch_start_seq_) return;
    for (uint64_t seq = point.seq + 1; seq <= epoch_start_seq_; ++seq) {
      records.push_back(window_.at(seq).record);
    }
    const EntryMeta at = window_.MetaAt(epoch_start_seq_);
    point.last_epoch = at.epoch;
    point.seq = at.seq;
    point.digest = at.digest;
    point.state_digest = window_.StateDigestAt(at.seq);
    point.pending = true;
  });
  for (const auto& record : records) {
    for (const v1::RowChange& change : record->changes()) {
      HOLDFAST_RETURN_IF_ERROR(sink(change));
      ++point.changes;
    }
  }
  return absl::OkStatus();
}

TableSizes Ledger::LargeTables() const {
  TableSizes large;
  ReaderLock lock(state_mu_);
  for (int number = 1; number <= vault::kTableMax; ++number) {
    const auto table = static_cast<v1::Table>(number);
    if (const size_t rows = state_->RowCount(table); rows >= kLargeRows) {
      large.emplace_back(table, rows);
    }
  }
  return large;
}

absl::Status Ledger::CheckCopied() const {
  if (!changed_->replaced()) return absl::OkStatus();
  return absl::AbortedError("the state was replaced while it was copied");
}

// Rows that come meanwhile are noted as changed; those that go are passed over, and noted too.
absl::Status Ledger::CopyTable(v1::Table table, Slice& slice) {
  const vault::TableShape* shape = vault::ShapeOf(table);
  if (shape == nullptr) return absl::OkStatus();
  if (shape->named) {
    std::vector<std::string> names;
    {
      ReaderLock lock(state_mu_);
      state_->ForEachName(table, [&](const std::string& name) {
        names.push_back(name);
        return true;
      });
    }
    for (size_t at = 0; at < names.size();) {
      {
        ReaderLock lock(state_mu_);
        HOLDFAST_RETURN_IF_ERROR(CheckCopied());
        for (const size_t end = std::min(at + kSliceRows, names.size()); at < end; ++at) {
          if (const auto* row = state_->FindNamed(table, names[at])) slice.Put(*shape, *row);
        }
      }
      HOLDFAST_RETURN_IF_ERROR(slice.Give());
    }
    return absl::OkStatus();
  }
  HOLDFAST_ASSIGN_OR_RETURN(const std::vector<uint64_t> ids, IdsOf(table));
  for (size_t at = 0; at < ids.size();) {
    {
      ReaderLock lock(state_mu_);
      HOLDFAST_RETURN_IF_ERROR(CheckCopied());
      const auto some = absl::MakeSpan(ids).subspan(at, kSliceRows);
      slice.PutAll(*state_, *shape, some);
      at += some.size();
    }
    HOLDFAST_RETURN_IF_ERROR(slice.Give());
  }
  return absl::OkStatus();
}

// Sorted: the follower's store takes rows in the order of keys fastest.
absl::StatusOr<std::vector<uint64_t>> Ledger::IdsOf(v1::Table table) const {
  std::vector<uint64_t> ids;
  for (size_t part = 0; part < vault::State::kParts; ++part) {
    ReaderLock lock(state_mu_);
    HOLDFAST_RETURN_IF_ERROR(CheckCopied());
    state_->CollectIds(table, part, ids);
  }
  std::sort(ids.begin(), ids.end());
  return ids;
}

absl::Status Ledger::CopyChanged(const ChangedKeys& keys, Slice& slice) {
  HOLDFAST_RETURN_IF_ERROR(slice.Give());
  std::vector<v1::RowKey> all;
  all.reserve(keys.size());
  keys.ForEach([&](const v1::RowKey& key) { all.push_back(key); });
  for (size_t at = 0; at < all.size();) {
    {
      ReaderLock lock(state_mu_);
      HOLDFAST_RETURN_IF_ERROR(CheckCopied());
      for (const size_t end = std::min(at + kSliceRows, all.size()); at < end; ++at) {
        slice.Take(*state_, all[at]);
      }
    }
    HOLDFAST_RETURN_IF_ERROR(slice.Give());
  }
  return absl::OkStatus();
}

uint64_t Ledger::rows() const {
  ReaderLock lock(state_mu_);
  return state_->RowCount();
}

}  // namespace holdfast::replication
