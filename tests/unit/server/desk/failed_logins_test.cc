#include "server/desk/failed_logins.h"

#include <gtest/gtest.h>

#include <string>

namespace holdfast::desk {
namespace {

using std::chrono::milliseconds;

constexpr MonoTime kStart{std::chrono::hours(1)};

class FailedLoginsTest : public testing::Test {
 protected:
  FailedLogins logins_{{.free = 3,
                        .first = milliseconds(1000),
                        .longest = milliseconds(4000),
                        .forget_after = milliseconds(60'000),
                        .entries_max = 4}};
  // The wait that a failure is told, 0: none.
  int64_t Fail(MonoTime now, const std::string& source = "1.2.3.4",
               const std::string& user = "ann") {
    return logins_.Failed(source, user, now).value_or(milliseconds(0)).count();
  }
};

TEST_F(FailedLoginsTest, TheFirstOnesAreFree) {
  for (int i = 0; i < 3; ++i) EXPECT_EQ(Fail(kStart), 0) << i;
  EXPECT_EQ(Fail(kStart), 1000) << "the third began a wait";
}

TEST_F(FailedLoginsTest, EachFailureAfterTheWaitDoublesItUpToTheLongest) {
  MonoTime now = kStart;
  for (int i = 0; i < 3; ++i) Fail(now);
  for (const int64_t wait : {1000, 2000, 4000, 4000}) {
    EXPECT_EQ(Fail(now + milliseconds(1)), wait - 1) << "too early, and told how long";
    now += milliseconds(wait);
    EXPECT_EQ(Fail(now), 0) << "the wait is over: judged again";
  }
}

TEST_F(FailedLoginsTest, OneThatCameTooEarlyDoesNotCount) {
  for (int i = 0; i < 3; ++i) Fail(kStart);
  for (int i = 0; i < 100; ++i) Fail(kStart + milliseconds(500));
  EXPECT_EQ(Fail(kStart + milliseconds(1000)), 0);
  EXPECT_EQ(Fail(kStart + milliseconds(1000)), 2000);
}

TEST_F(FailedLoginsTest, SourcesAndUsersAreApart) {
  for (int i = 0; i < 3; ++i) Fail(kStart);
  EXPECT_EQ(Fail(kStart, "1.2.3.4", "bob"), 0);
  EXPECT_EQ(Fail(kStart, "1.2.3.5", "ann"), 0);
}

TEST_F(FailedLoginsTest, ASuccessAndALongQuietTimeForget) {
  for (int i = 0; i < 3; ++i) Fail(kStart);
  logins_.Succeeded("1.2.3.4", "ann");
  EXPECT_EQ(Fail(kStart), 0);
  for (int i = 0; i < 2; ++i) Fail(kStart);
  const MonoTime later = kStart + milliseconds(60'000);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(Fail(later), 0) << i;
}

TEST_F(FailedLoginsTest, HoldsNoMoreThanItsBoundAndDropsTheLongestQuietOne) {
  for (int i = 0; i < 3; ++i) Fail(kStart, "quiet");
  for (int i = 0; i < 3; ++i) Fail(kStart + milliseconds(1), "noisy");
  for (int i = 0; i < 3; ++i) Fail(kStart + milliseconds(2 + i), "more" + std::to_string(i));
  EXPECT_EQ(logins_.size(), 4u);
  EXPECT_GT(Fail(kStart + milliseconds(10), "noisy"), 0);
  EXPECT_EQ(Fail(kStart + milliseconds(10), "quiet"), 0) << "it made room";
  EXPECT_EQ(logins_.size(), 4u);
}

}  // namespace
}  // namespace holdfast::desk
