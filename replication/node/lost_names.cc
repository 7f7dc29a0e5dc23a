#include "replication/node/lost_names.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "server/base/encoding.h"
#include "server/vault/row_key.h"

namespace holdfast::replication {
namespace {

constexpr size_t kPageRecords = 512;
constexpr size_t kPageBytes = 4 << 20;

bool IsNamed(int table) {
  return table == v1::TABLE_USER || table == v1::TABLE_SSH_KEY || table == v1::TABLE_TOKEN ||
         table == v1::TABLE_RESOURCE || table == v1::TABLE_ACCOUNT || table == v1::TABLE_SHARE;
}

}  // namespace

LostNames::LostNames(Ledger& ledger, uint64_t fork_seq) : ledger_(ledger) {
  const uint64_t shown = ledger.progress().committed_seq;
  std::set<Key> deleted;
  const auto each = [&](uint64_t first, uint64_t last, const auto& visit) {
    for (uint64_t seq = std::max(first, ledger.oldest_seq()); seq <= last;) {
      const auto entries =
          ledger.ReadLog(seq, std::min<uint64_t>(kPageRecords, last - seq + 1), kPageBytes);
      if (!entries.ok() || entries->empty()) return;
      for (const EntryPtr& entry : *entries) {
        v1::Record record;
        if (record.ParseFromString(entry->record)) visit(record);
      }
      seq = entries->back()->seq + 1;
    }
  };
  each(fork_seq + 1, shown, [&](const v1::Record& record) {
    for (const v1::RowChange& change : record.changes()) {
      if (change.has_delete_() && IsNamed(change.delete_().table())) {
        deleted.emplace(change.delete_().table(), change.delete_().id());
      }
    }
  });
  if (deleted.empty()) return;
  each(1, fork_seq, [&](const v1::Record& record) {
    for (const v1::RowChange& change : record.changes()) {
      if (!change.has_put()) continue;
      const v1::RowKey key = vault::KeyOf(change.put());
      if (deleted.contains({key.table(), key.id()})) rows_[{key.table(), key.id()}] = change.put();
    }
  });
}

void LostNames::Note(const v1::Record& record) {
  for (const v1::RowChange& change : record.changes()) {
    if (!change.has_put()) continue;
    const v1::RowKey key = vault::KeyOf(change.put());
    if (IsNamed(key.table())) rows_[{key.table(), key.id()}] = change.put();
  }
}

// What the log has put, else what the state holds.
const v1::Row* LostNames::Find(v1::Table table, uint64_t id) {
  const auto found = rows_.find({table, id});
  if (found != rows_.end()) return &found->second;
  v1::RowKey key;
  key.set_table(table);
  key.set_id(id);
  const v1::Row* row = nullptr;
  ledger_.Read([&](const vault::StateReader& state, Position) {
    const google::protobuf::Message* inner = state.Find(key);
    if (inner == nullptr) return;
    v1::Row& made = rows_[{table, id}];
    made.GetReflection()->MutableMessage(&made, vault::ShapeOf(table)->row_field)->CopyFrom(*inner);
    row = &made;
  });
  return row;
}

void LostNames::Fill(const v1::Row& row, v1::LostName& name) {
  const auto user = [&](uint64_t id) {
    const v1::Row* found = Find(v1::TABLE_USER, id);
    if (found == nullptr) return;
    name.set_user(found->user().name());
    name.set_organization_id(found->user().organization_id());
  };
  const auto resource = [&](uint64_t id) {
    const v1::Row* found = Find(v1::TABLE_RESOURCE, id);
    if (found == nullptr) return;
    name.set_resource(found->resource().name());
    name.set_organization_id(found->resource().organization_id());
  };
  const auto account = [&](const v1::AccountRow& found) {
    name.set_account(found.name());
    resource(found.resource_id());
  };
  switch (row.row_case()) {
    case v1::Row::kUser:
      name.set_user(row.user().name());
      name.set_organization_id(row.user().organization_id());
      break;
    case v1::Row::kSshKey:
      user(row.ssh_key().user_id());
      name.set_detail(row.ssh_key().fingerprint());
      break;
    case v1::Row::kToken:
      user(row.token().user_id());
      name.set_detail(HexEncode(row.token().hash()));
      break;
    case v1::Row::kResource:
      name.set_resource(row.resource().name());
      name.set_organization_id(row.resource().organization_id());
      break;
    case v1::Row::kAccount:
      account(row.account());
      break;
    case v1::Row::kShare: {
      user(row.share().user_id());
      const v1::Row* of = row.share().account_id() == 0
                              ? nullptr
                              : Find(v1::TABLE_ACCOUNT, row.share().account_id());
      if (of != nullptr) account(of->account());
      if (of == nullptr) resource(row.share().resource_id());
      break;
    }
    default:
      break;
  }
}

void LostNames::Add(v1::Table table, uint64_t id, std::vector<v1::LostName>& names) {
  if (id == 0 || !IsNamed(table)) return;
  for (const v1::LostName& name : names) {
    if (name.table() == table && name.id() == id) return;
  }
  v1::LostName name;
  name.set_table(table);
  name.set_id(id);
  if (const v1::Row* row = Find(table, id)) Fill(v1::Row(*row), name);
  names.push_back(std::move(name));
}

std::vector<v1::LostName> LostNames::Of(const v1::Record& record) {
  Note(record);
  std::vector<v1::LostName> names;
  for (const v1::RowChange& change : record.changes()) {
    const v1::RowKey key = change.has_put() ? vault::KeyOf(change.put()) : change.delete_();
    Add(key.table(), key.id(), names);
    const v1::Row& put = change.put();
    if (put.has_ssh_key()) Add(v1::TABLE_USER, put.ssh_key().user_id(), names);
    if (put.has_token()) Add(v1::TABLE_USER, put.token().user_id(), names);
    if (put.has_account()) Add(v1::TABLE_RESOURCE, put.account().resource_id(), names);
    if (put.has_share()) {
      Add(v1::TABLE_USER, put.share().user_id(), names);
      Add(v1::TABLE_RESOURCE, put.share().resource_id(), names);
      Add(v1::TABLE_ACCOUNT, put.share().account_id(), names);
    }
  }
  Add(v1::TABLE_USER, record.actor().user_id(), names);
  return names;
}

std::string ToText(const v1::LostName& name) {
  const std::string of = name.account().empty() ? fmt::format("resource {}", name.resource())
                                                : fmt::format("account {} of resource {}",
                                                              name.account(), name.resource());
  switch (name.table()) {
    case v1::TABLE_USER:
      if (!name.user().empty()) return "user " + name.user();
      break;
    case v1::TABLE_SSH_KEY:
      if (!name.user().empty()) return fmt::format("key {} of user {}", name.detail(), name.user());
      break;
    case v1::TABLE_TOKEN:
      if (!name.user().empty()) return "a token of user " + name.user();
      break;
    case v1::TABLE_RESOURCE:
    case v1::TABLE_ACCOUNT:
      if (!name.resource().empty()) return of;
      break;
    case v1::TABLE_SHARE:
      if (!name.user().empty()) return fmt::format("share of {} with user {}", of, name.user());
      break;
    default:
      break;
  }
  v1::RowKey key;
  key.set_table(name.table());
  key.set_id(name.id());
  return vault::KeyText(key);
}

v1::LostWriteView ViewOf(const std::string& node_id, const v1::LostWrite& write) {
  v1::LostWriteView view;
  view.set_node_id(node_id);
  view.set_id(write.id());
  view.set_state(write.state());
  view.set_state_ms(write.state_ms());
  view.set_state_by(write.state_by());
  view.set_records(write.records());
  v1::Record record;
  if (write.record().empty() || !record.ParseFromString(write.record())) {
    view.set_operation("trimmed");
    view.add_names(fmt::format("{} records that the log no longer held", write.records()));
    return view;
  }
  view.set_wall_ms(record.wall_ms());
  view.set_user_name(record.actor().user_name());
  view.set_source(record.actor().source());
  view.set_operation(record.operation());
  view.set_idempotency_key(record.idempotency_key());
  std::set<std::pair<int, uint64_t>> changed;  // the others are what those belong to
  for (const v1::RowChange& change : record.changes()) {
    const v1::RowKey key = change.has_put() ? vault::KeyOf(change.put()) : change.delete_();
    changed.emplace(key.table(), key.id());
  }
  for (const v1::LostName& name : write.names()) {
    if (changed.contains({name.table(), name.id()})) view.add_names(ToText(name));
  }
  return view;
}

}  // namespace holdfast::replication
