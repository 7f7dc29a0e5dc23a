#include "tests/conformance/store_medium.h"

#include <fmt/format.h>

namespace holdfast::storage {

EntryPtr EntryAt(uint64_t seq, uint64_t epoch, const std::string& node) {
  auto entry = std::make_shared<LogEntry>();
  entry->epoch = {.number = epoch, .node_id = node};
  entry->seq = seq;
  for (size_t i = 0; i < entry->digest.size(); ++i) {
    entry->digest[i] = static_cast<uint8_t>(seq * 31 + epoch * 7 + i);
  }
  for (size_t i = 0; i < entry->mac.size(); ++i) {
    entry->mac[i] = static_cast<uint8_t>(seq * 13 + epoch * 5 + i);
  }
  // Bytes that text would not survive: NUL, 0xff.
  entry->record = fmt::format("record {} of {}", seq, epoch) + std::string("\0\xff", 2);
  return entry;
}

Applied AppliedAt(const EntryPtr& entry) {
  Applied applied{.position = {.epoch = entry->epoch.number, .seq = entry->seq},
                  .digest = entry->digest};
  applied.state_digest.fill(static_cast<uint8_t>(entry->seq));
  return applied;
}

v1::Row AccountRow(uint64_t id, const std::string& name) {
  v1::Row row;
  v1::AccountRow& account = *row.mutable_account();
  account.set_id(id);
  account.set_organization_id(1);
  account.set_resource_id(7);
  account.set_name(name);
  account.mutable_secret()->set_id(std::string("\0\x01\xff", 3));
  account.mutable_secret()->set_generation(2);
  account.mutable_secret()->set_ciphertext("ciphertext of " + name);
  account.set_created_ms(1'700'000'000'000);
  return row;
}

v1::RowChange Put(const v1::Row& row) {
  v1::RowChange change;
  *change.mutable_put() = row;
  return change;
}

v1::RowChange Delete(v1::Table table, uint64_t id) {
  v1::RowChange change;
  change.mutable_delete_()->set_table(table);
  change.mutable_delete_()->set_id(id);
  return change;
}

}  // namespace holdfast::storage
