#include <gtest/gtest.h>

#include "server/base/limits.h"
#include "tests/unit/server/vault/vault_fixture.h"

namespace holdfast::vault {
namespace {

class PlanAccountsTest : public ::testing::Test {
 protected:
  Vault vault;
  const uint64_t owner = vault.AddUserNamed("owner", v1::ROLE_PASSWORD_ADMINISTRATOR);
  const uint64_t other = vault.AddUserNamed("other", v1::ROLE_ADMINISTRATOR);
  const uint64_t user = vault.AddUserNamed("user");
  const uint64_t resource = vault.AddResourceNamed(owner, "Srv");
  const uint64_t account = vault.AddAccountNamed(owner, resource, "deploy");

  std::optional<Refusal> WhyNotAdd(const v1::AccountRow& row) {
    return vault.WhyNot(owner, AddAccounts{resource, {row}});
  }
  std::optional<Refusal> WhyNotResource(const std::string& name, uint64_t by) {
    AddResource body;
    body.resource.set_name(name);
    return vault.WhyNot(by, body);
  }
};

TEST_F(PlanAccountsTest, AResourceBelongsToWhoAddsIt) {
  const v1::ResourceRow& row = *vault.state().FindResource(resource);
  EXPECT_EQ(row.owner_id(), owner);
  EXPECT_EQ(row.organization_id(), kDefaultOrganization);
  EXPECT_EQ(row.created_ms(), kNow);
  const v1::AccountRow& added = *vault.state().FindAccount(account);
  EXPECT_EQ(added.resource_id(), resource);
  EXPECT_EQ(added.secret_changed_ms(), kNow);
}

TEST_F(PlanAccountsTest, NamesAreTakenLetterCaseAside) {
  EXPECT_EQ(WhyNotResource("sRV", owner), Refusal::kAlreadyExists);
  EXPECT_EQ(WhyNotAdd(Account("Deploy")), Refusal::kAlreadyExists);
  EXPECT_EQ(vault.WhyNot(owner, AddAccounts{resource, {Account("x"), Account("X")}}),
            Refusal::kAlreadyExists);
}

TEST_F(PlanAccountsTest, RoleDecidesWhoAddsResources) {
  EXPECT_EQ(WhyNotResource("a", user), Refusal::kNotPermitted);
  EXPECT_EQ(WhyNotResource("a", other), std::nullopt);
  EXPECT_EQ(WhyNotResource("a", owner), std::nullopt);
  EXPECT_EQ(WhyNotResource("a", kNobody), Refusal::kMandatoryMissing);  // A node owns nothing.
  AddResource body;
  body.resource.set_name("a");
  body.resource.set_owner_id(user);
  EXPECT_EQ(vault.WhyNot(kNobody, body), std::nullopt);
}

TEST_F(PlanAccountsTest, WhatIsNotSeenIsNotThere) {
  for (const uint64_t by : {other, user}) {
    EXPECT_EQ(vault.WhyNot(by, DeleteResource{resource}), Refusal::kNoSuchResource);
    EXPECT_EQ(vault.WhyNot(by, AddAccounts{resource, {Account("x")}}), Refusal::kNoSuchResource);
    EXPECT_EQ(vault.WhyNot(by, DeleteAccount{account}), Refusal::kNoSuchAccount);
    EXPECT_EQ(vault.WhyNot(by, SetSecret{account, Sealed()}), Refusal::kNoSuchAccount);
  }
  EXPECT_EQ(vault.WhyNot(kRoot, DeleteResource{resource}), std::nullopt);  // sees everything
  EXPECT_EQ(vault.WhyNot(kRoot, DeleteResource{999}), Refusal::kNoSuchResource);
  EXPECT_EQ(vault.WhyNot(kNobody, DeleteResource{999}), Refusal::kNoSuchResource);
  EXPECT_EQ(vault.WhyNot(kNobody, DeleteAccount{999}), Refusal::kNoSuchAccount);
}

TEST_F(PlanAccountsTest, LevelsGiveWhatTheySay) {
  const auto secret = [&] { return vault.WhyNot(user, SetSecret{account, Sealed('n')}); };
  const auto add = [&] { return vault.WhyNot(user, AddAccounts{resource, {Account("x")}}); };
  const auto drop = [&] { return vault.WhyNot(user, DeleteAccount{account}); };
  vault.Share(owner, user, resource, 0, v1::SHARE_LEVEL_VIEW);
  EXPECT_EQ(secret(), Refusal::kNotPermitted);
  EXPECT_EQ(add(), Refusal::kNotPermitted);
  vault.Share(owner, user, resource, 0, v1::SHARE_LEVEL_MODIFY);
  EXPECT_EQ(secret(), std::nullopt);
  EXPECT_EQ(add(), Refusal::kNotPermitted);
  EXPECT_EQ(drop(), Refusal::kNotPermitted);
  vault.Share(owner, user, resource, 0, v1::SHARE_LEVEL_FULL_ACCESS);
  EXPECT_EQ(add(), std::nullopt);
  EXPECT_EQ(drop(), std::nullopt);
  vault.Share(owner, user, 0, account, v1::SHARE_LEVEL_VIEW);  // beats the one of the resource
  EXPECT_EQ(secret(), Refusal::kNotPermitted);
  EXPECT_EQ(drop(), Refusal::kNotPermitted);
}

TEST_F(PlanAccountsTest, SetSecretChangesTheSecretAlone) {
  const v1::AccountRow before = *vault.state().FindAccount(account);
  vault.now_ms = kNow + 5;
  const auto planned = vault.Do(owner, SetSecret{account, Sealed('n')});
  ASSERT_TRUE(planned.ok());
  EXPECT_EQ(planned->operation, "account.set_secret");
  EXPECT_EQ(planned->id, resource);
  EXPECT_EQ(planned->account_ids, std::vector<uint64_t>{account});
  v1::AccountRow expected = before;
  *expected.mutable_secret() = Sealed('n');
  expected.set_modified_ms(kNow + 5);
  expected.set_secret_changed_ms(kNow + 5);
  EXPECT_EQ(vault.state().FindAccount(account)->SerializeAsString(), expected.SerializeAsString());
}

TEST_F(PlanAccountsTest, ASecretMustBeOpenableLater) {
  v1::AccountRow row = Account("x");
  row.clear_secret();
  EXPECT_EQ(WhyNotAdd(row), Refusal::kMandatoryMissing);
  row = Account("x");
  row.mutable_secret()->set_generation(2);  // No such data key.
  EXPECT_EQ(WhyNotAdd(row), Refusal::kInvalidInput);
  EXPECT_EQ(vault.WhyNot(owner, SetSecret{account, row.secret()}), Refusal::kInvalidInput);
  row = Account("x");
  row.mutable_secret()->set_nonce("short");
  EXPECT_EQ(WhyNotAdd(row), Refusal::kInvalidInput);
  row = Account("x");
  row.mutable_secret()->set_ciphertext(std::string(limits::kSecretBytesMax + 16, 'c'));
  EXPECT_EQ(WhyNotAdd(row), std::nullopt);
  row.mutable_secret()->mutable_ciphertext()->push_back('c');
  EXPECT_EQ(WhyNotAdd(row), Refusal::kLimitReached);
}

TEST_F(PlanAccountsTest, ACommandIsBoundedInNumberAndInBytes) {
  AddAccounts body{resource, {}};
  EXPECT_EQ(vault.WhyNot(owner, body), Refusal::kMandatoryMissing);
  for (size_t i = 0; i < limits::kAccountsPerCommandMax; ++i) {
    body.accounts.push_back(Account("a" + std::to_string(i)));
  }
  EXPECT_EQ(vault.WhyNot(owner, body), std::nullopt);
  body.accounts.push_back(Account("one more"));
  EXPECT_EQ(vault.WhyNot(owner, body), Refusal::kLimitReached);
  body.accounts.pop_back();
  for (v1::AccountRow& row : body.accounts) {
    row.mutable_secret()->set_ciphertext(std::string(limits::kSecretBytesMax, 'c'));
  }
  EXPECT_EQ(vault.WhyNot(owner, body), Refusal::kLimitReached);
}

TEST_F(PlanAccountsTest, DeletingLeavesNothingBehind) {
  vault.Share(owner, user, resource, 0, v1::SHARE_LEVEL_VIEW);
  vault.Share(owner, user, 0, account, v1::SHARE_LEVEL_VIEW);
  ASSERT_TRUE(vault.Do(owner, DeleteAccount{account}).ok());
  EXPECT_EQ(vault.state().RowCount(v1::TABLE_SHARE), 1u);
  vault.AddAccountNamed(owner, resource, "again");
  ASSERT_TRUE(vault.Do(owner, DeleteResource{resource}).ok());
  EXPECT_EQ(vault.state().RowCount(v1::TABLE_RESOURCE), 0u);
  EXPECT_EQ(vault.state().RowCount(v1::TABLE_ACCOUNT), 0u);
  EXPECT_EQ(vault.state().RowCount(v1::TABLE_SHARE), 0u);
}

TEST_F(PlanAccountsTest, AResourceThatIsTooBigIsDeletedInSteps) {
  const auto accounts = [&] { return vault.state().RowCount(v1::TABLE_ACCOUNT); };
  while (accounts() < limits::kChangesPerRecordMax - 1) {
    const std::string name = std::to_string(accounts());
    vault.AddAccountNamed(owner, resource, name);
  }
  EXPECT_EQ(vault.WhyNot(owner, DeleteResource{resource}), std::nullopt);
  vault.AddAccountNamed(owner, resource, "one more");
  EXPECT_EQ(vault.WhyNot(owner, DeleteResource{resource}), Refusal::kLimitReached);
  ASSERT_TRUE(vault.Do(owner, DeleteAccount{account}).ok());
  EXPECT_TRUE(vault.Do(owner, DeleteResource{resource}).ok());
}

TEST_F(PlanAccountsTest, TextsAreChecked) {
  const std::string long_name(limits::kNameCharsMax + 1, 'n');
  for (const std::string& bad : {std::string(), long_name, std::string("a\nb"), std::string("\xff"),
                                 std::string("a\xc2\x85"), std::string(" a"), std::string("a ")}) {
    const Refusal expected = bad.empty() ? Refusal::kMandatoryMissing : Refusal::kInvalidInput;
    EXPECT_EQ(WhyNotResource(bad, owner), expected) << bad;
    EXPECT_EQ(WhyNotAdd(Account(bad)), expected) << bad;
  }
  EXPECT_EQ(WhyNotAdd(Account(std::string(limits::kNameCharsMax, 'n'))), std::nullopt);
  v1::AccountRow row = Account("x");
  row.set_notes("two\nlines\tand a tab");
  EXPECT_EQ(WhyNotAdd(row), std::nullopt);
  row.set_notes(std::string("a\0b", 3));
  EXPECT_EQ(WhyNotAdd(row), Refusal::kInvalidInput);
  row.set_notes(std::string(limits::kTextCharsMax + 1, 'n'));
  EXPECT_EQ(WhyNotAdd(row), Refusal::kInvalidInput);
}

}  // namespace
}  // namespace holdfast::vault
