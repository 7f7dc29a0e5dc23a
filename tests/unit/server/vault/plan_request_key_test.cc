#include <gtest/gtest.h>

#include <string>
#include <utility>

#include "server/base/limits.h"
#include "server/vault/pending_state.h"
#include "tests/unit/server/vault/vault_fixture.h"

namespace holdfast::vault {
namespace {

constexpr int64_t kDayMs = 24LL * 3600 * 1000;

class RequestKeyTest : public ::testing::Test {
 protected:
  absl::StatusOr<Planned> Do(uint64_t user_id, CommandBody body, const std::string& key,
                             char digest = 'd') {
    Command command{.actor = {}, .now_ms = now_ms, .body = std::move(body)};
    command.actor.set_user_id(user_id);
    command.request_key =
        RequestKey{.key = key, .digest = Hash(digest), .expires_ms = now_ms + kDayMs};
    absl::StatusOr<Planned> planned = Plan(vault.state(), command);
    if (!planned.ok()) return planned;
    for (const v1::RowChange& change : planned->changes) {
      EXPECT_TRUE(vault.state().Apply(change).ok());
    }
    return planned;
  }
  static AddResource Resource(const std::string& name) {
    AddResource body;
    body.resource.set_name(name);
    body.accounts = {Account("one"), Account("two")};
    return body;
  }

  Vault vault;
  int64_t now_ms = kNow;
};

TEST_F(RequestKeyTest, TheSameRequestAgainIsAnsweredAndNotDone) {
  const auto first = Do(kRoot, Resource("db"), "k");
  ASSERT_TRUE(first.ok()) << first.status();
  EXPECT_FALSE(first->repeated);
  const size_t rows = vault.state().RowCount();
  const auto again = Do(kRoot, Resource("db"), "k");
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_TRUE(again->repeated);
  EXPECT_TRUE(again->changes.empty());
  EXPECT_EQ(again->operation, "resource.add");
  EXPECT_EQ(again->id, first->id);
  EXPECT_EQ(again->account_ids, first->account_ids);
  EXPECT_EQ(vault.state().RowCount(), rows);
}

TEST_F(RequestKeyTest, WhoHasLostTheRightIsNotAnsweredAgain) {
  const uint64_t owner = vault.AddUserNamed("owner", v1::ROLE_ADMINISTRATOR);
  const uint64_t other = vault.AddUserNamed("other", v1::ROLE_ADMINISTRATOR);
  const auto made = Do(owner, Resource("db"), "k");
  ASSERT_TRUE(made.ok()) << made.status();
  const auto share =
      Do(owner,
         SetShare{.user_id = other, .resource_id = made->id, .level = v1::SHARE_LEVEL_FULL_ACCESS},
         "s");
  ASSERT_TRUE(share.ok()) << share.status();
  const AddAccounts more{.resource_id = made->id, .accounts = {Account("three")}};
  const DeleteAccount less{.account_id = made->account_ids[0]};
  ASSERT_TRUE(Do(other, more, "a").ok());
  ASSERT_TRUE(Do(other, less, "d").ok());
  EXPECT_TRUE(Do(other, more, "a")->repeated) << "that it exists by now is its own doing";
  EXPECT_TRUE(Do(other, less, "d")->repeated) << "that it is gone too";
  ASSERT_TRUE(Do(owner,
                 SetShare{.user_id = other, .resource_id = made->id, .level = v1::SHARE_LEVEL_VIEW},
                 "v")
                  .ok());
  EXPECT_EQ(RefusalOf(Do(other, more, "a").status()), Refusal::kNotPermitted);
  ASSERT_TRUE(Do(owner, RevokeShare{.share_id = share->id}, "r").ok());
  EXPECT_EQ(RefusalOf(Do(other, more, "a").status()), Refusal::kNoSuchResource);
  EXPECT_TRUE(Do(owner, RevokeShare{.share_id = share->id}, "r")->repeated);
  EXPECT_TRUE(Do(owner, Resource("db"), "k")->repeated);
}

TEST_F(RequestKeyTest, AnotherRequestUnderTheSameKeyIsRefused) {
  ASSERT_TRUE(Do(kRoot, Resource("db"), "k").ok());
  EXPECT_EQ(RefusalOf(Do(kRoot, Resource("db2"), "k", 'x').status()),
            Refusal::kIdempotencyKeyReused);
}

TEST_F(RequestKeyTest, AKeyIsItsUsersOwnAndARefusalTakesNone) {
  const uint64_t other = vault.AddUserNamed("other", v1::ROLE_ADMINISTRATOR);
  ASSERT_TRUE(Do(kRoot, Resource("db"), "k").ok());
  EXPECT_EQ(RefusalOf(Do(other, Resource("db"), "k").status()), Refusal::kAlreadyExists);
  const auto fresh = Do(other, Resource("other"), "k", 'x');
  ASSERT_TRUE(fresh.ok()) << fresh.status();
  EXPECT_FALSE(fresh->repeated);
}

TEST_F(RequestKeyTest, AnExpiredKeyIsFreeAndOldOnesGoAFewAtATime) {
  for (int i = 0; i < 20; ++i) {
    ASSERT_TRUE(Do(kRoot, AddUser{.user = User("u" + std::to_string(i))}, std::to_string(i)).ok());
  }
  EXPECT_EQ(vault.state().RequestKeyCount(kRoot), 20u);
  now_ms += kDayMs;
  EXPECT_FALSE(Do(kRoot, AddUser{.user = User("late")}, "0", 'x')->repeated);
  EXPECT_EQ(vault.state().RequestKeyCount(kRoot), 20u - 8u);  // "0" took its own place
  ASSERT_TRUE(Do(kRoot, AddUser{.user = User("later")}, "new").ok());
  ASSERT_TRUE(Do(kRoot, AddUser{.user = User("latest")}, "newer").ok());
  EXPECT_EQ(vault.state().RequestKeyCount(kRoot), 3u);
}

TEST_F(RequestKeyTest, AUserHasSoManyAndNoMore) {
  for (size_t i = 0; i < limits::kRequestKeysPerUserMax; ++i) {
    v1::Row row;
    row.mutable_request_key()->set_id(std::to_string(kRoot) + "/x" + std::to_string(i));
    row.mutable_request_key()->set_user_id(kRoot);
    row.mutable_request_key()->set_expires_ms(now_ms + kDayMs);
    ASSERT_TRUE(vault.state().Put(std::move(row)).ok());
  }
  EXPECT_EQ(RefusalOf(Do(kRoot, Resource("db"), "k").status()), Refusal::kLimitReached);
  now_ms += kDayMs;
  EXPECT_TRUE(Do(kRoot, Resource("db"), "k").ok());
}

TEST_F(RequestKeyTest, KeysAreChecked) {
  const auto why_not = [&](const std::string& key) {
    return RefusalOf(Do(kRoot, Resource("db"), key).status());
  };
  EXPECT_EQ(why_not(""), Refusal::kInvalidInput);
  EXPECT_EQ(why_not("a b"), Refusal::kInvalidInput);
  EXPECT_EQ(why_not("\xc3\xa4"), Refusal::kInvalidInput);
  EXPECT_EQ(why_not(std::string(256, 'k')), Refusal::kInvalidInput);
  EXPECT_EQ(why_not(std::string(255, 'k')), std::nullopt);
}

}  // namespace
}  // namespace holdfast::vault
