#include "replication/core/history.h"

#include <gtest/gtest.h>

#include "tests/unit/replication/core/core_testing.h"

namespace holdfast::replication {
namespace {

TEST(ForkPointTest, IsTheEndOfTheShorterLogWhenOneIsAPrefixOfTheOther) {
  const TestLog longer = TestLog().Add(E(1), 3).Add(E(2), 4);
  const TestLog shorter = TestLog().Add(E(1), 3).Add(E(2), 1);
  EXPECT_EQ(ForkPoint(longer.shape(), shorter.shape()), 4);
  EXPECT_EQ(ForkPoint(shorter.shape(), longer.shape()), 4);
}

TEST(ForkPointTest, IsWhereTheOldPrimaryWentOnAlone) {
  const TestLog old_primary = TestLog().Add(E(1), 3).Add(E(2, "a"), 5);
  const TestLog now = TestLog().Add(E(1), 3).Add(E(2, "a"), 2).Add(E(3, "b"), 9);
  EXPECT_EQ(ForkPoint(now.shape(), old_primary.shape()), 5);
}

TEST(ForkPointTest, TellsEpochsOfOneNumberButTwoNodesApart) {
  const TestLog a = TestLog().Add(E(1), 3).Add(E(2, "a"), 5);
  const TestLog b = TestLog().Add(E(1), 3).Add(E(2, "b"), 5);
  EXPECT_EQ(ForkPoint(a.shape(), b.shape()), 3);
}

TEST(ForkPointTest, DoesNotTrustAnEpochThatBeganOnAnotherChain) {
  const TestLog a = TestLog().Add(E(1), 3).Add(E(2), 2);
  const TestLog b = TestLog().Add(E(1), 3, /*content=*/7).Add(E(2), 2);
  ASSERT_NE(a.history[1], b.history[1]);
  // The digests of epoch 1's records are no part of a history, so the fork is its end at most; the
  // hello's digest finds the rest.
  EXPECT_EQ(ForkPoint(a.shape(), b.shape()), 3);
}

TEST(ForkPointTest, IsTheBeginningForAnEmptyLogAndForLogsOfTwoClusters) {
  EXPECT_EQ(ForkPoint(TestLog().Add(E(1), 3).shape(), TestLog().shape()), 0);
  EXPECT_EQ(ForkPoint(TestLog().Add(E(1, "a"), 3).shape(), TestLog().Add(E(1, "b"), 3).shape()), 0);
}

TEST(ForkPointTest, SaysNothingWhenTheHistoryShownIsTooShort) {
  const TestLog a = TestLog().Add(E(1), 2).Add(E(2), 2).Add(E(4), 2);
  TestLog b = TestLog().Add(E(1), 2).Add(E(3), 2).Add(E(5), 2);
  b.history.erase(b.history.begin());
  EXPECT_EQ(ForkPoint(a.shape(), b.shape()), std::nullopt);
}

TEST(HistoryTest, KeepsTheNewestAndCutsAtASeq) {
  const TestLog log = TestLog().Add(E(1), 2).Add(E(2), 2).Add(E(3), 2);
  ASSERT_EQ(NewestOf(log.history, 2).size(), 2u);
  EXPECT_EQ(NewestOf(log.history, 2).front().epoch, E(2));
  EXPECT_EQ(NewestOf(log.history, 9).size(), 3u);
  EXPECT_EQ(HistoryUpTo(log.history, 4).size(), 2u);
  EXPECT_EQ(HistoryUpTo(log.history, 5).size(), 3u);
  EXPECT_TRUE(HistoryUpTo(log.history, 0).empty());
}

TEST(HistoryTest, NamesWhatIsWrong) {
  EXPECT_EQ(HistoryFault({{E(1), 1, {}}, {E(2), 4, {}}}), nullptr);
  EXPECT_STREQ(HistoryFault({{E(2), 1, {}}, {E(2, "b"), 4, {}}}), "epochs do not rise");
  EXPECT_STREQ(HistoryFault({{E(1), 4, {}}, {E(2), 4, {}}}), "an epoch without a record");
  EXPECT_STREQ(HistoryFault({{E(0), 1, {}}}), "an epoch without a number");
  EXPECT_STREQ(HistoryFault({{E(1), 0, {}}}), "an epoch that begins before the log");
}

}  // namespace
}  // namespace holdfast::replication
