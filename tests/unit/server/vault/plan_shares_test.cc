#include <gtest/gtest.h>

#include "tests/unit/server/vault/vault_fixture.h"

namespace holdfast::vault {
namespace {

constexpr auto kView = v1::SHARE_LEVEL_VIEW;
constexpr auto kModify = v1::SHARE_LEVEL_MODIFY;
constexpr auto kFull = v1::SHARE_LEVEL_FULL_ACCESS;

class PlanSharesTest : public ::testing::Test {
 protected:
  Vault vault;
  const uint64_t owner = vault.AddUserNamed("owner", v1::ROLE_PASSWORD_ADMINISTRATOR);
  const uint64_t user = vault.AddUserNamed("user");
  const uint64_t friend_of = vault.AddUserNamed("friend");
  const uint64_t resource = vault.AddResourceNamed(owner, "Srv");
  const uint64_t account = vault.AddAccountNamed(owner, resource, "deploy");
  const uint64_t second = vault.AddResourceNamed(owner, "Other");

  std::optional<Refusal> WhyNot(uint64_t by, const SetShare& body) {
    return vault.WhyNot(by, body);
  }
};

TEST_F(PlanSharesTest, AShareThatIsThereTakesTheNewLevel) {
  const uint64_t share = vault.Share(owner, user, resource, 0, kView);
  EXPECT_EQ(vault.Share(owner, user, resource, 0, kFull), share);
  EXPECT_EQ(vault.state().FindShare(share)->level(), kFull);
  EXPECT_EQ(vault.state().RowCount(v1::TABLE_SHARE), 1u);
  const uint64_t of_account = vault.Share(owner, user, 0, account, kView);
  EXPECT_NE(of_account, share);
  EXPECT_EQ(vault.state().FindShare(of_account)->resource_id(), resource);
}

TEST_F(PlanSharesTest, OnlyOwnerAndFullAccessShare) {
  EXPECT_EQ(WhyNot(user, {friend_of, resource, 0, kView}), Refusal::kNoSuchResource);
  EXPECT_EQ(WhyNot(user, {friend_of, 0, account, kView}), Refusal::kNoSuchAccount);
  vault.Share(owner, user, resource, 0, kModify);
  EXPECT_EQ(WhyNot(user, {friend_of, resource, 0, kView}), Refusal::kNotPermitted);
  EXPECT_EQ(WhyNot(user, {friend_of, 0, account, kView}), Refusal::kNotPermitted);
  vault.Share(owner, user, 0, account, kFull);
  EXPECT_EQ(WhyNot(user, {friend_of, resource, 0, kView}), Refusal::kNotPermitted);
  EXPECT_EQ(WhyNot(user, {friend_of, 0, account, kView}), std::nullopt);
  EXPECT_EQ(WhyNot(kRoot, {friend_of, resource, 0, kView}), std::nullopt);
  EXPECT_EQ(WhyNot(kNobody, {friend_of, resource, 0, kView}), std::nullopt);
}

TEST_F(PlanSharesTest, TheTargetMustFit) {
  EXPECT_EQ(WhyNot(owner, {user, 0, 0, kView}), Refusal::kMandatoryMissing);
  EXPECT_EQ(WhyNot(owner, {user, second, account, kView}), Refusal::kNoSuchAccount);
  EXPECT_EQ(WhyNot(owner, {user, resource, account, kView}), std::nullopt);
  EXPECT_EQ(WhyNot(owner, {999, resource, 0, kView}), Refusal::kNoSuchUser);
  EXPECT_EQ(WhyNot(owner, {user, resource, 0, v1::SHARE_LEVEL_UNSPECIFIED}),
            Refusal::kMandatoryMissing);
  EXPECT_EQ(WhyNot(owner, {user, resource, 0, static_cast<v1::ShareLevel>(9)}),
            Refusal::kInvalidInput);
  EXPECT_EQ(WhyNot(owner, {owner, resource, 0, kView}), Refusal::kInvalidInput);
  EXPECT_EQ(WhyNot(owner, {owner, 0, account, kView}), Refusal::kInvalidInput);
}

TEST_F(PlanSharesTest, WhoMayShareMayRevoke) {
  const uint64_t share = vault.Share(owner, user, resource, 0, kModify);
  EXPECT_EQ(vault.WhyNot(friend_of, RevokeShare{share}), Refusal::kNoSuchShare);
  EXPECT_EQ(vault.WhyNot(owner, RevokeShare{999}), Refusal::kNoSuchShare);
  vault.Share(owner, friend_of, resource, 0, kFull);
  EXPECT_EQ(vault.WhyNot(friend_of, RevokeShare{share}), std::nullopt);
  ASSERT_TRUE(vault.Do(owner, RevokeShare{share}).ok());
  EXPECT_EQ(vault.state().FindShare(share), nullptr);
}

TEST_F(PlanSharesTest, ALowerShareCannotBeThrownAwayForAHigherOne) {
  vault.Share(owner, user, resource, 0, kModify);
  const uint64_t lower = vault.Share(owner, user, 0, account, kView);
  EXPECT_EQ(vault.WhyNot(user, RevokeShare{lower}), Refusal::kNotPermitted);
  EXPECT_EQ(vault.WhyNot(user, SetSecret{account, Sealed()}), Refusal::kNotPermitted);
}

}  // namespace
}  // namespace holdfast::vault
