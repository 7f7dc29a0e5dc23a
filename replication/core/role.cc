#include "replication/core/role.h"

#include "server/base/check.h"

namespace holdfast::replication {

const char* ToText(Role role) {
  switch (role) {
    case Role::kSecondary:
      return "secondary";
    case Role::kRestarting:
      return "restarting";
    case Role::kClaiming:
      return "claiming";
    case Role::kStarting:
      return "starting";
    case Role::kPrimary:
      return "primary";
    case Role::kHandingOver:
      return "handing over";
    case Role::kSteppingDown:
      return "stepping down";
  }
  return "unknown";
}

RoleEffects RoleMachine::OnStart(bool was_primary, bool handed_over) {
  HOLDFAST_CHECK(role_ == Role::kSecondary);
  const bool restarts = was_primary && !handed_over;
  if (restarts) role_ = Role::kRestarting;
  return {.begin_restart = restarts, .begin_hand_over = handed_over, .start_following = true};
}

RoleEffects RoleMachine::OnPromote() {
  if (role_ != Role::kSecondary || log_failed_) return {};
  role_ = Role::kRestarting;
  return {.begin_restart = true};
}

RoleEffects RoleMachine::OnRestartAllowed(const Epoch& epoch) {
  if (role_ != Role::kRestarting || log_failed_) return {};
  HOLDFAST_CHECK(epoch.number > epoch_.number);
  role_ = Role::kClaiming;
  epoch_ = epoch;
  hand_over_appended_ = split_ = false;
  return {.stop_following = true, .persist_epoch = epoch};
}

RoleEffects RoleMachine::OnRestartGivenUp() {
  if (role_ == Role::kRestarting) role_ = Role::kSecondary;  // It follows already.
  return {};
}

RoleEffects RoleMachine::OnEpochPersisted() {
  if (role_ != Role::kClaiming) return {};  // A higher epoch came while it was being written.
  role_ = Role::kStarting;
  return {.append_epoch_start = epoch_};
}

RoleEffects RoleMachine::OnClaimFailed() {
  if (role_ != Role::kClaiming) return {};
  return StepDown(After::kRestart);
}

RoleEffects RoleMachine::OnEpochStartAppended() {
  if (role_ != Role::kStarting) return {};
  return {.start_publishing = true};
}

RoleEffects RoleMachine::OnEpochStartCommitted() {
  if (role_ != Role::kStarting) return {};
  role_ = Role::kPrimary;
  return {.open_gate = true};
}

RoleEffects RoleMachine::OnHigherEpoch(const Epoch& epoch) {
  if (epoch.number > epoch_.number) split_ = false;
  const bool acting = role_ == Role::kClaiming || publishing();
  if (!acting || epoch == epoch_) return {};
  // While it is being claimed, any other promise ends it: a restart without k has granted itself
  // nothing yet.
  if (role_ != Role::kClaiming && epoch.number < epoch_.number) return {};
  return StepDown(After::kRestart);
}

RoleEffects RoleMachine::OnLogFailed() {
  log_failed_ = true;
  if (role_ == Role::kSecondary || role_ == Role::kRestarting) {
    role_ = Role::kSecondary;
    return {.stop_following = true};
  }
  return StepDown(After::kSecondary);
}

RoleEffects RoleMachine::OnSplit() {
  if (role_ == Role::kClaiming || role_ == Role::kSteppingDown) return {};
  split_ = true;
  if (!publishing()) return {};
  return StepDown(After::kSecondary);
}

// ---- Handing over.

RoleEffects RoleMachine::OnSwitchover() {
  if (role_ != Role::kPrimary) return {};
  role_ = Role::kHandingOver;
  return {.hold_writes = true};
}

RoleEffects RoleMachine::OnSwitchoverAbandoned() {
  if (role_ != Role::kHandingOver || hand_over_appended_) return {};
  role_ = Role::kPrimary;
  return {.release_writes = true};
}

RoleEffects RoleMachine::OnAppendHandOver() {
  if (role_ != Role::kHandingOver || hand_over_appended_) return {};
  hand_over_appended_ = true;
  return {.append_hand_over = true};
}

RoleEffects RoleMachine::OnHandOverNotWritten() {
  if (role_ != Role::kHandingOver) return {};
  hand_over_appended_ = false;
  return OnSwitchoverAbandoned();
}

RoleEffects RoleMachine::OnHandedOver() {
  if (role_ != Role::kHandingOver || !hand_over_appended_) return {};
  return StepDown(After::kHandOver);
}

RoleEffects RoleMachine::OnHandOverRefused() {
  if (role_ != Role::kSecondary || log_failed_) return {};
  role_ = Role::kRestarting;
  return {.begin_restart = true};
}

RoleEffects RoleMachine::StepDown(After after) {
  const bool was_stepping_down = role_ == Role::kSteppingDown;
  role_ = Role::kSteppingDown;
  after_drain_ = log_failed_ ? After::kSecondary : after;
  return {.close_gate = !was_stepping_down, .stop_publishing = !was_stepping_down};
}

RoleEffects RoleMachine::OnDrained() {
  if (role_ != Role::kSteppingDown) return {};
  const bool restart = after_drain_ == After::kRestart;
  role_ = restart ? Role::kRestarting : Role::kSecondary;
  return {.begin_restart = restart,
          .begin_hand_over = after_drain_ == After::kHandOver,
          .start_following = !log_failed_};
}

}  // namespace holdfast::replication
