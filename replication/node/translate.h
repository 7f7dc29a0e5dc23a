#ifndef HOLDFAST_REPLICATION_NODE_TRANSLATE_H_
#define HOLDFAST_REPLICATION_NODE_TRANSLATE_H_

// Between the messages of the peer port and the values of replication/core. What comes from outside
// is checked here: sizes of digests, bounds of lists.
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "holdfast/v1/peer.pb.h"
#include "replication/core/messages.h"
#include "replication/ledger/ledger.h"

namespace holdfast::replication {

v1::EpochId ToMessage(const Epoch& epoch);
Epoch FromMessage(const v1::EpochId& message);

v1::Hello ToMessage(const HelloInfo& hello, const std::string& version);
absl::StatusOr<HelloInfo> FromMessage(const v1::Hello& message);
v1::HelloAnswer ToMessage(const HelloAnswerInfo& answer);
absl::StatusOr<HelloAnswerInfo> FromMessage(const v1::HelloAnswer& message);
v1::Ack ToMessage(const AckInfo& ack);
AckInfo FromMessage(const v1::Ack& message);
v1::Heartbeat ToMessage(const HeartbeatInfo& heartbeat, int64_t wall_ms);
HeartbeatInfo FromMessage(const v1::Heartbeat& message);

v1::LogEntryMessage ToMessage(const LogEntry& entry);
// Entries must not be empty.
v1::Batch ToBatch(const Epoch& epoch, const Digest& previous, const std::vector<EntryPtr>& entries,
                  uint64_t committed, uint64_t durable, int64_t wall_ms);
// Verifies chain and MACs and parses the records. INVALID_ARGUMENT: not a batch; else as
// CheckEntries.
absl::StatusOr<ForeignBatch> FromMessage(const v1::Batch& message, const crypto::KeyRing& keys);

v1::SnapshotBegin ToMessage(const SnapshotPoint& point, const std::string& id);
// `history`: from the hello's answer; the snapshot's is that up to its seq.
absl::StatusOr<SnapshotPoint> FromMessage(const v1::SnapshotBegin& message,
                                          const std::vector<EpochStart>& history);

GrantAsk FromMessage(const v1::GrantRequest& message);
v1::GrantRequest ToMessage(const GrantAsk& ask);
v1::GrantResponse ToMessage(const GrantAnswer& answer);
GrantAnswer FromMessage(const v1::GrantResponse& message, const std::string& node_id,
                        const GrantAsk& ask);
v1::TakeOverRequest ToMessage(const TakeOverAsk& ask);
TakeOverAsk FromMessage(const v1::TakeOverRequest& message);
v1::TakeOverResponse ToMessage(const TakeOverAnswer& answer);
std::optional<TakeOverAnswer> FromMessage(const v1::TakeOverResponse& message);
// The entries from `first_seq` on, not verified yet, and what stands before them.
absl::StatusOr<std::vector<EntryPtr>> FromMessage(const v1::ReadLogResponse& message,
                                                  uint64_t first_seq, Digest& previous);
MemberReport FromMessage(const v1::NodeReport& message);

}  // namespace holdfast::replication

#endif  // HOLDFAST_REPLICATION_NODE_TRANSLATE_H_
