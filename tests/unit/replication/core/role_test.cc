#include "replication/core/role.h"

#include <gtest/gtest.h>

#include "tests/unit/replication/core/core_testing.h"

namespace holdfast::replication {
namespace {

RoleMachine PrimaryIn(const Epoch& epoch) {
  RoleMachine m;
  m.OnStart(/*was_primary=*/true);
  m.OnRestartAllowed(epoch);
  m.OnEpochPersisted();
  m.OnEpochStartAppended();
  m.OnEpochStartCommitted();
  return m;
}

TEST(RoleMachineTest, PersistsThenAppendsThenPublishesThenOpensTheGate) {
  RoleMachine m;
  EXPECT_EQ(m.OnStart(true), (RoleEffects{.begin_restart = true, .start_following = true}));
  EXPECT_EQ(m.OnRestartAllowed(E(4)), (RoleEffects{.stop_following = true, .persist_epoch = E(4)}));
  EXPECT_FALSE(m.publishing());
  EXPECT_EQ(m.OnEpochPersisted(), (RoleEffects{.append_epoch_start = E(4)}));
  EXPECT_EQ(m.OnEpochStartAppended(), (RoleEffects{.start_publishing = true}));
  EXPECT_FALSE(m.gate_open());
  EXPECT_EQ(m.OnEpochStartCommitted(), (RoleEffects{.open_gate = true}));
  EXPECT_TRUE(m.gate_open());
}

TEST(RoleMachineTest, ANodeThatWasNotPrimaryOnlyFollows) {
  RoleMachine m;
  EXPECT_EQ(m.OnStart(false), (RoleEffects{.start_following = true}));
  EXPECT_EQ(m.OnRestartAllowed(E(4)), RoleEffects{});
  EXPECT_EQ(m.role(), Role::kSecondary);
}

TEST(RoleMachineTest, ClosesTheGateInTheStepThatLearnsOfAHigherEpoch) {
  RoleMachine m = PrimaryIn(E(4));
  EXPECT_EQ(m.OnHigherEpoch(E(5, "b")), (RoleEffects{.close_gate = true, .stop_publishing = true}));
  EXPECT_FALSE(m.gate_open());
  EXPECT_EQ(m.OnDrained(), (RoleEffects{.begin_restart = true, .start_following = true}));
}

TEST(RoleMachineTest, IgnoresItsOwnAndOlderEpochs) {
  RoleMachine m = PrimaryIn(E(4));
  EXPECT_EQ(m.OnHigherEpoch(E(4)), RoleEffects{});
  EXPECT_EQ(m.OnHigherEpoch(E(3, "b")), RoleEffects{});
  EXPECT_TRUE(m.gate_open());
}

TEST(RoleMachineTest, YieldsWhenAnotherNodeHasItsNumberAndTheJudgeSaysSo) {
  RoleMachine m = PrimaryIn(E(4));
  EXPECT_TRUE(m.OnHigherEpoch(E(4, "b")).close_gate);
}

TEST(RoleMachineTest, AHigherEpochWhileClaimingNeverReachesTheStartRecord) {
  RoleMachine m;
  m.OnStart(true);
  m.OnRestartAllowed(E(4));
  m.OnHigherEpoch(E(6, "b"));
  EXPECT_EQ(m.OnEpochPersisted(), RoleEffects{});
  EXPECT_EQ(m.role(), Role::kSteppingDown);
}

TEST(RoleMachineTest, ALateCommitOfTheStartRecordDoesNotOpenTheGateAgain) {
  RoleMachine m;
  m.OnStart(true);
  m.OnRestartAllowed(E(4));
  m.OnEpochPersisted();
  m.OnHigherEpoch(E(6, "b"));
  EXPECT_EQ(m.OnEpochStartCommitted(), RoleEffects{});
  EXPECT_FALSE(m.gate_open());
}

TEST(RoleMachineTest, AFailedLogClosesTheGateAndIsNotTriedAgain) {
  RoleMachine m = PrimaryIn(E(4));
  EXPECT_EQ(m.OnLogFailed(), (RoleEffects{.close_gate = true, .stop_publishing = true}));
  EXPECT_EQ(m.OnDrained(), RoleEffects{});
  EXPECT_EQ(m.role(), Role::kSecondary);
  EXPECT_EQ(m.OnRestartAllowed(E(5)), RoleEffects{});
}

TEST(RoleMachineTest, AFailedLogOnASecondaryEndsItsFollowing) {
  RoleMachine m;
  m.OnStart(true);
  EXPECT_EQ(m.OnLogFailed(), (RoleEffects{.stop_following = true}));
  EXPECT_EQ(m.OnRestartAllowed(E(5)), RoleEffects{});
}

TEST(RoleMachineTest, ASplitStopsWithoutARestart) {
  RoleMachine m = PrimaryIn(E(4));
  EXPECT_TRUE(m.OnSplit().close_gate);
  EXPECT_FALSE(m.OnDrained().begin_restart);
  EXPECT_EQ(m.OnSplit(), RoleEffects{});
}

TEST(RoleMachineTest, AGivenUpRestartIsAnOrdinarySecondary) {
  RoleMachine m;
  m.OnStart(true);
  m.OnRestartGivenUp();
  EXPECT_EQ(m.role(), Role::kSecondary);
  EXPECT_EQ(m.OnRestartAllowed(E(4)), RoleEffects{});
}

TEST(RoleMachineTest, APromotedSecondaryRestartsAndNobodyElseDoes) {
  RoleMachine secondary;
  secondary.OnStart(false);
  EXPECT_EQ(secondary.OnPromote(), RoleEffects{.begin_restart = true});
  EXPECT_EQ(secondary.role(), Role::kRestarting);
  EXPECT_EQ(secondary.OnPromote(), RoleEffects{});
  RoleMachine failed;
  failed.OnStart(false);
  failed.OnLogFailed();
  EXPECT_EQ(failed.OnPromote(), RoleEffects{});
}

}  // namespace
}  // namespace holdfast::replication
