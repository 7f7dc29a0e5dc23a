#ifndef HOLDFAST_REPLICATION_NODE_LOST_NAMES_H_
#define HOLDFAST_REPLICATION_NODE_LOST_NAMES_H_

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "holdfast/v1/quarantine.pb.h"
#include "replication/ledger/ledger.h"

namespace holdfast::replication {

// What the ids in lost writes were called on the node that lost them. Ids mean nothing elsewhere:
// the same number may have been given to something else since.
//
// Threading   Thread-compatible.
class LostNames {
 public:
  // Takes in the rows that the log up to `fork_seq` and behind it has put: what a lost write
  // deleted stands in no state any more.
  LostNames(Ledger& ledger, uint64_t fork_seq);

  // Of the actor, and of everything that is put, deleted or referred to, in the order of the log.
  std::vector<v1::LostName> Of(const v1::Record& record);

 private:
  using Key = std::pair<int, uint64_t>;
  void Note(const v1::Record& record);
  const v1::Row* Find(v1::Table table, uint64_t id);
  void Add(v1::Table table, uint64_t id, std::vector<v1::LostName>& names);
  void Fill(const v1::Row& row, v1::LostName& name);

  Ledger& ledger_;
  std::map<Key, v1::Row> rows_;
};

// What people are told of a write: no values.
v1::LostWriteView ViewOf(const std::string& node_id, const v1::LostWrite& write);
std::string ToText(const v1::LostName& name);

}  // namespace holdfast::replication

#endif  // HOLDFAST_REPLICATION_NODE_LOST_NAMES_H_
