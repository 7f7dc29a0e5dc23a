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

TEST(RoleMachineTest, AnyPromiseToAnotherEndsAClaim) {
  RoleMachine m;
  m.OnStart(true);
  m.OnRestartAllowed(E(6));
  EXPECT_TRUE(m.OnHigherEpoch(E(5, "b")).close_gate);
  EXPECT_EQ(m.OnEpochPersisted(), RoleEffects{});
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

TEST(RoleMachineTest, ASplitIsKnownAfterARestartTooAndStopsNothingThen) {
  RoleMachine m;
  m.OnStart(true);
  EXPECT_EQ(m.OnSplit(), RoleEffects{});
  EXPECT_TRUE(m.split());
  EXPECT_EQ(m.role(), Role::kRestarting);
  m.OnHigherEpoch(E(5, "b"));
  EXPECT_FALSE(m.split());
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

TEST(RoleMachineTest, HandsOverByHoldingWritesAndStepsDownToAsk) {
  RoleMachine m = PrimaryIn(E(4));
  EXPECT_EQ(m.OnSwitchover(), RoleEffects{.hold_writes = true});
  EXPECT_FALSE(m.gate_open());
  EXPECT_TRUE(m.publishing());
  EXPECT_EQ(m.OnAppendHandOver(), RoleEffects{.append_hand_over = true});
  EXPECT_EQ(m.OnHandedOver(), (RoleEffects{.close_gate = true, .stop_publishing = true}));
  EXPECT_EQ(m.OnDrained(), (RoleEffects{.begin_hand_over = true, .start_following = true}));
  EXPECT_EQ(m.OnHandOverRefused(), RoleEffects{.begin_restart = true});
}

TEST(RoleMachineTest, ASwitchoverCanBeAbandonedUntilTheRecordIsAppended) {
  RoleMachine m = PrimaryIn(E(4));
  m.OnSwitchover();
  EXPECT_EQ(m.OnHandedOver(), RoleEffects{}) << "nothing was appended";
  EXPECT_EQ(m.OnSwitchoverAbandoned(), RoleEffects{.release_writes = true});
  EXPECT_TRUE(m.gate_open());
  m.OnSwitchover();
  m.OnAppendHandOver();
  EXPECT_EQ(m.OnSwitchoverAbandoned(), RoleEffects{});
  EXPECT_FALSE(m.gate_open());
}

TEST(RoleMachineTest, AHandOverThatTheDiskDidNotTakeHasNotHappened) {
  RoleMachine m = PrimaryIn(E(4));
  EXPECT_EQ(m.OnHandOverNotWritten(), RoleEffects{});
  m.OnSwitchover();
  m.OnAppendHandOver();
  EXPECT_EQ(m.OnHandOverNotWritten(), RoleEffects{.release_writes = true});
  EXPECT_TRUE(m.gate_open());
  EXPECT_EQ(m.OnSwitchover(), RoleEffects{.hold_writes = true});
}

TEST(RoleMachineTest, AClaimThatIsNotOnDiskBeginsNothing) {
  RoleMachine m;
  m.OnStart(true);
  m.OnRestartAllowed(E(4));
  EXPECT_FALSE(m.OnClaimFailed().append_epoch_start.has_value());
  EXPECT_EQ(m.OnEpochPersisted(), RoleEffects{});
  EXPECT_EQ(m.OnDrained(), (RoleEffects{.begin_restart = true, .start_following = true}));
  EXPECT_EQ(PrimaryIn(E(4)).OnClaimFailed(), RoleEffects{});
}

TEST(RoleMachineTest, AHigherEpochEndsAHandOverToo) {
  RoleMachine m = PrimaryIn(E(4));
  m.OnSwitchover();
  EXPECT_TRUE(m.OnHigherEpoch(E(5, "b")).close_gate);
  EXPECT_TRUE(m.OnDrained().begin_restart);
}

TEST(RoleMachineTest, ANodeWhoseLogEndsInItsOwnHandOverAsksAndDoesNotRestart) {
  RoleMachine m;
  EXPECT_EQ(m.OnStart(true, /*handed_over=*/true),
            (RoleEffects{.begin_hand_over = true, .start_following = true}));
  EXPECT_EQ(m.role(), Role::kSecondary);
}

TEST(RoleMachineTest, ASplitLastsUntilAHigherEpochIsSeen) {
  RoleMachine m = PrimaryIn(E(4));
  m.OnSplit();
  m.OnDrained();
  EXPECT_TRUE(m.split());
  m.OnHigherEpoch(E(4, "b"));
  EXPECT_TRUE(m.split());
  m.OnHigherEpoch(E(5, "b"));
  EXPECT_FALSE(m.split());
}

}  // namespace
}  // namespace holdfast::replication
