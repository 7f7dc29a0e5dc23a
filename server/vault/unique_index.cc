#include "server/vault/unique_index.h"

#include <string>

#include "absl/hash/hash.h"
#include "absl/strings/string_view.h"

namespace holdfast::vault {

using google::protobuf::Message;

UniqueIndex::UniqueIndex(Unique unique) : hash_{unique} {
  shards_.reserve(kShards);
  for (size_t i = 0; i < kShards; ++i) shards_.emplace_back(0, Hash{unique}, Equal{unique});
}

size_t UniqueIndex::Hash::operator()(const UniqueKey& key) const {
  if (!IsFolded(unique)) {
    return absl::HashOf(key.of, key.second, key.third,
                        absl::string_view(key.text.data(), key.text.size()));
  }
  return absl::HashOf(key.of, key.second, key.third, FoldCase(key.text));
}

bool UniqueIndex::Equal::operator()(const UniqueKey& a, const UniqueKey& b) const {
  if (a.of != b.of || a.second != b.second || a.third != b.third) return false;
  return IsFolded(unique) ? EqualFolded(a.text, b.text) : a.text == b.text;
}

const Message* UniqueIndex::Find(const UniqueKey& key) const {
  const size_t hash = hash_(key);
  const Set& set = shards_[ShardOf(hash)];
  const auto it = set.find(key, hash);
  return it == set.end() ? nullptr : *it;
}

void UniqueIndex::Insert(const Message* row) { shards_[ShardOf(hash_(row))].insert(row); }
void UniqueIndex::Erase(const Message* row) { shards_[ShardOf(hash_(row))].erase(row); }

void UniqueIndex::Reserve(size_t rows) {
  // A hash does not spread evenly: a quarter more keeps the fullest shard from growing.
  for (Set& set : shards_) set.reserve(rows / kShards + rows / kShards / 4);
}

void UniqueIndex::Clear() {
  for (Set& set : shards_) set.clear();
}

}  // namespace holdfast::vault
