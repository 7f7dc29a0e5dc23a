#include <gtest/gtest.h>

#include "server/base/limits.h"
#include "tests/unit/server/vault/vault_fixture.h"

namespace holdfast::vault {
namespace {

class PlanUsersTest : public ::testing::Test {
 protected:
  Vault vault;
  const uint64_t admin = vault.AddUserNamed("admin", v1::ROLE_ADMINISTRATOR);
  const uint64_t keeper = vault.AddUserNamed("keeper", v1::ROLE_PASSWORD_ADMINISTRATOR);
  const uint64_t user = vault.AddUserNamed("user");

  std::optional<Refusal> WhyNotAdd(const v1::UserRow& row, uint64_t by = kRoot) {
    return vault.WhyNot(by, AddUser{.user = row});
  }
  uint64_t IssueTo(uint64_t to, char fill, uint64_t by = kRoot) {
    const auto planned = vault.Do(by, IssueToken{to, {Hash(fill), 0}, false});
    EXPECT_TRUE(planned.ok()) << planned.status();
    return planned.ok() ? planned->token_id : 0;
  }
  uint64_t AddKeyTo(uint64_t to, const std::string& blob) {
    const auto planned = vault.Do(kRoot, AddSshKey{to, Key(blob)});
    EXPECT_TRUE(planned.ok()) << planned.status();
    return planned.ok() ? planned->key_ids.at(0) : 0;
  }
};

TEST_F(PlanUsersTest, AUserComesWithTokenAndKeys) {
  AddUser body{.user = User("ada"), .token = NewToken{Hash('t'), 0}, .keys = {Key("a"), Key("b")}};
  body.user.set_id(77);  // ignored
  const auto planned = vault.Do(admin, body);
  ASSERT_TRUE(planned.ok()) << planned.status();
  EXPECT_EQ(planned->operation, "user.add");
  const v1::UserRow* row = vault.state().FindUserByName(kDefaultOrganization, "ada");
  ASSERT_NE(row, nullptr);
  EXPECT_EQ(row->id(), planned->id);
  EXPECT_NE(row->id(), 77u);
  EXPECT_EQ(row->created_ms(), kNow);
  EXPECT_EQ(vault.state().FindTokenByHash(Hash('t'))->id(), planned->token_id);
  ASSERT_EQ(planned->key_ids.size(), 2u);
  EXPECT_EQ(vault.state().FindSshKeyOf(row->id(), "b")->id(), planned->key_ids[1]);
}

TEST_F(PlanUsersTest, OnlyAdministratorsManageUsers) {
  const uint64_t key = AddKeyTo(user, "k");
  for (const uint64_t by : {keeper, user}) {
    EXPECT_EQ(WhyNotAdd(User("x"), by), Refusal::kNotPermitted);
    EXPECT_EQ(vault.WhyNot(by, DeleteUser{admin}), Refusal::kNotPermitted);
    EXPECT_EQ(vault.WhyNot(by, DeleteUser{999}), Refusal::kNotPermitted);  // tells nothing
    EXPECT_EQ(vault.WhyNot(by, SetUserLocked{admin, true}), Refusal::kNotPermitted);
    EXPECT_EQ(vault.WhyNot(by, AddSshKey{user, Key("n")}), Refusal::kNotPermitted);
    EXPECT_EQ(vault.WhyNot(by, RemoveSshKey{key}), Refusal::kNotPermitted);
    EXPECT_EQ(vault.WhyNot(by, IssueToken{admin, {Hash('x'), 0}, false}), Refusal::kNotPermitted);
  }
  EXPECT_EQ(WhyNotAdd(User("x"), admin), std::nullopt);
  EXPECT_EQ(vault.WhyNot(admin, DeleteUser{user}), std::nullopt);
  EXPECT_EQ(vault.WhyNot(admin, SetUserLocked{user, true}), std::nullopt);
  EXPECT_EQ(vault.WhyNot(admin, AddSshKey{user, Key("n")}), std::nullopt);
  EXPECT_EQ(vault.WhyNot(admin, RemoveSshKey{key}), std::nullopt);
}

TEST_F(PlanUsersTest, WhoIsGoneOrLockedDoesNothing) {
  EXPECT_EQ(WhyNotAdd(User("x"), 999), Refusal::kAuthFailed);
  ASSERT_TRUE(vault.Do(kRoot, SetUserLocked{admin, true}).ok());
  EXPECT_EQ(WhyNotAdd(User("x"), admin), Refusal::kUserLocked);
  EXPECT_EQ(vault.WhyNot(admin, IssueToken{admin, {Hash('x'), 0}, true}), Refusal::kUserLocked);
}

TEST_F(PlanUsersTest, WhatIsNotThereIsNamed) {
  EXPECT_EQ(vault.WhyNot(kRoot, DeleteUser{999}), Refusal::kNoSuchUser);
  EXPECT_EQ(vault.WhyNot(kNobody, DeleteUser{999}), Refusal::kNoSuchUser);
  EXPECT_EQ(vault.WhyNot(kRoot, SetUserLocked{999, true}), Refusal::kNoSuchUser);
  EXPECT_EQ(vault.WhyNot(kRoot, AddSshKey{999, Key("k")}), Refusal::kNoSuchUser);
  EXPECT_EQ(vault.WhyNot(kRoot, RemoveSshKey{999}), Refusal::kNoSuchKey);
  EXPECT_EQ(vault.WhyNot(kRoot, IssueToken{999, {Hash('x'), 0}, false}), Refusal::kNoSuchUser);
  EXPECT_EQ(vault.WhyNot(kRoot, RevokeToken{999}), Refusal::kNoSuchToken);
  v1::UserRow elsewhere = User("x");
  elsewhere.set_organization_id(2);
  EXPECT_EQ(WhyNotAdd(elsewhere), Refusal::kNoSuchOrganization);
}

TEST_F(PlanUsersTest, NobodyGivesAwayWhatItDoesNotHave) {
  v1::UserRow super = User("super", v1::ROLE_ADMINISTRATOR);
  super.set_super_administrator(true);
  v1::UserRow op = User("op");
  op.set_operate_cluster(true);
  for (const v1::UserRow& row : {super, op}) {
    EXPECT_EQ(WhyNotAdd(row, admin), Refusal::kNotPermitted);
    const auto added = vault.Do(kRoot, AddUser{.user = row});
    ASSERT_TRUE(added.ok());
    EXPECT_EQ(vault.WhyNot(admin, SetUserLocked{added->id, true}), Refusal::kNotPermitted);
    EXPECT_EQ(vault.WhyNot(admin, DeleteUser{added->id}), Refusal::kNotPermitted);
    EXPECT_EQ(vault.WhyNot(admin, AddSshKey{added->id, Key("k")}), Refusal::kNotPermitted);
    EXPECT_EQ(vault.WhyNot(admin, IssueToken{added->id, {Hash('x'), 0}, false}),
              Refusal::kNotPermitted);
    EXPECT_EQ(vault.WhyNot(kRoot, DeleteUser{added->id}), std::nullopt);
  }
  EXPECT_EQ(vault.WhyNot(admin, RevokeToken{IssueTo(kRoot, 'r')}), Refusal::kNotPermitted);
  EXPECT_EQ(vault.WhyNot(admin, RemoveSshKey{AddKeyTo(kRoot, "k")}), Refusal::kNotPermitted);
}

TEST_F(PlanUsersTest, TheLastWhoCanAdministerStays) {
  EXPECT_EQ(vault.WhyNot(kRoot, DeleteUser{kRoot}), Refusal::kNotPermitted);
  EXPECT_EQ(vault.WhyNot(kRoot, SetUserLocked{kRoot, true}), Refusal::kNotPermitted);
  EXPECT_EQ(vault.WhyNot(kNobody, SetUserLocked{kRoot, true}), Refusal::kNotPermitted);
  EXPECT_EQ(vault.WhyNot(kRoot, SetUserLocked{kRoot, false}), std::nullopt);
  v1::UserRow second = User("second", v1::ROLE_ADMINISTRATOR);
  second.set_super_administrator(true);
  second.set_operate_cluster(true);
  second.set_locked(true);
  const auto added = vault.Do(kRoot, AddUser{.user = second});
  ASSERT_TRUE(added.ok());
  EXPECT_EQ(vault.WhyNot(kRoot, DeleteUser{kRoot}), Refusal::kNotPermitted);  // it is locked
  ASSERT_TRUE(vault.Do(kRoot, SetUserLocked{added->id, false}).ok());
  EXPECT_EQ(vault.WhyNot(kRoot, SetUserLocked{kRoot, true}), std::nullopt);
  ASSERT_TRUE(vault.Do(kRoot, DeleteUser{kRoot}).ok());
  EXPECT_EQ(vault.WhyNot(added->id, DeleteUser{added->id}), Refusal::kNotPermitted);
}

TEST_F(PlanUsersTest, FieldsAreChecked) {
  EXPECT_EQ(WhyNotAdd(User("")), Refusal::kMandatoryMissing);
  EXPECT_EQ(WhyNotAdd(User("x", v1::ROLE_UNSPECIFIED)), Refusal::kMandatoryMissing);
  EXPECT_EQ(WhyNotAdd(User("x", static_cast<v1::Role>(9))), Refusal::kInvalidInput);
  EXPECT_EQ(WhyNotAdd(User("a/b")), Refusal::kInvalidInput);
  EXPECT_EQ(WhyNotAdd(User("DOM\\x@y")), std::nullopt);
  EXPECT_EQ(WhyNotAdd(User("user")), Refusal::kAlreadyExists);
  v1::UserRow row = User("x");
  row.set_super_administrator(true);
  EXPECT_EQ(WhyNotAdd(row), Refusal::kInvalidInput);
  row = User("x");
  row.set_full_name("a\rb");
  EXPECT_EQ(WhyNotAdd(row), Refusal::kInvalidInput);
  row = User("x");
  row.set_host_name("db.example.com");
  EXPECT_EQ(WhyNotAdd(row), std::nullopt);
  row.set_host_check(true);
  EXPECT_EQ(WhyNotAdd(row), Refusal::kInvalidInput);
  row.set_host_name("");
  EXPECT_EQ(WhyNotAdd(row), Refusal::kMandatoryMissing);
  row.set_host_name("2001:db8::/32");
  EXPECT_EQ(WhyNotAdd(row), std::nullopt);
}

TEST_F(PlanUsersTest, TokensAreChecked) {
  const auto why_not = [&](const NewToken& token) {
    return vault.WhyNot(kRoot, IssueToken{user, token, false});
  };
  EXPECT_EQ(why_not({"short", 0}), Refusal::kInvalidInput);
  EXPECT_EQ(why_not({Hash('x'), kNow}), Refusal::kInvalidInput);
  EXPECT_EQ(why_not({Hash('x'), kNow + 1}), std::nullopt);
  IssueTo(admin, 'x');
  EXPECT_EQ(why_not({Hash('x'), 0}), Refusal::kAlreadyExists);
}

TEST_F(PlanUsersTest, AUserManagesItsOwnTokens) {
  const uint64_t others = IssueTo(admin, 'o');
  const uint64_t first = IssueTo(user, 'a', user);
  EXPECT_EQ(vault.state().FindToken(first)->user_id(), user);
  IssueTo(user, 'b', user);
  EXPECT_EQ(vault.WhyNot(user, RevokeToken{others}), Refusal::kNoSuchToken);
  EXPECT_EQ(vault.WhyNot(user, RevokeToken{999}), Refusal::kNoSuchToken);
  ASSERT_TRUE(vault.Do(user, RevokeToken{first}).ok());
  const auto replaced = vault.Do(user, IssueToken{user, {Hash('c'), 0}, true});
  ASSERT_TRUE(replaced.ok());
  const auto tokens = vault.state().TokensOfUser(user);
  ASSERT_EQ(tokens.size(), 1u);
  EXPECT_EQ(tokens[0]->id(), replaced->token_id);
  EXPECT_EQ(tokens[0]->hash(), Hash('c'));
  EXPECT_NE(vault.state().FindToken(others), nullptr);
}

TEST_F(PlanUsersTest, KeysAreChecked) {
  const auto why_not = [&](const NewSshKey& key) {
    return vault.WhyNot(kRoot, AddSshKey{user, key});
  };
  AddKeyTo(user, "k");
  EXPECT_EQ(why_not(Key("k")), Refusal::kAlreadyExists);
  EXPECT_EQ(vault.WhyNot(kRoot, AddSshKey{admin, Key("k")}), std::nullopt);
  EXPECT_EQ(why_not(Key("")), Refusal::kMandatoryMissing);
  EXPECT_EQ(why_not(Key(std::string(9000, 'k'))), Refusal::kInvalidInput);
  NewSshKey key = Key("n");
  key.comment = "two\nlines";
  EXPECT_EQ(why_not(key), Refusal::kInvalidInput);
  key = Key("n");
  key.public_key = std::string("\0\xff", 2);  // bytes, not text
  EXPECT_EQ(why_not(key), std::nullopt);
}

TEST_F(PlanUsersTest, KeysAndTokensAreBounded) {
  for (size_t i = 0; i < limits::kKeysPerUserMax; ++i) AddKeyTo(user, "k" + std::to_string(i));
  EXPECT_EQ(vault.WhyNot(kRoot, AddSshKey{user, Key("n")}), Refusal::kLimitReached);
  for (size_t i = 0; i < limits::kTokensPerUserMax; ++i) IssueTo(user, static_cast<char>(i + 1));
  EXPECT_EQ(vault.WhyNot(user, IssueToken{user, {Hash('\0'), 0}, false}), Refusal::kLimitReached);
  EXPECT_EQ(vault.WhyNot(user, IssueToken{user, {Hash('\0'), 0}, true}), std::nullopt);
  AddUser body{.user = User("many")};
  for (size_t i = 0; i <= limits::kKeysPerUserMax; ++i) {
    body.keys.push_back(Key("k" + std::to_string(i)));
  }
  EXPECT_EQ(vault.WhyNot(kRoot, body), Refusal::kLimitReached);
}

TEST_F(PlanUsersTest, DeletingAUserLeavesNothingBehind) {
  const uint64_t resource = vault.AddResourceNamed(keeper, "Srv");
  const uint64_t account = vault.AddAccountNamed(keeper, resource, "deploy");
  EXPECT_EQ(vault.WhyNot(kRoot, DeleteUser{keeper}), Refusal::kStillOwns);
  IssueTo(user, 't');
  AddKeyTo(user, "k");
  vault.Share(keeper, user, resource, 0, v1::SHARE_LEVEL_VIEW);
  vault.Share(keeper, user, 0, account, v1::SHARE_LEVEL_MODIFY);
  ASSERT_TRUE(vault.Do(admin, DeleteUser{user}).ok());
  EXPECT_EQ(vault.state().FindUser(user), nullptr);
  EXPECT_EQ(vault.state().RowCount(v1::TABLE_TOKEN), 0u);
  EXPECT_EQ(vault.state().RowCount(v1::TABLE_SSH_KEY), 0u);
  EXPECT_EQ(vault.state().RowCount(v1::TABLE_SHARE), 0u);
  ASSERT_TRUE(vault.Do(keeper, DeleteResource{resource}).ok());
  EXPECT_EQ(vault.WhyNot(kRoot, DeleteUser{keeper}), std::nullopt);
}

TEST_F(PlanUsersTest, IdsAreNeverGivenTwice) {
  ASSERT_TRUE(vault.Do(kRoot, DeleteUser{user}).ok());
  EXPECT_GT(vault.AddUserNamed("later"), user);
}

}  // namespace
}  // namespace holdfast::vault
