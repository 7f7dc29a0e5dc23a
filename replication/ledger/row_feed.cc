#include "replication/ledger/row_feed.h"

#include <utility>

namespace holdfast::replication {
namespace {

// Enough for one hand-off to cost nothing; a row may have 64 KiB and more.
constexpr size_t kBatchRows = 64;
constexpr size_t kBatchesMax = 4;

}  // namespace

RowFeed::RowFeed(const vault::State& state)
    : batches_(kBatchesMax), walker_([this, &state] { Walk(state); }) {}

RowFeed::~RowFeed() {
  batches_.Close();
  walker_.join();
}

void RowFeed::Walk(const vault::State& state) {
  vault::RowWalk walk(state);
  Batch batch;
  while (std::optional<v1::Row> row = walk.Next()) {
    batch.push_back(*std::move(row));
    if (batch.size() < kBatchRows) continue;
    if (!batches_.Push(std::exchange(batch, {}))) return;
  }
  batches_.Push(std::move(batch));
  batches_.End();
}

std::optional<v1::Row> RowFeed::Next() {
  while (at_ == batch_.size()) {
    std::optional<Batch> more = batches_.Pop();
    if (!more) return std::nullopt;
    batch_ = *std::move(more);
    at_ = 0;
  }
  return std::move(batch_[at_++]);
}

}  // namespace holdfast::replication
