#include "server/vault/pending_state.h"

#include <array>
#include <deque>
#include <map>
#include <string>
#include <utility>

#include "absl/container/btree_set.h"
#include "absl/container/flat_hash_map.h"
#include "fmt/format.h"
#include "server/base/check.h"
#include "server/base/status_macros.h"
#include "server/vault/request_key_index.h"
#include "server/vault/unique_index.h"

namespace holdfast::vault {

using google::protobuf::Message;

// What lies over the base: for every key that a pending change touched, the row as the last change
// left it. A key that is here hides the row of the base, so nothing need be known about the base.
struct PendingState::Rep {
  struct Entry {
    std::unique_ptr<Message> row;  // nullptr: deleted
    uint64_t seq = 0;              // of the last change
  };
  struct Table {
    absl::flat_hash_map<uint64_t, Entry> numbered;
    std::map<std::string, Entry, std::less<>> named;
  };
  struct Touched {
    uint64_t seq;
    v1::RowKey key;
  };

  Entry* Find(const v1::RowKey& key);
  void Set(const v1::RowKey& key, uint64_t seq, std::unique_ptr<Message> row);
  void Drop(const v1::RowKey& key);
  void Link(const v1::RowKey& key, const Message& row);
  void Unlink(const v1::RowKey& key, const Message& row);
  UniqueIndex& UniqueAt(Unique unique);

  std::array<Table, kTableMax + 1> tables;
  std::array<absl::btree_set<std::pair<uint64_t, uint64_t>>, kListCount> lists;  // of, id
  // Made when first needed: a plan makes a PendingState, and most touch one table or two.
  std::array<std::unique_ptr<UniqueIndex>, kUniqueCount> uniques;
  RequestKeyIndex request_keys;
  std::deque<Touched> order;  // by seq
};

PendingState::Rep::Entry* PendingState::Rep::Find(const v1::RowKey& key) {
  Table& table = tables[key.table()];
  if (ShapeOf(key.table())->named) {
    const auto it = table.named.find(key.name());
    return it == table.named.end() ? nullptr : &it->second;
  }
  const auto it = table.numbered.find(key.id());
  return it == table.numbered.end() ? nullptr : &it->second;
}

UniqueIndex& PendingState::Rep::UniqueAt(Unique unique) {
  auto& index = uniques[static_cast<int>(unique)];
  if (index == nullptr) index = std::make_unique<UniqueIndex>(unique);
  return *index;
}

void PendingState::Rep::Link(const v1::RowKey& key, const Message& row) {
  if (const auto unique = UniqueOf(key.table()); unique.has_value()) UniqueAt(*unique).Insert(&row);
  if (key.table() == v1::TABLE_REQUEST_KEY) request_keys.Insert(row);
  ForEachListOf(key.table(), row, [&](List list, uint64_t of) {
    lists[static_cast<int>(list)].emplace(of, key.id());
  });
}

void PendingState::Rep::Unlink(const v1::RowKey& key, const Message& row) {
  if (const auto unique = UniqueOf(key.table()); unique.has_value()) UniqueAt(*unique).Erase(&row);
  if (key.table() == v1::TABLE_REQUEST_KEY) request_keys.Erase(row);
  ForEachListOf(key.table(), row, [&](List list, uint64_t of) {
    lists[static_cast<int>(list)].erase({of, key.id()});
  });
}

void PendingState::Rep::Set(const v1::RowKey& key, uint64_t seq, std::unique_ptr<Message> row) {
  Table& table = tables[key.table()];
  Entry& entry = ShapeOf(key.table())->named ? table.named[key.name()] : table.numbered[key.id()];
  if (entry.row != nullptr) Unlink(key, *entry.row);
  entry.row = std::move(row);
  entry.seq = seq;
  if (entry.row != nullptr) Link(key, *entry.row);
  order.push_back({seq, key});
}

void PendingState::Rep::Drop(const v1::RowKey& key) {
  Entry* entry = Find(key);
  if (entry->row != nullptr) Unlink(key, *entry->row);
  Table& table = tables[key.table()];
  if (ShapeOf(key.table())->named) {
    table.named.erase(key.name());
  } else {
    table.numbered.erase(key.id());
  }
}

PendingState::PendingState(const StateReader& base) : base_(base), rep_(std::make_unique<Rep>()) {}

PendingState::~PendingState() = default;

absl::Status PendingState::Apply(uint64_t seq, const v1::RowChange& change) {
  HOLDFAST_CHECK(rep_->order.empty() || rep_->order.back().seq <= seq);
  if (HasUnknownFields(change)) return UpgradeRequired("a change");
  if (change.has_put()) {
    const v1::Row& row = change.put();
    HOLDFAST_RETURN_IF_ERROR(CheckRow(row));
    const Message& inner = InnerOf(row);
    const v1::RowKey key = KeyOf(row);
    // What changes nearly always keeps its name: then nobody else can have it.
    const Message* old = Find(key);
    if (old == nullptr || !HaveOneUniqueValue(key.table(), *old, inner)) {
      HOLDFAST_RETURN_IF_ERROR(CheckClash(*this, row));
    }
    std::unique_ptr<Message> copy(inner.New());
    copy->MergeFrom(inner);  // As CopyInto has it.
    rep_->Set(key, seq, std::move(copy));
    return absl::OkStatus();
  }
  if (!change.has_delete_()) return UpgradeRequired("a change of another kind");
  const v1::RowKey& key = change.delete_();
  const TableShape* shape = ShapeOf(key.table());
  if (shape == nullptr || HasUnknownFields(key)) return UpgradeRequired("a deletion");
  const Message* row = Find(key);
  if (row == nullptr) {
    return absl::DataLossError(fmt::format("{} is to be deleted and is not there", KeyText(key)));
  }
  rep_->Set(KeyOf(*shape, *row), seq, nullptr);
  return absl::OkStatus();
}

void PendingState::Forget(uint64_t seq) {
  auto& order = rep_->order;
  while (!order.empty() && order.front().seq <= seq) {
    const Rep::Entry* entry = rep_->Find(order.front().key);
    // A key that was touched twice was dropped already, or is kept for a later change.
    if (entry != nullptr && entry->seq <= seq) rep_->Drop(order.front().key);
    order.pop_front();
  }
}

void PendingState::Clear() { rep_ = std::make_unique<Rep>(); }

bool PendingState::empty() const { return rep_->order.empty(); }

const Message* PendingState::FindNumbered(v1::Table table, uint64_t id) const {
  if (ShapeOf(table) == nullptr) return nullptr;
  const auto& numbered = rep_->tables[table].numbered;
  const auto it = numbered.find(id);
  return it == numbered.end() ? base_.FindNumbered(table, id) : it->second.row.get();
}

const Message* PendingState::FindNamed(v1::Table table, std::string_view name) const {
  if (ShapeOf(table) == nullptr) return nullptr;
  const auto& named = rep_->tables[table].named;
  const auto it = named.find(name);
  return it == named.end() ? base_.FindNamed(table, name) : it->second.row.get();
}

const Message* PendingState::FindUnique(Unique unique, const UniqueKey& key) const {
  const v1::Table table = TableOf(unique);
  const auto& index = rep_->uniques[static_cast<int>(unique)];
  if (index != nullptr) {
    if (const Message* row = index->Find(key); row != nullptr) return row;
  }
  const Message* row = base_.FindUnique(unique, key);
  if (row == nullptr) return nullptr;
  // A row that was touched and is not in our index has another value by now, or is gone.
  const uint64_t id = KeyOf(*ShapeOf(table), *row).id();
  return rep_->tables[table].numbered.contains(id) ? nullptr : row;
}

bool PendingState::ForEachId(List list, uint64_t of, uint64_t after,
                             absl::FunctionRef<bool(uint64_t id)> visit) const {
  const auto& hidden = rep_->tables[TableOf(list)].numbered;
  if (hidden.empty()) return base_.ForEachId(list, of, after, visit);
  const auto& ours = rep_->lists[static_cast<int>(list)];
  auto next = ours.upper_bound({of, after});
  const auto visit_ours_below = [&](uint64_t bound) {
    for (; next != ours.end() && next->first == of && next->second < bound; ++next) {
      if (!visit(next->second)) return false;
    }
    return true;
  };
  const bool whole = base_.ForEachId(list, of, after, [&](uint64_t id) {
    if (!visit_ours_below(id)) return false;
    return hidden.contains(id) || visit(id);
  });
  if (!whole) return false;
  for (; next != ours.end() && next->first == of; ++next) {
    if (!visit(next->second)) return false;
  }
  return true;
}

bool PendingState::ForEachName(v1::Table table,
                               absl::FunctionRef<bool(const std::string& name)> visit) const {
  if (ShapeOf(table) == nullptr) return true;
  const auto& ours = rep_->tables[table].named;
  auto next = ours.begin();
  const auto visit_next = [&] {
    const auto& [name, entry] = *next++;
    return entry.row == nullptr || visit(name);
  };
  const bool whole = base_.ForEachName(table, [&](const std::string& name) {
    while (next != ours.end() && next->first < name) {
      if (!visit_next()) return false;
    }
    return ours.contains(name) || visit(name);
  });
  if (!whole) return false;
  while (next != ours.end()) {
    if (!visit_next()) return false;
  }
  return true;
}

size_t PendingState::Count(List list, uint64_t of) const {
  const v1::Table table = TableOf(list);
  const auto& hidden = rep_->tables[table].numbered;
  size_t count = base_.Count(list, of);
  if (hidden.empty()) return count;
  if (count <= hidden.size()) {  // Walking the base is the shorter way.
    count = 0;
    base_.ForEachId(list, of, /*after=*/0, [&](uint64_t id) {
      if (!hidden.contains(id)) ++count;
      return true;
    });
  } else {
    for (const auto& [id, entry] : hidden) {
      const Message* below = base_.FindNumbered(table, id);
      if (below == nullptr) continue;
      ForEachListOf(table, *below, [&](List its_list, uint64_t its_of) {
        if (its_list == list && its_of == of) --count;
      });
    }
  }
  const auto& ours = rep_->lists[static_cast<int>(list)];
  for (auto it = ours.lower_bound({of, 0}); it != ours.end() && it->first == of; ++it) ++count;
  return count;
}

size_t PendingState::RowCount(v1::Table table) const {
  if (ShapeOf(table) == nullptr) return 0;
  size_t count = base_.RowCount(table);
  const auto weigh = [&](const Message* below, const Rep::Entry& entry) {
    if (below != nullptr) --count;
    if (entry.row != nullptr) ++count;
  };
  for (const auto& [id, entry] : rep_->tables[table].numbered) {
    weigh(base_.FindNumbered(table, id), entry);
  }
  for (const auto& [name, entry] : rep_->tables[table].named) {
    weigh(base_.FindNamed(table, name), entry);
  }
  return count;
}

bool PendingState::HasPending(v1::Table table) const {
  if (ShapeOf(table) == nullptr) return false;
  const Rep::Table& ours = rep_->tables[table];
  return !ours.named.empty() || !ours.numbered.empty() || base_.HasPending(table);
}

bool PendingState::ForEachRequestKey(
    absl::FunctionRef<bool(int64_t expires_ms, const std::string& id)> visit) const {
  const auto& hidden = rep_->tables[v1::TABLE_REQUEST_KEY].named;
  const auto& ours = rep_->request_keys.by_expiry();
  auto next = ours.begin();
  const bool whole = base_.ForEachRequestKey([&](int64_t expires_ms, const std::string& id) {
    for (; next != ours.end() && *next < std::pair(expires_ms, id); ++next) {
      if (!visit(next->first, next->second)) return false;
    }
    return hidden.contains(id) || visit(expires_ms, id);
  });
  if (!whole) return false;
  for (; next != ours.end(); ++next) {
    if (!visit(next->first, next->second)) return false;
  }
  return true;
}

size_t PendingState::RequestKeyCount(uint64_t user_id) const {
  size_t count = base_.RequestKeyCount(user_id) + rep_->request_keys.Count(user_id);
  for (const auto& [id, entry] : rep_->tables[v1::TABLE_REQUEST_KEY].named) {
    const v1::RequestKeyRow* below = base_.FindRequestKey(id);
    if (below != nullptr && below->user_id() == user_id) --count;
  }
  return count;
}

size_t PendingState::RequestKeysAtMost(uint64_t user_id) const {
  return base_.RequestKeysAtMost(user_id) + rep_->request_keys.Count(user_id);
}

}  // namespace holdfast::vault
