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
    case Role::kSteppingDown:
      return "stepping down";
  }
  return "unknown";
}

RoleEffects RoleMachine::OnStart(bool was_primary) {
  HOLDFAST_CHECK(role_ == Role::kSecondary);
  if (was_primary) role_ = Role::kRestarting;
  return {.begin_restart = was_primary, .start_following = true};
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
  const bool acting =
      role_ == Role::kClaiming || role_ == Role::kStarting || role_ == Role::kPrimary;
  if (!acting || epoch == epoch_ || epoch.number < epoch_.number) return {};
  return StepDown(/*restart_after=*/true);
}

RoleEffects RoleMachine::OnLogFailed() {
  log_failed_ = true;
  if (role_ == Role::kSecondary || role_ == Role::kRestarting) {
    role_ = Role::kSecondary;
    return {.stop_following = true};
  }
  return StepDown(/*restart_after=*/false);
}

RoleEffects RoleMachine::OnSplit() {
  if (!publishing()) return {};
  return StepDown(/*restart_after=*/false);
}

RoleEffects RoleMachine::StepDown(bool restart_after) {
  const bool was_stepping_down = role_ == Role::kSteppingDown;
  role_ = Role::kSteppingDown;
  restart_after_drain_ = restart_after && !log_failed_;
  return {.close_gate = !was_stepping_down, .stop_publishing = !was_stepping_down};
}

RoleEffects RoleMachine::OnDrained() {
  if (role_ != Role::kSteppingDown) return {};
  role_ = restart_after_drain_ ? Role::kRestarting : Role::kSecondary;
  return {.begin_restart = restart_after_drain_, .start_following = !log_failed_};
}

}  // namespace holdfast::replication
