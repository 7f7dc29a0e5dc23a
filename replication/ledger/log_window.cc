#include "replication/ledger/log_window.h"

#include <fmt/format.h>

#include <utility>

#include "server/base/check.h"
#include "server/base/encoding.h"
#include "server/base/status_macros.h"
#include "server/crypto/record_chain.h"
#include "server/vault/row_key.h"

namespace holdfast::replication {
namespace {

absl::Status CheckChange(const v1::RowChange& change) {
  switch (change.change_case()) {
    case v1::RowChange::kPut:
      return vault::CheckRow(change.put());
    case v1::RowChange::kDelete:
      if (vault::ShapeOf(change.delete_().table()) == nullptr) {
        return vault::UpgradeRequired("a table");
      }
      return absl::OkStatus();
    case v1::RowChange::CHANGE_NOT_SET:
      break;
  }
  return vault::UpgradeRequired("a kind of row change");
}

bool IsKnown(v1::RecordKind kind) {
  return kind != v1::RECORD_KIND_UNSPECIFIED && v1::RecordKind_IsValid(kind);
}

absl::Status CheckRecord(const v1::Record& record) {
  if (vault::HasUnknownFields(record)) return vault::UpgradeRequired("a field of a record");
  if (!IsKnown(record.kind())) {
    return vault::UpgradeRequired(fmt::format("record kind {}", static_cast<int>(record.kind())));
  }
  if (vault::HasUnknownFields(record.hand_over())) {
    return vault::UpgradeRequired("a field of a hand-over record");
  }
  for (const v1::RowChange& change : record.changes()) {
    HOLDFAST_RETURN_IF_ERROR(CheckChange(change));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<WindowItem> ParseEntry(EntryPtr entry) {
  auto record = std::make_shared<v1::Record>();
  if (!record->ParseFromString(entry->record)) {
    return absl::DataLossError(fmt::format("entry {} does not hold a record", entry->seq));
  }
  HOLDFAST_RETURN_IF_ERROR(CheckRecord(*record));
  if (record->seq() != entry->seq || record->epoch().number() != entry->epoch.number ||
      record->epoch().node_id() != entry->epoch.node_id) {
    return absl::DataLossError(fmt::format(
        "entry {} of epoch {} holds the record {} of epoch {}@{}", entry->seq, ToText(entry->epoch),
        record->seq(), record->epoch().number(), record->epoch().node_id()));
  }
  return WindowItem{.entry = std::move(entry), .record = std::move(record)};
}

absl::StatusOr<std::vector<WindowItem>> CheckEntries(absl::Span<const EntryPtr> entries,
                                                     const Digest& previous,
                                                     const crypto::KeyRing& keys) {
  std::vector<WindowItem> items;
  items.reserve(entries.size());
  Digest before = previous;
  for (const EntryPtr& entry : entries) {
    HOLDFAST_RETURN_IF_ERROR(crypto::VerifyEntry(*entry, before, keys));
    HOLDFAST_ASSIGN_OR_RETURN(WindowItem item, ParseEntry(entry));
    items.push_back(std::move(item));
    before = entry->digest;
  }
  return items;
}

Digest MacOfRow(const crypto::KeyRing& keys, v1::Table table,
                const google::protobuf::Message& inner) {
  const char number = static_cast<char>(table);
  const std::string bytes = inner.SerializeAsString();
  return keys.StateDigestMac().Compute({std::string_view(&number, 1), bytes});
}

void LogWindow::Start(const EntryMeta& after, const Digest& state_digest) {
  after_ = after;
  state_digest_ = state_digest;
  items_.clear();
}

void LogWindow::Push(WindowItem item) {
  HOLDFAST_CHECK(item.entry->seq == head_seq() + 1);
  items_.push_back(std::move(item));
}

void LogWindow::CutAfter(uint64_t seq) {
  HOLDFAST_CHECK(seq >= after_.seq);
  while (head_seq() > seq) items_.pop_back();
}

void LogWindow::RowsStored(uint64_t seq) {
  const Digest state_digest = StateDigestAt(seq);
  const EntryMeta after = MetaAt(seq);
  items_.erase(items_.begin(), items_.begin() + static_cast<ptrdiff_t>(seq - after_.seq));
  state_digest_ = state_digest;
  after_ = after;
}

EntryMeta LogWindow::head() const { return items_.empty() ? after_ : MetaOf(*items_.back().entry); }

EntryMeta LogWindow::MetaAt(uint64_t seq) const {
  HOLDFAST_CHECK(seq >= after_.seq && seq <= head_seq());
  return seq == after_.seq ? after_ : MetaOf(*at(seq).entry);
}

Digest LogWindow::StateDigestAt(uint64_t seq) const {
  StateDigest digest(state_digest_);
  for (uint64_t s = after_.seq + 1; s <= seq; ++s) digest.Add(at(s).digest_change);
  return digest.value();
}

absl::StatusOr<Digest> DigestChange(
    const vault::StateReader& state, const v1::Record& record, const crypto::KeyRing& keys,
    const std::function<absl::Status(const v1::RowChange&)>& apply) {
  StateDigest sum;
  for (const v1::RowChange& change : record.changes()) {
    const v1::RowKey key = change.has_put() ? vault::KeyOf(change.put()) : change.delete_();
    if (const google::protobuf::Message* old = state.Find(key)) {
      sum.Remove(MacOfRow(keys, key.table(), *old));
    }
    if (change.has_put()) {
      sum.Add(MacOfRow(keys, key.table(), vault::InnerOf(change.put())));
    }
    HOLDFAST_RETURN_IF_ERROR(apply(change));
  }
  return sum.value();
}

}  // namespace holdfast::replication
