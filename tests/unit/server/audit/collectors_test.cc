#include "server/audit/collectors.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace holdfast::audit {
namespace {

using testing::ElementsAre;
using testing::Pair;

TEST(CollectorsTest, NothingIsCollectedBeforeItIsKnownWhoCollects) {
  Collectors collectors;
  collectors.Collected("b", 7);
  EXPECT_EQ(collectors.by_all(), 0u);
  EXPECT_EQ(collectors.by_keeper(), 0u);
}

TEST(CollectorsTest, TheSlowestAndTheQuickestKeeperCount) {
  Collectors collectors;
  collectors.Collected("b", 7);
  collectors.Set({{.name = "own"}, {.name = "b", .keeps = true}, {.name = "c", .keeps = true}});
  EXPECT_EQ(collectors.by_all(), 0u);
  EXPECT_EQ(collectors.by_keeper(), 7u);
  collectors.Collected("own", 9);
  collectors.Collected("c", 3);
  EXPECT_EQ(collectors.by_all(), 3u);
  EXPECT_EQ(collectors.by_keeper(), 7u);
  EXPECT_THAT(collectors.Lacking(8), ElementsAre("b", "c"));
}

TEST(CollectorsTest, OneThatIsForgottenHoldsNothingBack) {
  Collectors collectors;
  collectors.Set({{.name = "b", .keeps = true}, {.name = "c", .keeps = true}});
  collectors.Collected("b", 7);
  EXPECT_EQ(collectors.by_all(), 0u);
  collectors.Set({{.name = "b", .keeps = true}});
  EXPECT_EQ(collectors.by_all(), 7u);
  EXPECT_THAT(collectors.marks(), ElementsAre(Pair("b", 7)));
}

TEST(CollectorsTest, NobodyGoesBack) {
  Collectors collectors;
  collectors.Set({{.name = "b", .keeps = true}});
  collectors.Collected("b", 7);
  collectors.Collected("b", 5);
  EXPECT_EQ(collectors.by_all(), 7u);
}

}  // namespace
}  // namespace holdfast::audit
