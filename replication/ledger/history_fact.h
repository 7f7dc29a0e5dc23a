#ifndef HOLDFAST_REPLICATION_LEDGER_HISTORY_FACT_H_
#define HOLDFAST_REPLICATION_LEDGER_HISTORY_FACT_H_

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "server/base/position.h"

namespace holdfast::replication {

// The node's fact of where each epoch began, oldest first: docs/formats/node.md.
inline constexpr char kHistoryFact[] = "epoch_history";
// Why the rows cannot be trusted; a snapshot makes it empty.
inline constexpr char kDistrustFact[] = "distrusted_rows";
// The seq of a snapshot that is not known to be committed; empty once it is.
inline constexpr char kUnconfirmedFact[] = "unconfirmed_snapshot";

std::string EncodeHistory(const std::vector<EpochStart>& history);
// DATA_LOSS when it is not a history.
absl::StatusOr<std::vector<EpochStart>> DecodeHistory(std::string_view bytes);

}  // namespace holdfast::replication

#endif  // HOLDFAST_REPLICATION_LEDGER_HISTORY_FACT_H_
