#ifndef HOLDFAST_REPLICATION_LEDGER_CHANGED_KEYS_H_
#define HOLDFAST_REPLICATION_LEDGER_CHANGED_KEYS_H_

#include <cstdint>
#include <string>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "holdfast/v1/rows.pb.h"
#include "server/vault/row_key.h"

namespace holdfast::replication {

// The rows that were changed while a copy of them was made: the copy has them as they were, or not
// at all.
//
// Threading   Thread-compatible.
class ChangedKeys {
 public:
  void Note(const v1::RowChange& change) {
    const v1::RowKey key = change.has_put() ? vault::KeyOf(change.put()) : change.delete_();
    keys_.emplace(Key{key.table(), key.id(), key.name()});
  }
  // Everything was replaced: the copy is of a state that is no more.
  void NoteReplaced() { replaced_ = true; }
  bool replaced() const { return replaced_; }
  size_t size() const { return keys_.size(); }
  template <typename Each>
  void ForEach(Each each) const {
    v1::RowKey key;
    for (const Key& noted : keys_) {
      key.Clear();
      key.set_table(noted.table);
      key.set_id(noted.id);
      if (!noted.name.empty()) key.set_name(noted.name);
      each(key);
    }
  }

 private:
  struct Key {
    v1::Table table;
    uint64_t id;
    std::string name;
    bool operator==(const Key&) const = default;
    template <typename H>
    friend H AbslHashValue(H h, const Key& key) {
      return H::combine(std::move(h), static_cast<int>(key.table), key.id, key.name);
    }
  };
  absl::flat_hash_set<Key> keys_;
  bool replaced_ = false;
};

}  // namespace holdfast::replication

#endif  // HOLDFAST_REPLICATION_LEDGER_CHANGED_KEYS_H_
