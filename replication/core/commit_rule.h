#ifndef HOLDFAST_REPLICATION_CORE_COMMIT_RULE_H_
#define HOLDFAST_REPLICATION_CORE_COMMIT_RULE_H_

#include <chrono>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "replication/core/messages.h"

namespace holdfast::replication {

inline constexpr std::chrono::seconds kDegradeAfter{5};

enum class Level { kLocal, kReceived, kDurable, kApplied };
const char* ToText(Level level);

// From which seq on a k counts. Only `durable` and `applied` have a k > 0 here: `local` and
// `received` commit by the primary's own durability.
struct KSetting {
  uint64_t seq = 0;
  uint32_t k = 0;
  // Policy `degrade`: what k secondaries did not acknowledge within `wait` is committed by the
  // primary alone.
  bool degrade = false;
  std::chrono::nanoseconds wait = kDegradeAfter;
};

struct CommitStart {
  Epoch epoch;
  uint64_t start_seq = 0;  // of this epoch's start record
  uint64_t committed_seq = 0;
  uint32_t k = 0;        // newest setting that is committed
  bool degrade = false;  // its policy
  std::chrono::nanoseconds wait = kDegradeAfter;
  std::vector<KSetting> pending;    // later settings in the log, by seq
  std::vector<std::string> voters;  // the other voting members
  // What they would be after each later change of members in the log. The start record must be
  // durable on k of each set, for nobody knows which of the changes an older primary committed.
  std::vector<std::vector<std::string>> pending_voters;
};

// What is committed in one epoch of one primary: the highest seq that is durable here and on k
// voting secondaries, with everything before it, and not before the epoch's start record is.
//
// Room        replication/core. A new epoch is a new CommitRule.
// Invariants  1. committed() never goes down.
//             2. committed() moves first when it covers start_seq, under the largest k among the
//                committed setting and those pending below start_seq.
//             3. A changed k, or member, counts for what follows its record, once that record
//                is committed under the old one. A setting in the start record itself (an
//                operator's order) counts at once: the grants were asked with it.
//             4. Alone (degraded) only under the policy `degrade`, and before the start record is
//                committed only if every setting in the log has it.
// Threading   Thread-compatible. The ledger's writer owns it.
class CommitRule {
 public:
  explicit CommitRule(CommitStart start);

  // Each returns committed() after it.
  uint64_t OnOwnDurable(uint64_t seq);
  uint64_t OnAck(const std::string& node_id, const AckInfo& ack);  // other epochs do not count
  uint64_t OnSettingAppended(const KSetting& setting);
  // The time counts from the tick that finds something uncommitted; so it must come often.
  uint64_t OnTick(MonoTime now);
  // A member row was appended at `seq`: what follows it is committed with this member's vote, or
  // without it, once that record is committed under the old members. A stream that it has counts
  // at once, with what it acknowledged before it had a vote.
  uint64_t OnVoterAppended(uint64_t seq, const std::string& node_id, bool votes);

  // A new stream of a follower: what it acknowledged in an earlier one is forgotten, for its disk
  // may be another one. It counts as connected from its first acknowledgement on, until as many
  // streams have ended as began: a half-dead one may end after the next one has begun. An
  // acknowledgement is itself a sign of a stream: one that was refused before this epoch began may
  // have ended in its place.
  void OnConnected(const std::string& node_id);
  void OnDisconnected(const std::string& node_id);

  uint64_t committed_seq() const { return committed_; }
  uint32_t k() const { return k_; }
  // Acknowledges alone at the moment. Back to k once k followers have all that is committed.
  bool degraded() const { return degraded_; }
  // May an answer of this level for `seq` go out? Never before it is committed. While degraded a
  // level is not waited for: the answer says so.
  bool Answerable(Level level, uint32_t level_k, uint64_t seq) const;
  // Policy `block`: refuse before planning when this is false. `degrade` refuses nothing.
  bool ConnectedEnough(uint32_t k) const;
  bool ConnectedEnough() const { return degrade_ || ConnectedEnough(k_); }
  uint32_t connected() const;

 private:
  struct Follower {
    bool votes = false;
    uint32_t streams = 0;
    bool acked = false;
    AckInfo ack;
  };
  uint64_t DurableOn(uint32_t k) const;  // the highest seq that is durable here and on k others
  uint64_t DurableOn(uint32_t k, const std::vector<std::string>& voters) const;
  bool StartIsCommitted() const;
  bool MayDegrade() const;
  struct VoterChange {
    uint64_t seq = 0;
    std::string node_id;
    bool votes = false;
  };
  void SettingCounts(const KSetting& setting);
  void SetVoters(const std::vector<std::string>& voters);
  void VoterCounts(const std::string& node_id, bool votes);
  // The next pending change at or below `seq`, counted; false: there is none.
  bool CountNext(uint64_t seq);
  uint64_t Advance();

  Epoch epoch_;
  uint64_t start_seq_;
  uint64_t committed_;
  uint32_t k_;
  uint32_t start_k_ = 0;
  bool degrade_;
  std::chrono::nanoseconds wait_;
  bool degraded_ = false;
  std::optional<KSetting> start_setting_;
  std::vector<std::vector<std::string>> start_voters_;
  // The oldest record that was not committed when it was looked, and when that was.
  uint64_t waiting_seq_ = 0;
  MonoTime waiting_since_{};
  std::deque<KSetting> pending_;
  std::deque<VoterChange> pending_voters_;
  uint64_t own_durable_ = 0;
  std::map<std::string, Follower> followers_;  // voters, and whoever has a stream
};

}  // namespace holdfast::replication

#endif  // HOLDFAST_REPLICATION_CORE_COMMIT_RULE_H_
