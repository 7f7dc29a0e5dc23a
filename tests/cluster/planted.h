#ifndef HOLDFAST_TESTS_CLUSTER_PLANTED_H_
#define HOLDFAST_TESTS_CLUSTER_PLANTED_H_

namespace holdfast::sim {

// Faults that the simulated shell can be told to have, to see that the checkers catch them. The
// machines of replication/core are the real ones in each case.
struct Planted {
  bool answer_before_commit = false;   // the client is told once the primary has it on disk
  bool ack_before_fsync = false;       // what was received is acknowledged as durable
  bool show_pending = false;           // a follower shows what it has
  bool show_before_position = false;   // shown before the position is on disk
  bool position_not_written = false;   // the committed position is not written at all
  bool grant_not_written = false;      // a grant is answered and never written
  bool keep_link_after_grant = false;  // the stream of the older epoch goes on
  bool epoch_not_written = false;      // an epoch is neither granted to itself nor claimed on disk
  bool commit_without_followers = false;  // k is taken for 0
  bool forget_cut = false;                // the tail is cut in memory only
  bool miss_revocation = false;           // a follower does not apply that a key is revoked
  bool skip_fetch = false;             // whoever is ahead is not fetched from, though it is said so
  bool forget_granted_k = false;       // the k that was told with an ask is not kept
  bool resume_handed = false;          // the hand-over at the end of the log is not looked at
  bool degrade_counts = false;         // promotions are not told of the policy degrade
  bool ignore_pending_voters = false;  // only the committed members are asked
  bool wait_for_snapshot = false;      // there is none before the start record is committed
  bool show_pending_snapshot = false;  // one that is not committed is shown at once
};

}  // namespace holdfast::sim

#endif  // HOLDFAST_TESTS_CLUSTER_PLANTED_H_
