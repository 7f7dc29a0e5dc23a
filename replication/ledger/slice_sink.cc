#include "replication/ledger/slice_sink.h"

#include <optional>
#include <utility>

namespace holdfast::replication {
namespace {

constexpr size_t kSlicesMax = 4;

}  // namespace

SliceSink::SliceSink(Each each) : each_(each), full_(kSlicesMax), spare_(kSlicesMax + 1) {
  for (size_t i = 0; i < kSlicesMax; ++i) spare_.Push({});
  thread_ = std::thread([this] { Run(); });
}

SliceSink::~SliceSink() { Finish().IgnoreError(); }

void SliceSink::Run() {
  while (std::optional<Slice> slice = full_.Pop()) {
    for (size_t i = 0; i < slice->used && status_.ok(); ++i) status_ = each_(slice->changes[i]);
    if (!status_.ok()) break;
    spare_.Push(std::move(slice->changes));
  }
  full_.Close();
  spare_.End();
}

absl::Status SliceSink::Give(std::vector<v1::RowChange>& slice, size_t used) {
  if (!full_.Push({std::move(slice), used})) return Finish();
  std::optional<std::vector<v1::RowChange>> spare = spare_.Pop();
  if (!spare) return Finish();
  slice = *std::move(spare);
  return absl::OkStatus();
}

absl::Status SliceSink::Finish() {
  if (thread_.joinable()) {
    full_.End();
    thread_.join();
  }
  return status_;
}

}  // namespace holdfast::replication
