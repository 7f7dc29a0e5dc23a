#include <gtest/gtest.h>

#include <algorithm>

#include "server/base/limits.h"
#include "server/vault/pending_state.h"
#include "tests/unit/server/vault/vault_fixture.h"

namespace holdfast::vault {
namespace {

class PlanClusterTest : public ::testing::Test {
 protected:
  Vault vault;
  const uint64_t admin = vault.AddUserNamed("admin", v1::ROLE_ADMINISTRATOR);

  void Invite(const std::string& node_id, char fill, int64_t expires_ms = kNow + 1000) {
    const auto planned = vault.Do(kRoot, CreateInvite{node_id, Hash(fill), expires_ms});
    EXPECT_TRUE(planned.ok()) << planned.status();
  }
  std::optional<Refusal> WhyNotJoin(char invite, const v1::MemberRow& member,
                                    uint64_t by = kNobody) {
    return vault.WhyNot(by, JoinMember{Hash(invite), member});
  }
  void Join(const std::string& node_id, char fill, bool never_primary = false) {
    CreateInvite invite{node_id, Hash(fill), kNow + 1, never_primary};
    ASSERT_TRUE(vault.Do(kRoot, invite).ok());
    JoinMember body{Hash(fill), Member(node_id, fill)};
    const auto planned = vault.Do(kNobody, body);
    EXPECT_TRUE(planned.ok()) << planned.status();
  }
};

absl::StatusOr<Planned> PlanFirst(const State& state, const Bootstrap& body, uint64_t by = 0) {
  Command command{.actor = {}, .now_ms = kNow, .body = body};
  command.actor.set_user_id(by);
  return Plan(state, command);
}

TEST_F(PlanClusterTest, TheFirstRowsComeOnceAndFromTheNode) {
  EXPECT_EQ(vault.WhyNot(kNobody, FirstRows()), Refusal::kAlreadyExists);
  EXPECT_EQ(vault.WhyNot(kRoot, FirstRows()), Refusal::kNotPermitted);
  const State empty;
  EXPECT_EQ(RefusalOf(PlanFirst(empty, FirstRows(), kRoot).status()), Refusal::kAuthFailed);
  EXPECT_EQ(RefusalOf(PlanFirst(empty, Bootstrap()).status()), Refusal::kMandatoryMissing);
  Bootstrap twice = FirstRows();
  twice.rows.push_back(twice.rows[0]);
  twice.rows.back().mutable_cluster()->set_cluster_id("c2");
  EXPECT_EQ(RefusalOf(PlanFirst(empty, twice).status()), Refusal::kInvalidInput);
}

TEST_F(PlanClusterTest, NoIdOfTheFirstRowsIsGivenOutAgain) {
  EXPECT_EQ(vault.state().Counter("id"), admin);
  EXPECT_EQ(admin, kRoot + 1);
  Bootstrap counted = FirstRows();
  v1::CounterRow& counter = *counted.rows.emplace_back().mutable_counter();
  counter.set_name("id");
  counter.set_value(500);
  const auto planned = PlanFirst(State(), counted);
  ASSERT_TRUE(planned.ok());
  State state;
  for (const auto& change : planned->changes) ASSERT_TRUE(state.Apply(change).ok());
  EXPECT_EQ(state.Counter("id"), 500u);
}

TEST_F(PlanClusterTest, ClusterRightsAreAPrivilegeOfTheirOwn) {
  EXPECT_EQ(vault.WhyNot(admin, CreateInvite{"node-b", Hash('b'), kNow + 1}),
            Refusal::kNotPermitted);
  EXPECT_EQ(vault.WhyNot(admin, SetSshd{}), Refusal::kNotPermitted);
  EXPECT_EQ(vault.WhyNot(admin, SetSettings{v1::LEVEL_LOCAL, 0, v1::POLICY_BLOCK}),
            Refusal::kNotPermitted);
  EXPECT_EQ(vault.WhyNot(kRoot, CreateInvite{"node-b", Hash('b'), kNow + 1}), std::nullopt);
}

TEST_F(PlanClusterTest, InvitesAreChecked) {
  const auto why_not = [&](const CreateInvite& body) { return vault.WhyNot(kRoot, body); };
  EXPECT_EQ(why_not({"", Hash('b'), kNow + 1}), Refusal::kMandatoryMissing);
  EXPECT_EQ(why_not({"node_b", Hash('b'), kNow + 1}), Refusal::kInvalidInput);
  EXPECT_EQ(why_not({"-b", Hash('b'), kNow + 1}), Refusal::kInvalidInput);
  EXPECT_EQ(why_not({std::string(64, 'b'), Hash('b'), kNow + 1}), Refusal::kInvalidInput);
  EXPECT_EQ(why_not({"node-b", "short", kNow + 1}), Refusal::kInvalidInput);
  EXPECT_EQ(why_not({"node-b", Hash('b'), kNow}), Refusal::kInvalidInput);
  EXPECT_EQ(why_not({"node-b", Hash('b'), 0}), Refusal::kInvalidInput);
  Invite("node-b", 'b');
  EXPECT_EQ(why_not({"node-b", Hash('b'), kNow + 1}), Refusal::kAlreadyExists);
}

TEST_F(PlanClusterTest, OldInvitesMakeRoom) {
  for (size_t i = 0; i < limits::kInvitesMax; ++i) {
    CreateInvite body{"node-b", std::string(31, 'h') + static_cast<char>(i), kNow + 1};
    ASSERT_TRUE(vault.Do(kRoot, body).ok());
  }
  EXPECT_EQ(vault.WhyNot(kRoot, CreateInvite{"node-b", Hash('b'), kNow + 1}),
            Refusal::kLimitReached);
  vault.now_ms = kNow + 8LL * 24 * 3600 * 1000;
  Invite("node-b", 'b', vault.now_ms + 1);
  EXPECT_EQ(vault.state().RowCount(v1::TABLE_INVITE), 1u);
}

TEST_F(PlanClusterTest, AnInviteIsUsedOnce) {
  Invite("node-b", 'b');
  EXPECT_EQ(WhyNotJoin('x', Member("node-b", 'b')), Refusal::kInviteUnknown);
  EXPECT_EQ(WhyNotJoin('b', Member("node-c", 'c')), Refusal::kInviteUnknown);
  EXPECT_EQ(WhyNotJoin('b', Member("node-b", 'b'), kRoot), Refusal::kNotPermitted);
  const auto planned = vault.Do(kNobody, JoinMember{Hash('b'), Member("node-b", 'b')});
  ASSERT_TRUE(planned.ok()) << planned.status();
  EXPECT_EQ(vault.state().FindMember("node-b")->joined_ms(), kNow);
  EXPECT_EQ(vault.state().FindInviteByHash(Hash('b'))->used_ms(), kNow);
  EXPECT_EQ(WhyNotJoin('b', Member("node-b", 'b')), Refusal::kInviteUsed);
}

TEST_F(PlanClusterTest, AnInviteEnds) {
  Invite("node-b", 'b', kNow + 10);
  vault.now_ms = kNow + 9;
  EXPECT_EQ(WhyNotJoin('b', Member("node-b", 'b')), std::nullopt);
  vault.now_ms = kNow + 10;
  EXPECT_EQ(WhyNotJoin('b', Member("node-b", 'b')), Refusal::kInviteExpired);
}

TEST_F(PlanClusterTest, ANewInviteReplacesAMember) {
  Join("node-b", 'b');
  Invite("node-b", 'n');
  ASSERT_TRUE(vault.Do(kNobody, JoinMember{Hash('n'), Member("node-b", 'd')}).ok());
  EXPECT_EQ(vault.state().FindMember("node-b")->fingerprint(), std::string(64, 'd'));
  EXPECT_EQ(vault.state().RowCount(v1::TABLE_MEMBER), 2u);
}

TEST_F(PlanClusterTest, MembersAreChecked) {
  Invite("node-b", 'b');
  v1::MemberRow member = Member("node-b", 'a');
  EXPECT_EQ(WhyNotJoin('b', member), Refusal::kAlreadyExists);  // the certificate of node-a
  member = Member("node-b", 'x');
  EXPECT_EQ(WhyNotJoin('b', member), Refusal::kInvalidInput);
  member = Member("node-b", 'b');
  member.set_rest_url("http://node-b:8282");
  EXPECT_EQ(WhyNotJoin('b', member), Refusal::kInvalidInput);
  member = Member("node-b", 'b');
  member.set_peer_address("node-b");
  EXPECT_EQ(WhyNotJoin('b', member), Refusal::kInvalidInput);
  member.set_peer_address("");
  EXPECT_EQ(WhyNotJoin('b', member), Refusal::kMandatoryMissing);
}

TEST_F(PlanClusterTest, SshdIsOfAMemberOrTheDefault) {
  SetSshd body;
  body.sshd.set_port(65535);
  body.sshd.set_enabled(true);
  ASSERT_TRUE(vault.Do(kRoot, body).ok());
  EXPECT_EQ(vault.state().FindSshd("")->port(), 65535u);
  body.sshd.set_port(65536);
  EXPECT_EQ(vault.WhyNot(kRoot, body), Refusal::kInvalidInput);
  body.sshd.set_port(0);
  body.sshd.set_node_id("node-a");
  EXPECT_EQ(vault.WhyNot(kRoot, body), std::nullopt);
  body.sshd.set_node_id("node-z");
  EXPECT_EQ(vault.WhyNot(kRoot, body), Refusal::kNoSuchMember);
}

TEST_F(PlanClusterTest, KGoesWithTheLevelAndTheVoters) {
  const auto why_not = [&](v1::Level level, uint32_t k, v1::Policy policy = v1::POLICY_BLOCK) {
    return vault.WhyNot(kRoot, SetSettings{level, k, policy});
  };
  EXPECT_EQ(why_not(v1::LEVEL_LOCAL, 0), std::nullopt);
  EXPECT_EQ(why_not(v1::LEVEL_RECEIVED, 0), Refusal::kInvalidInput);
  EXPECT_EQ(why_not(v1::LEVEL_LOCAL, 1), Refusal::kInvalidInput);
  EXPECT_EQ(why_not(v1::LEVEL_DURABLE, 0), Refusal::kInvalidInput);
  EXPECT_EQ(why_not(v1::LEVEL_DURABLE, 1), Refusal::kInvalidInput);  // node-a is alone
  Join("node-b", 'b');
  EXPECT_EQ(why_not(v1::LEVEL_RECEIVED, 1), std::nullopt);
  EXPECT_EQ(why_not(v1::LEVEL_DURABLE, 1), std::nullopt);
  Join("node-c", 'c', /*never_primary=*/true);
  EXPECT_EQ(why_not(v1::LEVEL_APPLIED, 2), Refusal::kInvalidInput);
  Join("node-d", 'd');
  EXPECT_EQ(why_not(v1::LEVEL_APPLIED, 2), std::nullopt);
  EXPECT_EQ(why_not(v1::LEVEL_UNSPECIFIED, 0), Refusal::kMandatoryMissing);
  EXPECT_EQ(why_not(v1::LEVEL_LOCAL, 0, v1::POLICY_UNSPECIFIED), Refusal::kMandatoryMissing);
  EXPECT_EQ(why_not(static_cast<v1::Level>(9), 0), Refusal::kInvalidInput);
  ASSERT_TRUE(vault.Do(kRoot, SetSettings{v1::LEVEL_DURABLE, 1, v1::POLICY_DEGRADE}).ok());
  const v1::ClusterRow& cluster = *vault.state().Cluster();
  EXPECT_EQ(cluster.level(), v1::LEVEL_DURABLE);
  EXPECT_EQ(cluster.k(), 1u);
  EXPECT_EQ(cluster.policy(), v1::POLICY_DEGRADE);
  EXPECT_EQ(cluster.name(), "test");
}

TEST_F(PlanClusterTest, WhetherAMemberVotesIsInItsInvite) {
  Join("node-b", 'b', /*never_primary=*/true);
  EXPECT_TRUE(vault.state().FindMember("node-b")->never_primary());
  Join("node-c", 'c');
  EXPECT_FALSE(vault.state().FindMember("node-c")->never_primary());
}

TEST_F(PlanClusterTest, AForgottenMemberTakesItsRowsAlong) {
  Join("node-b", 'b');
  SetSshd sshd;
  sshd.sshd.set_node_id("node-b");
  ASSERT_TRUE(vault.Do(kRoot, sshd).ok());
  vault.AddAccountNamed(kRoot, vault.AddResourceNamed(kRoot, "db"), "sa");
  EXPECT_EQ(vault.WhyNot(admin, ForgetMember{"node-b"}), Refusal::kNotPermitted);
  EXPECT_EQ(vault.WhyNot(kRoot, ForgetMember{"node-x"}), Refusal::kNoSuchMember);
  const auto planned = vault.Do(kRoot, ForgetMember{"node-b"});
  ASSERT_TRUE(planned.ok()) << planned.status();
  EXPECT_EQ(planned->secrets_held, 1u);
  EXPECT_EQ(vault.state().FindMember("node-b"), nullptr);
  EXPECT_EQ(vault.state().FindSshd("node-b"), nullptr);
}

TEST_F(PlanClusterTest, ThePrimaryIsNotForgottenAndEnoughVotersStay) {
  Join("node-b", 'b');
  Command command{.actor = {}, .now_ms = kNow, .body = ForgetMember{"node-b"}};
  command.actor.set_user_id(kRoot);
  command.primary = "node-b";
  EXPECT_EQ(RefusalOf(Plan(vault.state(), command).status()), Refusal::kInvalidInput);
  ASSERT_TRUE(vault.Do(kRoot, SetSettings{v1::LEVEL_DURABLE, 1, v1::POLICY_BLOCK}).ok());
  EXPECT_EQ(vault.WhyNot(kRoot, ForgetMember{"node-b"}), Refusal::kNotEnoughSecondaries);
  ASSERT_TRUE(vault.Do(kRoot, SetSettings{v1::LEVEL_LOCAL, 0, v1::POLICY_BLOCK}).ok());
  EXPECT_EQ(vault.WhyNot(kRoot, ForgetMember{"node-b"}), std::nullopt);
}

TEST_F(PlanClusterTest, OneChangeOfTheMembersAtATime) {
  Invite("node-b", 'b');
  Invite("node-c", 'c');
  PendingState pending(vault.state());
  const auto plan = [&](char fill, const std::string& name) {
    return Plan(pending,
                {.actor = {}, .now_ms = kNow, .body = JoinMember{Hash(fill), Member(name, fill)}});
  };
  const auto first = plan('b', "node-b");
  ASSERT_TRUE(first.ok());
  for (const auto& change : first->changes) ASSERT_TRUE(pending.Apply(1, change).ok());
  EXPECT_EQ(RefusalOf(plan('c', "node-c").status()), Refusal::kRoleChangeUnderWay);
  for (const auto& change : first->changes) ASSERT_TRUE(vault.state().Apply(change).ok());
  pending.Forget(1);
  EXPECT_TRUE(plan('c', "node-c").ok());
}

TEST_F(PlanClusterTest, TheWaitIsBoundedAndKeptWhenItIsNotNamed) {
  SetSettings body{v1::LEVEL_LOCAL, 0, v1::POLICY_DEGRADE};
  body.wait_ms = 99;
  EXPECT_EQ(vault.WhyNot(kRoot, body), Refusal::kInvalidInput);
  body.wait_ms = 60'001;
  EXPECT_EQ(vault.WhyNot(kRoot, body), Refusal::kInvalidInput);
  body.wait_ms = 700;
  ASSERT_TRUE(vault.Do(kRoot, body).ok());
  body.wait_ms.reset();
  ASSERT_TRUE(vault.Do(kRoot, body).ok());
  EXPECT_EQ(vault.state().Cluster()->wait_ms(), 700u);
}

}  // namespace
}  // namespace holdfast::vault
