#ifndef HOLDFAST_REPLICATION_CORE_MESSAGES_H_
#define HOLDFAST_REPLICATION_CORE_MESSAGES_H_

// The messages of proto/holdfast/v1/peer.proto as plain values, without the record bytes:
// replication/peer translates. What each side does with them: docs/formats/stream.md.
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "replication/core/log_position.h"
#include "server/base/clock.h"

namespace holdfast::replication {

struct HelloInfo {
  std::string cluster_id;
  std::string node_id;
  uint32_t protocol = kProtocol;
  uint32_t feature_level = 0;
  Epoch granted;                    // the highest epoch that this node knows
  EntryMeta last;                   // end of its log
  uint64_t committed_seq = 0;       // shown there: never to be cut
  std::vector<EpochStart> history;  // OLDEST first here (newest first on the wire), the newest 64
  bool needs_snapshot = false;      // its rows cannot be trusted
  std::string snapshot_id;          // an interrupted one, to go on at snapshot_offset
  uint64_t snapshot_offset = 0;
};

enum class HelloVerdict { kContinue, kCut, kSnapshot, kHigherEpoch, kRefused };

struct HelloAnswerInfo {
  HelloVerdict verdict = HelloVerdict::kRefused;
  Epoch epoch;                 // the primary's
  uint64_t cut_after_seq = 0;  // kCut
  std::string reason;          // for people; expected and got
  uint64_t committed_seq = 0;
  std::vector<EpochStart> history;  // oldest first here; the last one is the primary's own epoch
};

// `entries` are the metas of the records, whose bytes the shell has already checked against their
// digests and MACs: the chain inside a batch is known to be sound.
struct BatchInfo {
  Epoch epoch;  // of the sender, not of the records
  uint64_t first_seq = 0;
  Digest previous_digest{};
  std::vector<EntryMeta> entries;
  uint64_t committed_seq = 0;
  uint64_t durable_seq = 0;
};

struct HeartbeatInfo {
  Epoch epoch;
  uint64_t head_seq = 0;
  uint64_t committed_seq = 0;
  int64_t echo_mono_ns = 0;  // the follower's own clock, from its newest acknowledgement; 0: none
  uint64_t digest_seq = 0;   // 0: no state digest is told; the shell fills it in
  Digest state_digest{};
};

struct AckInfo {
  Epoch epoch;  // of the primary it follows
  uint64_t received_seq = 0;
  uint64_t durable_seq = 0;
  uint64_t applied_seq = 0;
  int64_t echo_mono_ns = 0;
  bool operator==(const AckInfo&) const = default;
};

// What a member says of itself, each second and when it changes.
struct MemberReport {
  std::string node_id;
  bool primary = false;
  Epoch epoch;    // the one it serves in or follows
  Epoch granted;  // the highest it knows
  EntryMeta last;
  uint64_t committed_seq = 0;
};

struct GrantAsk {
  Epoch epoch;
  EntryMeta last;  // the candidate's end of log
  bool restart = true;
  bool dry_run = false;  // what would you answer? Nothing is promised; the number does not count
  std::optional<uint32_t> k;  // the epoch starts with this k, by an operator's word
};

struct GrantAnswer {
  std::string node_id;  // who answers; the shell fills it in from the certificate
  Epoch asked;          // which ask this answers
  bool granted = false;
  Epoch granted_before;             // as of before this grant
  EntryMeta last;                   // durable end of its log, as of before this grant
  uint32_t setting_k = 0;           // newest setting committed in its log
  std::vector<uint32_t> pending_k;  // every later setting in its log
  std::string reason;
  bool dry_run = false;             // answers such an ask: `granted` means "would"
  std::vector<uint32_t> granted_k;  // told with the epochs it granted before, and not settled since
  bool degrade = false;             // one of those settings has the policy `degrade`
  uint64_t committed_seq = 0;
  // The primary whose live stream it has, itself if it is primary; empty: none.
  std::string follows;
  Epoch rival_before;  // EpochPromises::rival, as of before this grant
};

// The primary that handed over asks its target to become primary.
struct TakeOverAsk {
  Epoch from_epoch;     // the epoch that the hand-over record ends
  EntryMeta hand_over;  // that record; its epoch is from_epoch
};
enum class TakeOverOutcome { kUnderWay, kAccepted, kRefused };
struct TakeOverAnswer {
  TakeOverOutcome outcome = TakeOverOutcome::kUnderWay;
  Epoch epoch;         // accepted: the one it claimed; refused: the one it granted, if that is why
  std::string reason;  // for people
};

inline int64_t ToEcho(MonoTime t) { return t.time_since_epoch().count(); }
inline MonoTime FromEcho(int64_t ns) { return MonoTime(std::chrono::nanoseconds(ns)); }

}  // namespace holdfast::replication

#endif  // HOLDFAST_REPLICATION_CORE_MESSAGES_H_
