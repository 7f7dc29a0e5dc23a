#ifndef HOLDFAST_SERVER_VAULT_UNIQUE_INDEX_H_
#define HOLDFAST_SERVER_VAULT_UNIQUE_INDEX_H_

#include <array>
#include <cstddef>

#include "absl/container/flat_hash_set.h"
#include "google/protobuf/message.h"
#include "server/vault/state_reader.h"

namespace holdfast::vault {

// Finds rows by a unique value. Holds pointers to rows that the table owns: eight bytes a row
// instead of a second copy of each name. A row must be erased before its unique value
// changes or it goes; what else is in it may change.
//
// Threading   Thread-compatible.
class UniqueIndex {
 public:
  explicit UniqueIndex(Unique unique);

  const google::protobuf::Message* Find(const UniqueKey& key) const;
  void Insert(const google::protobuf::Message* row);
  void Erase(const google::protobuf::Message* row);
  void Reserve(size_t rows);
  void Clear();

 private:
  // Many small tables: one that grows stalls the writer for its own rows only.
  static constexpr size_t kShards = 32;

  struct Hash {
    using is_transparent = void;
    Unique unique;
    size_t operator()(const UniqueKey& key) const;
    size_t operator()(const google::protobuf::Message* row) const {
      return (*this)(UniqueKeyOf(unique, *row));
    }
  };
  struct Equal {
    using is_transparent = void;
    Unique unique;
    bool operator()(const UniqueKey& a, const UniqueKey& b) const;
    bool operator()(const google::protobuf::Message* a, const UniqueKey& b) const {
      return (*this)(UniqueKeyOf(unique, *a), b);
    }
    bool operator()(const google::protobuf::Message* a, const google::protobuf::Message* b) const {
      return a == b || (*this)(UniqueKeyOf(unique, *a), UniqueKeyOf(unique, *b));
    }
  };
  using Set = absl::flat_hash_set<const google::protobuf::Message*, Hash, Equal>;

  // The upper bits: the tables themselves use the lower ones.
  static size_t ShardOf(size_t hash) { return (hash >> 48) % kShards; }

  Hash hash_;
  std::vector<Set> shards_;
};

}  // namespace holdfast::vault

#endif  // HOLDFAST_SERVER_VAULT_UNIQUE_INDEX_H_
