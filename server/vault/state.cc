#include "server/vault/state.h"

#include <algorithm>

#include "absl/container/inlined_vector.h"
#include "fmt/format.h"
#include "server/base/check.h"
#include "server/base/status_macros.h"

namespace holdfast::vault {

using google::protobuf::Message;

State::State() {
  uniques_.reserve(kUniqueCount);
  for (int i = 0; i < kUniqueCount; ++i) uniques_.emplace_back(static_cast<Unique>(i));
}

State::~State() = default;

absl::Status State::Apply(const v1::RowChange& change) {
  if (HasUnknownFields(change)) return UpgradeRequired("a change");
  switch (change.change_case()) {
    case v1::RowChange::kPut:
      return Put(change.put());
    case v1::RowChange::kDelete:
      return Delete(change.delete_());
    case v1::RowChange::CHANGE_NOT_SET:
      return UpgradeRequired("a change of another kind");
  }
  return UpgradeRequired("a change of another kind");
}

absl::Status State::Put(v1::Row row) {
  HOLDFAST_RETURN_IF_ERROR(CheckRow(row));
  const TableShape& shape = *ShapeOf(static_cast<v1::Table>(row.row_case()));
  const v1::RowKey key = KeyOf(row);
  // What most writes are: another secret, the same name and owner. No index is touched, and the row
  // stays where they point to.
  if (auto* old = const_cast<Message*>(Find(key)); old != nullptr) {  // a row of our own
    Message* fresh = row.GetReflection()->MutableMessage(&row, shape.row_field);
    if (StandsAlike(shape, *old, *fresh)) {
      old->GetReflection()->Swap(old, fresh);
      return absl::OkStatus();
    }
  }
  HOLDFAST_RETURN_IF_ERROR(CheckClash(*this, row));
  MessagePtr& slot = *SlotOf(shape, key);
  if (slot != nullptr) Unlink(shape, key, *slot);
  slot.reset(row.GetReflection()->ReleaseMessage(&row, shape.row_field));
  Link(shape, key, *slot);
  return absl::OkStatus();
}

absl::Status State::Delete(const v1::RowKey& key) {
  const TableShape* shape = ShapeOf(key.table());
  if (shape == nullptr || HasUnknownFields(key)) return UpgradeRequired("a deletion");
  const Message* row = Find(key);
  if (row == nullptr) {
    return absl::DataLossError(fmt::format("{} is to be deleted and is not there", KeyText(key)));
  }
  Unlink(*shape, key, *row);
  Table& table = tables_[key.table()];
  if (shape->named) {
    table.named.erase(key.name());
  } else {
    table.numbered[key.id() % kShards].erase(key.id());
  }
  return absl::OkStatus();
}

bool State::StandsAlike(const TableShape& shape, const Message& old, const Message& fresh) {
  if (shape.table == v1::TABLE_REQUEST_KEY) return false;  // stands by its expiry too
  if (!HaveOneUniqueValue(shape.table, old, fresh)) return false;
  absl::InlinedVector<std::pair<List, uint64_t>, 4> before, after;
  ForEachListOf(shape.table, old, [&](List list, uint64_t of) { before.emplace_back(list, of); });
  ForEachListOf(shape.table, fresh, [&](List list, uint64_t of) { after.emplace_back(list, of); });
  return before == after;
}

State::MessagePtr* State::SlotOf(const TableShape& shape, const v1::RowKey& key) {
  Table& table = tables_[shape.table];
  return shape.named ? &table.named[key.name()] : &table.numbered[key.id() % kShards][key.id()];
}

void State::Link(const TableShape& shape, const v1::RowKey& key, const Message& row) {
  if (const auto unique = UniqueOf(shape.table); unique.has_value()) {
    uniques_[static_cast<int>(*unique)].Insert(&row);
  }
  if (shape.table == v1::TABLE_REQUEST_KEY) request_keys_.Insert(row);
  ForEachListOf(shape.table, row, [&](List list, uint64_t of) {
    ListIndex& index = lists_[static_cast<int>(list)];
    index.entries.emplace(of, key.id());
    if (IsCounted(list)) ++index.counts[of];
  });
}

void State::Unlink(const TableShape& shape, const v1::RowKey& key, const Message& row) {
  if (const auto unique = UniqueOf(shape.table); unique.has_value()) {
    uniques_[static_cast<int>(*unique)].Erase(&row);
  }
  if (shape.table == v1::TABLE_REQUEST_KEY) request_keys_.Erase(row);
  ForEachListOf(shape.table, row, [&](List list, uint64_t of) {
    ListIndex& index = lists_[static_cast<int>(list)];
    index.entries.erase({of, key.id()});
    if (!IsCounted(list)) return;
    const auto count = index.counts.find(of);
    HOLDFAST_CHECK(count != index.counts.end());
    if (--count->second == 0) index.counts.erase(count);
  });
}

bool State::IsCounted(List list) {
  // Those that may be long while few things have one; the others are counted by walking.
  return list == List::kUsersOfOrganization || list == List::kResourcesOfOrganization ||
         list == List::kResourcesOfOwner || list == List::kAccountsOfOwner;
}

const State::Table* State::TableAt(v1::Table table) const {
  return ShapeOf(table) == nullptr ? nullptr : &tables_[table];
}

const Message* State::FindNumbered(v1::Table table, uint64_t id) const {
  const Table* at = TableAt(table);
  if (at == nullptr) return nullptr;
  const auto& shard = at->numbered[id % kShards];
  const auto it = shard.find(id);
  return it == shard.end() ? nullptr : it->second.get();
}

const Message* State::FindNamed(v1::Table table, std::string_view name) const {
  const Table* at = TableAt(table);
  if (at == nullptr) return nullptr;
  const auto it = at->named.find(name);
  return it == at->named.end() ? nullptr : it->second.get();
}

const Message* State::FindUnique(Unique unique, const UniqueKey& key) const {
  return uniques_[static_cast<int>(unique)].Find(key);
}

bool State::ForEachId(List list, uint64_t of, uint64_t after,
                      absl::FunctionRef<bool(uint64_t id)> visit) const {
  const auto& entries = lists_[static_cast<int>(list)].entries;
  for (auto it = entries.upper_bound({of, after}); it != entries.end() && it->first == of; ++it) {
    if (!visit(it->second)) return false;
  }
  return true;
}

bool State::ForEachName(v1::Table table,
                        absl::FunctionRef<bool(const std::string& name)> visit) const {
  const Table* at = TableAt(table);
  if (at == nullptr) return true;
  for (const auto& [name, row] : at->named) {
    if (!visit(name)) return false;
  }
  return true;
}

size_t State::Count(List list, uint64_t of) const {
  if (!IsCounted(list)) {
    size_t count = 0;
    ForEachId(list, of, /*after=*/0, [&count](uint64_t) { return ++count > 0; });
    return count;
  }
  const auto& counts = lists_[static_cast<int>(list)].counts;
  const auto it = counts.find(of);
  return it == counts.end() ? 0 : it->second;
}

std::optional<v1::Row> State::FindRow(const v1::RowKey& key) const {
  const Message* inner = Find(key);
  if (inner == nullptr) return std::nullopt;
  v1::Row row;
  CopyInto(row, *ShapeOf(key.table()), *inner);
  return row;
}

void State::ForEachRow(const std::function<void(const v1::Row&)>& visit) const {
  v1::Row row;
  const auto show = [&](const TableShape& shape, const Message& inner) {
    CopyInto(row, shape, inner);
    visit(row);
  };
  std::vector<uint64_t> ids;
  for (int number = 1; number <= kTableMax; ++number) {
    const TableShape* shape = ShapeOf(static_cast<v1::Table>(number));
    if (shape == nullptr) continue;
    for (const auto& [name, inner] : tables_[number].named) show(*shape, *inner);
    ids.clear();
    for (const auto& shard : tables_[number].numbered) {
      for (const auto& [id, inner] : shard) ids.push_back(id);
    }
    std::sort(ids.begin(), ids.end());
    for (const uint64_t id : ids) show(*shape, *FindNumbered(shape->table, id));
  }
}

void State::CollectIds(v1::Table table, size_t part, std::vector<uint64_t>& ids) const {
  const Table* at = TableAt(table);
  if (at == nullptr) return;
  for (const auto& [id, inner] : at->numbered[part]) ids.push_back(id);
}

size_t State::RowCount(v1::Table table) const {
  const Table* at = TableAt(table);
  if (at == nullptr) return 0;
  size_t count = at->named.size();
  for (const auto& shard : at->numbered) count += shard.size();
  return count;
}

size_t State::RowCount() const {
  size_t count = 0;
  for (int number = 1; number <= kTableMax; ++number) {
    count += RowCount(static_cast<v1::Table>(number));
  }
  return count;
}

bool State::ForEachRequestKey(
    absl::FunctionRef<bool(int64_t expires_ms, const std::string& id)> visit) const {
  for (const auto& [expires_ms, id] : request_keys_.by_expiry()) {
    if (!visit(expires_ms, id)) return false;
  }
  return true;
}

size_t State::RequestKeyCount(uint64_t user_id) const { return request_keys_.Count(user_id); }

void State::Reserve(v1::Table table, size_t rows) {
  const TableShape* shape = ShapeOf(table);
  if (shape == nullptr || shape->named) return;
  for (auto& shard : tables_[table].numbered) shard.reserve(rows / kShards + 1);
  if (const auto unique = UniqueOf(table); unique.has_value()) {
    uniques_[static_cast<int>(*unique)].Reserve(rows);
  }
}

void State::Clear() {
  for (UniqueIndex& unique : uniques_) unique.Clear();  // Before the rows that it points to.
  for (ListIndex& list : lists_) list = ListIndex();
  request_keys_ = RequestKeyIndex();
  for (Table& table : tables_) table = Table();
}

bool RowWalk::NextTable() {
  if (table_ == kTableMax) return false;
  const auto table = static_cast<v1::Table>(++table_);
  ids_.clear();
  names_.clear();
  at_ = 0;
  state_.ForEachName(table, [this](const std::string& name) {
    names_.push_back(name);
    return true;
  });
  for (size_t part = 0; part < State::kParts; ++part) state_.CollectIds(table, part, ids_);
  std::sort(ids_.begin(), ids_.end());
  return true;
}

std::optional<v1::Row> RowWalk::Next() {
  while (at_ == ids_.size() + names_.size()) {
    if (!NextTable()) return std::nullopt;
  }
  const auto table = static_cast<v1::Table>(table_);
  const Message* inner =
      names_.empty() ? state_.FindNumbered(table, ids_[at_]) : state_.FindNamed(table, names_[at_]);
  ++at_;
  std::optional<v1::Row> row(std::in_place);
  CopyInto(*row, *ShapeOf(table), *inner);
  return row;
}

}  // namespace holdfast::vault
