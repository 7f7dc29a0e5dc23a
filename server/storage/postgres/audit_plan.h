#ifndef HOLDFAST_SERVER_STORAGE_POSTGRES_AUDIT_PLAN_H_
#define HOLDFAST_SERVER_STORAGE_POSTGRES_AUDIT_PLAN_H_

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "holdfast/v1/audit.pb.h"
#include "server/storage/audit_store.h"

namespace holdfast::storage::postgres {

// What an Add changes, decided in memory over what the tables hold of the nodes and numbers that
// come: one group of statements then writes all of it.
//
// Room      Pure.
// Threading Thread-compatible; for one Add.
class AuditPlan {
 public:
  // First what is there: heads, all gaps of a node, and the records among those that come.
  void KnowHead(const std::string& node_id, uint64_t head) { nodes_[node_id].head = head; }
  void KnowGap(const std::string& node_id, uint64_t first, uint64_t last) {
    nodes_[node_id].gaps[first] = last;
  }
  void KnowRecord(v1::AuditRecord record);

  // Then what comes, in order. DATA_LOSS: another content than what is there.
  absl::Status Add(const v1::AuditRecord& record);

  // "DELETE ...; INSERT ...;", empty when there is nothing to write.
  std::string Text() const;

 private:
  struct Node {
    uint64_t head = 0;
    std::map<uint64_t, uint64_t> gaps;  // first -> last
    std::map<uint64_t, v1::AuditRecord> records;
    std::vector<uint64_t> fresh;  // numbers in `records` that are to be written
    bool gaps_changed = false;
  };
  void Insert(Node& node, const v1::AuditRecord& record);
  // False when the number is in no gap: retention has removed it.
  static bool TakeOutOfGap(Node& node, uint64_t number);

  std::map<std::string, Node> nodes_;
};

// "WHERE ..." for the records that a query asks for, and their order.
std::string ConditionOf(const AuditQuery& query);
std::string_view OrderOf(const AuditQuery& query);

}  // namespace holdfast::storage::postgres

#endif  // HOLDFAST_SERVER_STORAGE_POSTGRES_AUDIT_PLAN_H_
