#ifndef HOLDFAST_SERVER_VAULT_STATE_H_
#define HOLDFAST_SERVER_VAULT_STATE_H_

#include <array>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/btree_set.h"
#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "server/vault/request_key_index.h"
#include "server/vault/state_reader.h"
#include "server/vault/unique_index.h"

namespace holdfast::vault {

// The rows of the vault in memory, and the one place where a change becomes state, on every node.
//
// Room        server/vault: pure. The same changes give the same rows everywhere.
// Invariants  1. Apply changes everything or nothing.
//             2. Every row stands in each of its lists and in its unique index, and nothing else
//                does.
// Threading   Thread-compatible: one writer, or many readers, under a lock of the owner.
// Ownership   Owns every row. Rows stay where they are until they are replaced or deleted.
// Failure     kUnimplemented "upgrade_required": a newer program wrote the change. kDataLoss: no
//             log that was planned can hold it (a missing row deleted, a unique value twice).
class State : public StateReader {
 public:
  State();
  ~State() override;
  State(const State&) = delete;
  State& operator=(const State&) = delete;

  absl::Status Apply(const v1::RowChange& change);
  absl::Status Put(v1::Row row);  // the rows of a store or a snapshot; takes the row over
  absl::Status Delete(const v1::RowKey& key);

  // In ascending order of table and key: the order of a snapshot.
  void ForEachRow(const std::function<void(const v1::Row&)>& visit) const;
  // For a walk in steps: the keys of one part of a numbered table, in no order.
  static constexpr size_t kParts = 32;
  void CollectIds(v1::Table table, size_t part, std::vector<uint64_t>& ids) const;
  std::optional<v1::Row> FindRow(const v1::RowKey& key) const;
  size_t RowCount() const;
  // Before a load of known size: growing step by step costs time and, at the end, memory.
  void Reserve(v1::Table table, size_t rows);
  void Clear();

  const google::protobuf::Message* FindNumbered(v1::Table table, uint64_t id) const override;
  const google::protobuf::Message* FindNamed(v1::Table table, std::string_view name) const override;
  const google::protobuf::Message* FindUnique(Unique unique, const UniqueKey& key) const override;
  bool ForEachId(List list, uint64_t of, uint64_t after,
                 absl::FunctionRef<bool(uint64_t id)> visit) const override;
  bool ForEachName(v1::Table table,
                   absl::FunctionRef<bool(const std::string& name)> visit) const override;
  size_t Count(List list, uint64_t of) const override;
  size_t RowCount(v1::Table table) const override;
  bool HasPending(v1::Table) const override { return false; }
  bool ForEachRequestKey(
      absl::FunctionRef<bool(int64_t expires_ms, const std::string& id)> visit) const override;
  size_t RequestKeyCount(uint64_t user_id) const override;
  size_t RequestKeysAtMost(uint64_t user_id) const override { return RequestKeyCount(user_id); }

 private:
  using MessagePtr = std::unique_ptr<google::protobuf::Message>;
  // Ids are dense, so the shards fill evenly; each grows alone, and none stalls the writer long.
  static constexpr size_t kShards = kParts;
  struct Table {
    std::array<absl::flat_hash_map<uint64_t, MessagePtr>, kShards> numbered;
    std::map<std::string, MessagePtr, std::less<>> named;
  };
  struct ListIndex {
    absl::btree_set<std::pair<uint64_t, uint64_t>> entries;  // of, id
    absl::flat_hash_map<uint64_t, size_t> counts;            // only where IsCounted
  };

  static bool IsCounted(List list);
  const Table* TableAt(v1::Table table) const;
  // The new row stands where the old one does: in the same lists, under the same unique value.
  static bool StandsAlike(const TableShape& shape, const google::protobuf::Message& old,
                          const google::protobuf::Message& fresh);
  MessagePtr* SlotOf(const TableShape& shape, const v1::RowKey& key);
  void Link(const TableShape& shape, const v1::RowKey& key, const google::protobuf::Message& row);
  void Unlink(const TableShape& shape, const v1::RowKey& key, const google::protobuf::Message& row);

  std::array<Table, kTableMax + 1> tables_;
  std::array<ListIndex, kListCount> lists_;
  std::vector<UniqueIndex> uniques_;  // by Unique
  RequestKeyIndex request_keys_;
};

// All rows, one after the other, in ascending order of table and key: the order of a store.
//
// Relies on   A state that does not change meanwhile.
class RowWalk {
 public:
  explicit RowWalk(const State& state) : state_(state) {}
  std::optional<v1::Row> Next();  // nullopt: that was the last one

 private:
  bool NextTable();
  const State& state_;
  int table_ = 0;
  std::vector<uint64_t> ids_;
  std::vector<std::string> names_;
  size_t at_ = 0;
};

}  // namespace holdfast::vault

#endif  // HOLDFAST_SERVER_VAULT_STATE_H_
