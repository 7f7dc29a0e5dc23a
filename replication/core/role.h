#ifndef HOLDFAST_REPLICATION_CORE_ROLE_H_
#define HOLDFAST_REPLICATION_CORE_ROLE_H_

#include <optional>
#include <string>

#include "server/base/position.h"

namespace holdfast::replication {

enum class Role {
  kSecondary,
  kRestarting,  // was primary; CandidateMachine decides; a secondary in all it does
  kClaiming,    // its new epoch is being persisted
  kStarting,    // the epoch's start record is in the log and not committed; followers may come
  kPrimary,
  kHandingOver,   // primary, but writes wait: another node is to take over
  kSteppingDown,  // the gate is closed; what was under way is being ended
};
const char* ToText(Role role);

// What the shell must do after a step, in this order.
struct RoleEffects {
  bool close_gate = false;       // no new write; those under way answer "outcome unknown"
  bool stop_publishing = false;  // end the followers' streams, then OnDrained
  bool stop_following = false;
  bool hold_writes = false;                 // new writes wait: neither planned nor refused
  bool release_writes = false;              // they go on here
  bool append_hand_over = false;            // the record that names the target
  bool begin_restart = false;               // a new candidate
  bool begin_hand_over = false;             // a new HandOverMachine
  std::optional<Epoch> persist_epoch;       // EpochGuard::Claim, durably; then OnEpochPersisted
  std::optional<Epoch> append_epoch_start;  // LogTrack::Lead, new CommitRule, the record; then
                                            // OnEpochStartAppended
  bool start_publishing = false;
  bool open_gate = false;
  bool start_following = false;
  bool operator==(const RoleEffects&) const = default;
};

// Which part this node plays. A role without a lease: by hand, it never ends by itself.
//
// Room        replication/core.
// Invariants  1. The gate is open only in kPrimary.
//             2. An epoch is persisted before its start record is made, that record is committed
//                before the gate opens.
//             3. The step that learns of a higher epoch, or that the log cannot be written any
//             more,
//                is the step that closes the gate.
// Threading   Thread-compatible.
class RoleMachine {
 public:
  RoleMachine() = default;

  // `handed_over`: the log ends in this node's own hand-over to another one (HandedOverTo).
  RoleEffects OnStart(bool was_primary, bool handed_over = false);
  // An operator's order to a secondary, or a hand-over that names it: the candidate decides.
  RoleEffects OnPromote();
  RoleEffects OnRestartAllowed(const Epoch& epoch);
  RoleEffects OnRestartGivenUp();
  RoleEffects OnEpochPersisted();
  // It cannot be claimed: something newer was promised, or the disk takes nothing at the moment.
  RoleEffects OnClaimFailed();
  RoleEffects OnEpochStartAppended();
  RoleEffects OnEpochStartCommitted();
  RoleEffects OnHigherEpoch(const Epoch& epoch);
  // An append or fsync failed: not primary any more, still reading, and no restart by itself.
  RoleEffects OnLogFailed();
  // SwitchoverMachine says when.
  RoleEffects OnSwitchover();
  RoleEffects OnSwitchoverAbandoned();
  RoleEffects OnAppendHandOver();      // no way back from here on
  RoleEffects OnHandOverNotWritten();  // but for this: it was not appended, so nothing has happened
  RoleEffects OnHandedOver();
  // HandOverMachine: the target took no part, so this node is a restarting primary like any other.
  RoleEffects OnHandOverRefused();
  // Two primaries with one number, both have acknowledged: stop, read on, wait for an operator, who
  // promotes somebody in a higher number. Of a secondary, one of the two that was started again: it
  // says so, that the other one hears of it.
  RoleEffects OnSplit();
  // The streams have ended and the ledger answers nobody any more.
  RoleEffects OnDrained();

  Role role() const { return role_; }
  bool gate_open() const { return role_ == Role::kPrimary; }
  bool publishing() const {
    return role_ == Role::kStarting || role_ == Role::kPrimary || role_ == Role::kHandingOver;
  }
  bool holds_writes() const { return role_ == Role::kHandingOver; }
  bool split() const { return split_; }          // until a higher epoch is seen
  const Epoch& epoch() const { return epoch_; }  // claimed or served in

 private:
  enum class After { kSecondary, kRestart, kHandOver };
  RoleEffects StepDown(After after);

  Role role_ = Role::kSecondary;
  Epoch epoch_;
  After after_drain_ = After::kSecondary;
  bool hand_over_appended_ = false;
  bool split_ = false;
  bool log_failed_ = false;
};

}  // namespace holdfast::replication

#endif  // HOLDFAST_REPLICATION_CORE_ROLE_H_
