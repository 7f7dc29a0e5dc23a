#ifndef HOLDFAST_REPLICATION_NODE_ORDERS_H_
#define HOLDFAST_REPLICATION_NODE_ORDERS_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "replication/core/candidate.h"
#include "replication/core/switchover.h"
#include "server/vault/command.h"

// What an operator orders a node to do with its role, and what is answered: docs/promotion.md.
namespace holdfast::replication {

struct PromoteOrder {
  bool dry_run = false;
  bool old_primary_is_down = false;  // the word
  AcceptLoss accept_loss;
  // The level that the epoch starts with, in place of the cluster's.
  std::optional<vault::SetSettings> lowered;
};

struct PromoteResult {
  bool dry_run = false;
  Epoch epoch;  // served in; of a dry run: the one that it would have
  bool was_primary = false;
  std::optional<bool> complete;          // nullopt: cannot be known
  std::optional<uint64_t> lost_records;  // nullopt: cannot be known
  uint64_t lost_at_least = 0;
  std::vector<std::string> grants;  // whose; this node's first. Of a dry run: who would
  uint64_t grants_needed = 1;
  std::vector<MemberSaid> members;
  absl::Status refused;  // of a dry run: what the order would be answered
};
using PromoteDone = std::function<void(absl::StatusOr<PromoteResult>)>;

struct SwitchoverResult {
  std::string from;
  std::string to;
  Epoch epoch;
  int64_t write_pause_ms = 0;  // from the first write that waited until the new primary served
};
using SwitchoverDone = std::function<void(absl::StatusOr<SwitchoverResult>)>;

// The refusal that clients hear, with the machine's words.
absl::Status RefusalFor(PromotionRefusal refusal, const std::string& message);

}  // namespace holdfast::replication

#endif  // HOLDFAST_REPLICATION_NODE_ORDERS_H_
