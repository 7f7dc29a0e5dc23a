#include "server/vault/login.h"

#include <gtest/gtest.h>

#include "tests/unit/server/vault/vault_fixture.h"

namespace holdfast::vault {
namespace {

constexpr char kHere[] = "192.0.2.7";

class LoginTest : public ::testing::Test {
 protected:
  Vault vault;
  uint64_t user = 0;
  uint64_t token = 0;
  uint64_t key = 0;

  void SetUp() override {
    AddUser body{.user = User("ada"), .token = NewToken{Hash('t'), kNow + 100}, .keys = {Key("k")}};
    body.user.set_host_check(true);
    body.user.set_host_name("192.0.2.0/24");
    const auto planned = vault.Do(kRoot, body);
    ASSERT_TRUE(planned.ok()) << planned.status();
    user = planned->id;
    token = planned->token_id;
    key = planned->key_ids.at(0);
  }

  std::optional<Refusal> ByToken(const std::string& hash, const char* source = kHere,
                                 int64_t now_ms = kNow) {
    const auto still = StillValidToken(vault.state(), token, source, now_ms);
    const auto login = LogInByToken(vault.state(), hash, source, now_ms);
    if (hash == Hash('t')) {
      EXPECT_EQ(still.status(), login.status());
    }
    return RefusalOf(login.status());
  }
  std::optional<Refusal> ByKey(const std::string& login, const std::string& blob = "k",
                               const char* source = kHere) {
    const auto still = StillValidKey(vault.state(), key, source);
    const auto logged_in = LogInByKey(vault.state(), login, blob, source);
    if (login == "ada" && blob == "k") {
      EXPECT_EQ(RefusalOf(still.status()), RefusalOf(logged_in.status()));
    }
    return RefusalOf(logged_in.status());
  }
  void Edit(void (*edit)(v1::UserRow&)) {
    v1::Row row;
    *row.mutable_user() = *vault.state().FindUser(user);
    edit(*row.mutable_user());
    ASSERT_TRUE(vault.state().Put(row).ok());
  }
};

TEST_F(LoginTest, WhoHasTokenOrKeyLogsIn) {
  const auto by_token = LogInByToken(vault.state(), Hash('t'), kHere, kNow);
  ASSERT_TRUE(by_token.ok()) << by_token.status();
  EXPECT_EQ(by_token->user->id(), user);
  EXPECT_EQ(by_token->token->id(), token);
  const auto by_key = LogInByKey(vault.state(), "ada", "k", kHere);
  ASSERT_TRUE(by_key.ok()) << by_key.status();
  EXPECT_EQ(by_key->user->id(), user);
  EXPECT_EQ(by_key->key->id(), key);
  EXPECT_EQ((*StillValidToken(vault.state(), token, kHere, kNow))->id(), user);
  EXPECT_EQ((*StillValidKey(vault.state(), key, kHere))->id(), user);
}

TEST_F(LoginTest, TheOrganizationMayStandInFront) {
  EXPECT_EQ(ByKey("MAIN/ada"), std::nullopt);
  EXPECT_EQ(ByKey("OTHER/ada"), Refusal::kAuthFailed);
  EXPECT_EQ(ByKey("/ada"), Refusal::kAuthFailed);
  EXPECT_EQ(ByKey("MAIN/MAIN/ada"), Refusal::kAuthFailed);
}

TEST_F(LoginTest, WhoIsUnknownIsRefused) {
  EXPECT_EQ(ByToken(Hash('x')), Refusal::kAuthFailed);
  EXPECT_EQ(ByToken(""), Refusal::kAuthFailed);
  EXPECT_EQ(ByKey("ada", "other"), Refusal::kAuthFailed);
  EXPECT_EQ(ByKey("root"), Refusal::kAuthFailed);  // the key of somebody else
  EXPECT_EQ(ByKey("nobody"), Refusal::kAuthFailed);
  EXPECT_EQ(RefusalOf(StillValidToken(vault.state(), 999, kHere, kNow).status()),
            Refusal::kAuthFailed);
  EXPECT_EQ(RefusalOf(StillValidKey(vault.state(), 999, kHere).status()), Refusal::kAuthFailed);
}

TEST_F(LoginTest, ATokenEndsAtItsTime) {
  EXPECT_EQ(ByToken(Hash('t'), kHere, kNow + 99), std::nullopt);
  EXPECT_EQ(ByToken(Hash('t'), kHere, kNow + 100), Refusal::kTokenExpired);
}

TEST_F(LoginTest, ALockedUserIsRefused) {
  ASSERT_TRUE(vault.Do(kRoot, SetUserLocked{user, true}).ok());
  EXPECT_EQ(ByToken(Hash('t')), Refusal::kUserLocked);
  EXPECT_EQ(ByKey("ada"), Refusal::kUserLocked);
  ASSERT_TRUE(vault.Do(kRoot, SetUserLocked{user, false}).ok());
  EXPECT_EQ(ByToken(Hash('t')), std::nullopt);
}

TEST_F(LoginTest, EachDoorIsEnabledForItself) {
  Edit([](v1::UserRow& row) { row.set_rest_enabled(false); });
  EXPECT_EQ(ByToken(Hash('t')), Refusal::kRestNotEnabled);
  EXPECT_EQ(ByKey("ada"), std::nullopt);
  Edit([](v1::UserRow& row) {
    row.set_rest_enabled(true);
    row.set_ssh_enabled(false);
  });
  EXPECT_EQ(ByToken(Hash('t')), std::nullopt);
  EXPECT_EQ(ByKey("ada"), Refusal::kSshNotEnabled);
}

TEST_F(LoginTest, TheHostIsCheckedWhenAskedFor) {
  EXPECT_EQ(ByToken(Hash('t'), "198.51.100.1"), Refusal::kHostNotAllowed);
  EXPECT_EQ(ByKey("ada", "k", "198.51.100.1"), Refusal::kHostNotAllowed);
  Edit([](v1::UserRow& row) { row.set_host_name("db.example.com"); });  // never matches
  EXPECT_EQ(ByToken(Hash('t')), Refusal::kHostNotAllowed);
  Edit([](v1::UserRow& row) { row.set_host_check(false); });
  EXPECT_EQ(ByToken(Hash('t'), "198.51.100.1"), std::nullopt);
}

TEST_F(LoginTest, WhatIsRevokedEndsWhatIsOpen) {
  ASSERT_TRUE(vault.Do(kRoot, RevokeToken{token}).ok());
  EXPECT_EQ(ByToken(Hash('t')), Refusal::kAuthFailed);
  ASSERT_TRUE(vault.Do(kRoot, RemoveSshKey{key}).ok());
  EXPECT_EQ(RefusalOf(StillValidKey(vault.state(), key, kHere).status()), Refusal::kAuthFailed);
}

}  // namespace
}  // namespace holdfast::vault
